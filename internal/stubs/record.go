package stubs

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/pathres"
)

// The file is text, a record a line; fields are separated by one blank and the
// last one is a quoted path, so that a record without its closing quote is known
// to be cut off. Each record is written with a newline before and after it: one
// that is appended to a cut-off line begins a line of its own all the same.
//
//	nsboot-stubs 1 "/srv/rootfs"
//	intent TOKEN d SECONDS NANOSECONDS "/data"
//	made TOKEN d DEV INO SECONDS NANOSECONDS "/data"
//	holder PID STARTTIME ""
const (
	headerWord = "nsboot-stubs"
	version    = 1
)

// A moment is a time of the kernel's, as statx gives it; zero if unknown.
type moment struct {
	Sec  int64
	Nsec uint32
}

// before compares; a file system that keeps whole seconds is given the benefit.
func (m moment) before(o moment) bool {
	return m.Sec < o.Sec || m.Sec == o.Sec && m.Nsec < o.Nsec && m.Nsec != 0
}

// plus adds seconds.
func (m moment) plus(sec int64) moment { return moment{m.Sec + sec, m.Nsec} }

// An entry is something to remove if it is still what it was.
type entry struct {
	pathres.Made        // Dev and Ino are 0 for an intent
	intent       bool   // recorded before it was made, never after
	time         moment // of the intent, or the birth time of what was made
	token        string // the boot that wrote it
}

func kind(dir bool) string {
	if dir {
		return "d"
	}
	return "f"
}

func headerLine(base string) string {
	return fmt.Sprintf("%s %d %s", headerWord, version, strconv.Quote(base))
}

func (e entry) line() string {
	path := strconv.Quote(e.Path)
	if e.intent {
		return fmt.Sprintf("intent %s %s %d %d %s", e.token, kind(e.Dir), e.time.Sec, e.time.Nsec, path)
	}
	return fmt.Sprintf("made %s %s %x %x %d %d %s", e.token, kind(e.Dir), e.Dev, e.Ino, e.time.Sec, e.time.Nsec, path)
}

// parse reads a journal. Lines that are cut off or make no sense are passed over;
// a file of another version is an error. An intent that its boot fulfilled is
// left out. The deepest paths come first, of one path the latest.
func parse(text string) ([]entry, error) {
	var all []entry
	for line := range strings.SplitSeq(text, "\n") {
		head, path, ok := splitPath(line)
		if !ok {
			continue
		}
		f := strings.Split(head, " ")
		switch f[0] {
		case headerWord:
			if len(f) != 2 || f[1] != strconv.Itoa(version) {
				return nil, fmt.Errorf("written by another version of nsboot (%q)", head)
			}
		default:
			if e, ok := parseEntry(f, path); ok {
				if !e.intent {
					all = dropIntents(all, e.token, path)
				}
				all = append(all, e)
			}
		}
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	sort.SliceStable(all, func(i, j int) bool {
		return strings.Count(all[i].Path, "/") > strings.Count(all[j].Path, "/")
	})
	return all, nil
}

// holders lists the processes that a journal is held for (see [Journal.HoldFor]).
func holders(text string) []Holder {
	var list []Holder
	for line := range strings.SplitSeq(text, "\n") {
		head, _, ok := splitPath(line)
		f := strings.Split(head, " ")
		if !ok || len(f) != 3 || f[0] != "holder" {
			continue
		}
		pid, err1 := strconv.Atoi(f[1])
		start, err2 := strconv.ParseUint(f[2], 10, 64)
		if err1 == nil && err2 == nil {
			list = append(list, Holder{pid, start})
		}
	}
	return list
}

// splitPath cuts the quoted path off the end of a line.
func splitPath(line string) (head, path string, ok bool) {
	i := strings.Index(line, ` "`)
	if i < 0 {
		return "", "", false
	}
	path, err := strconv.Unquote(line[i+1:])
	return line[:i], path, err == nil
}

func parseEntry(f []string, path string) (e entry, ok bool) {
	e.Path = path
	numbers := 0
	switch {
	case f[0] == "intent" && len(f) == 5:
		e.intent, numbers = true, 3
	case f[0] == "made" && len(f) == 7:
		numbers = 5
	default:
		return e, false
	}
	if f[2] != "d" && f[2] != "f" {
		return e, false
	}
	e.token, e.Dir = f[1], f[2] == "d"
	var errs [4]error
	if !e.intent {
		e.Dev, errs[0] = strconv.ParseUint(f[3], 16, 64)
		e.Ino, errs[1] = strconv.ParseUint(f[4], 16, 64)
	}
	var nsec uint64
	e.time.Sec, errs[2] = strconv.ParseInt(f[numbers], 10, 64)
	nsec, errs[3] = strconv.ParseUint(f[numbers+1], 10, 32)
	e.time.Nsec = uint32(nsec)
	return e, errs == [4]error{}
}

// dropIntents leaves out the intents of one boot for one path.
func dropIntents(all []entry, token, path string) []entry {
	kept := all[:0]
	for _, e := range all {
		if !e.intent || e.token != token || e.Path != path {
			kept = append(kept, e)
		}
	}
	return kept
}
