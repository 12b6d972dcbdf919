// Package mounttree tells which mounts of a table a path still leads to.
//
//	seen := mounttree.Visible([]mounttree.Mount{{ID: 1, Point: "/"}, {ID: 2, Parent: 1, Point: "/mnt"}})
//
// A mount table lists mounts that others cover, too: of those stacked on one place
// only the top one is seen, of those below a place that was mounted over later none.
// Package mounttree asks the kernel nothing, and knows no links: mount points in a
// table have none.
package mounttree

import "strings"

// Mount is a line of a mount table, as far as this package reads it.
type Mount struct {
	ID, Parent int
	Point      string // where it is mounted: clean, absolute
}

// Visible reports of each mount whether a path leads to it. Without a mount on / it
// is none.
func Visible(table []Mount) []bool {
	known := make(map[int]bool, len(table))
	for _, m := range table {
		known[m.ID] = true
	}
	t := tree{table, make(map[int][]int, len(table))}
	root := -1
	for i, m := range table {
		switch {
		case m.ID != m.Parent && known[m.Parent]:
			t.over[m.Parent] = append(t.over[m.Parent], i)
		case m.Point == "/":
			root = i
		}
	}
	seen := make([]bool, len(table))
	for i, m := range table {
		seen[i] = root >= 0 && t.land(root, m.Point) == i
	}
	return seen
}

type tree struct {
	table []Mount
	over  map[int][]int // by mount id: what is mounted on it
}

// land walks a path down from the mount at and returns the one that it ends in.
func (t tree) land(at int, p string) int {
	for {
		next := -1
		for _, i := range t.over[t.table[at].ID] {
			if q := t.table[i].Point; within(p, q) && (next < 0 || len(q) <= len(t.table[next].Point)) {
				next = i
			}
		}
		if next < 0 {
			return at
		}
		at = next
	}
}

// within reports whether p is dir or lies below it.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}
