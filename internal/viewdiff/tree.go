package viewdiff

import (
	"strings"

	"github.com/nsboot/nsboot/internal/fsview"
)

// A Tree is the two trees side by side.
type Tree struct {
	Rows    []TreeRow
	Pruned  bool // what is the same in both is left out, but for the way to what is not
	Omitted int  // rows at the end that were too many
}

// A TreeRow is an entry in both trees. A and B are as ls -l has it, and empty
// where there is none.
type TreeRow struct {
	Path  string // escaped
	A, B  string
	Class Class
	Below int // entries below, of a directory that one side alone has
	Same  int // entries left out before this row, the same in both
}

// treeRows collects the rows of the trees. As long as there are few, all are
// kept; then only those that differ, and the directories that they are in.
type treeRows struct {
	limit   int
	t       Tree
	way     []TreeRow // pruned: the directories above, not yet in t.Rows
	skipped int
}

func newTreeRows(limit int) *treeRows { return &treeRows{limit: limit} }

func (t *treeRows) add(p string, a, b *fsview.Record, class Class) {
	if t.limit == 0 {
		return
	}
	row := TreeRow{Path: p, A: summary(a), B: summary(b), Class: class}
	if t.t.Pruned {
		t.prune(row)
		return
	}
	if t.t.Rows = append(t.t.Rows, row); len(t.t.Rows) > t.limit {
		rows := t.t.Rows
		t.t = Tree{Pruned: true}
		for _, r := range rows {
			t.prune(r)
		}
	}
}

// prune takes a row of a tree that is too large to be kept.
func (t *treeRows) prune(row TreeRow) {
	for len(t.way) > 0 && !fsview.Below(row.Path, t.way[len(t.way)-1].Path) {
		t.skipped += t.way[len(t.way)-1].Same + 1
		t.way = t.way[:len(t.way)-1]
	}
	row.Same, t.skipped = t.skipped, 0
	if row.Class == Same {
		t.way = append(t.way, row)
		return
	}
	for _, dir := range append(t.way, row) {
		if len(t.t.Rows) >= 4*t.limit {
			t.t.Omitted++
			continue
		}
		t.t.Rows = append(t.t.Rows, dir)
	}
	t.way = t.way[:0]
}

// below counts an entry below the last row.
func (t *treeRows) below() {
	if n := len(t.t.Rows); n > 0 && t.t.Omitted == 0 {
		t.t.Rows[n-1].Below++
	}
}

func (t *treeRows) finish() Tree {
	for i := range t.t.Rows {
		t.t.Rows[i].Path = fsview.Escape(t.t.Rows[i].Path)
	}
	return t.t
}

// summary is an entry on one line.
func summary(r *fsview.Record) string {
	if r == nil {
		return ""
	}
	f := r.Facts
	if e := f[fsview.FactError]; e != "" {
		return e
	}
	text := letter(f["type"]) + f["mode"] + " " + f["uid"] + ":" + f["gid"]
	if f["type"] == "file" && f["size"] != "" {
		text += " " + f["size"]
	}
	if f["device"] != "" {
		text += " " + f["device"]
	}
	if f["links"] != "" && f["links"] != "1" {
		text += " ×" + f["links"]
	}
	if f["xattrs"] != "" {
		text += " [" + f["xattrs"] + "]"
	}
	if f["list"] != "" {
		text += " " + f["list"]
	}
	if f["target"] != "" {
		text += " → " + f["target"]
	}
	return fsview.Escape(text)
}

// letter is that of ls -l.
func letter(kind string) string {
	switch kind {
	case "file":
		return "-"
	case "socket", "link", "directory", "character device", "block device", "pipe":
		return strings.ToLower(kind[:1])
	}
	return "?"
}
