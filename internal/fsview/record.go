package fsview

import (
	"cmp"
	"strings"
)

// Kinds of records, in the order in which they stand in a view.
const (
	KindView    = "view"    // the header: Facts tell what was looked at, by what
	KindProcess = "process" // ids, descriptors, working directory
	KindLookup  = "lookup"  // Path is a name that was searched in PATH
	KindMount   = "mount"   // a mount that a path leads to
	KindHidden  = "hidden"  // mounts of the table that no path leads to
	KindProbe   = "probe"   // what a mount point did when it was tried
	KindTime    = "time"    // Path is a place, Facts are samples in ns by operation
	KindEntry   = "entry"   // a file, a directory, ... of the tree
	KindCut     = "cut"     // Path is the first entry left out, for there were too many
	KindEnd     = "end"     // nothing is missing
)

// Version is the version of the format, in the header.
const Version = "1"

// FactError is the fact of a record that could not be made: what failed, and
// the errno's name.
const FactError = "error"

// NotTried is the fact of a probe that needs something that another probe did
// not get: what that one says is the difference.
const NotTried = "-"

// A Record is one thing that was seen.
type Record struct {
	Kind  string            `json:"kind"`
	Path  string            `json:"path,omitempty"`
	Facts map[string]string `json:"facts,omitempty"`
}

// rank is a kind's place in a view.
func rank(kind string) int {
	for i, k := range [...]string{KindView, KindProcess, KindLookup, KindMount, KindHidden, KindProbe, KindTime, KindEntry, KindCut, KindEnd} {
		if k == kind {
			return i
		}
	}
	return -1
}

// Compare is the order of records in a view.
func Compare(a, b *Record) int {
	if a.Kind != b.Kind {
		return cmp.Compare(rank(a.Kind), rank(b.Kind))
	}
	return ComparePaths(a.Path, b.Path)
}

// ComparePaths orders paths as a walk meets them: a directory, what is below it,
// then its next sibling. So a slash comes before every other byte.
func ComparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return cmp.Compare(order(a[i]), order(b[i]))
		}
	}
	return cmp.Compare(len(a), len(b))
}

func order(c byte) int {
	if c == '/' {
		return -1
	}
	return int(c)
}

// Below reports whether p is dir or lies below it; both are clean.
func Below(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir) && len(p) > len(dir) && p[len(dir)] == '/'
}
