package viewdiff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nsboot/nsboot/internal/fsview"
)

// mount is the group of a mount point; that of the process has no path.
func (c *comparison) mount(p string) *Mount {
	m := c.mounts[p]
	if m == nil {
		m = &Mount{Path: p, index: map[group]int{}}
		c.mounts[p] = m
	}
	return m
}

// mountOf is the group of the mount that a path is in, for either side.
func (c *comparison) mountOf(p string) *Mount {
	for dir := p; ; {
		if m := c.mounts[dir]; m != nil {
			return m
		}
		i := strings.LastIndexByte(dir, '/')
		if i <= 0 {
			return c.mount("/")
		}
		dir = dir[:i]
	}
}

// only records that one side alone has something.
func (c *comparison) only(m *Mount, a, b *fsview.Record) Difference {
	if a != nil {
		return c.differ(m, a, "", Here, Gone)
	}
	return c.differ(m, b, "", Gone, Here)
}

// differ records a difference.
func (c *comparison) differ(m *Mount, rec *fsview.Record, fact, a, b string) Difference {
	d := Difference{Kind: rec.Kind, Fact: fact, A: fsview.Escape(a), B: fsview.Escape(b), Class: Different}
	if d.Row = c.explain(m, rec, fact, a, b); d.Row != "" {
		d.Class = Known
	}
	at, there := m.index[d.key()]
	if !there {
		at = len(m.Differences)
		m.index[d.key()] = at
		m.Differences = append(m.Differences, d)
	}
	if rec.Path != m.Path || rec.Kind == fsview.KindEntry {
		m.Differences[at].Paths = append(m.Differences[at].Paths, fsview.Escape(rec.Path))
	}
	return d
}

func (d *Difference) key() group { return group{d.Row, d.Kind, d.Fact, d.A, d.B} }

func (c *comparison) count(m *Mount, class Class) {
	m.Counts.add(class)
	c.r.Counts.add(class)
}

// finish sorts what was found: by mount point, the unknown first.
func (c *comparison) finish() {
	for _, m := range c.mounts {
		slices.SortStableFunc(m.Differences, func(a, b Difference) int {
			return cmp.Or(strings.Compare(string(a.Class), string(b.Class)), strings.Compare(a.Row, b.Row), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Fact, b.Fact))
		})
		m.index = nil
		c.r.Mounts = append(c.r.Mounts, m)
	}
	slices.SortFunc(c.r.Mounts, func(a, b *Mount) int { return fsview.ComparePaths(a.Path, b.Path) })
	for _, m := range c.r.Mounts {
		m.Path = fsview.Escape(m.Path)
	}
	c.r.Cut = fsview.Escape(c.cut)
	c.r.Tree = c.trees.finish()
}
