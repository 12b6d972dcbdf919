package viewdiff

import (
	"fmt"
	"io"
	"slices"

	"github.com/nsboot/nsboot/internal/fsview"
)

// comparison is a merge under way.
type comparison struct {
	r      *Result
	mounts map[string]*Mount // by path
	trees  *treeRows
	rules  []rule
	ours   side
	cut    string // no entry from here on is compared

	// gone is a directory that one side alone has; what is below is counted there.
	gone     string
	goneFrom *Mount
	goneAt   int
}

// Compare merges two views. An error says which view is at fault.
func Compare(a, b Side, o Options) (*Result, error) {
	c := &comparison{r: &Result{A: a.Name, B: b.Name}, mounts: map[string]*Mount{}, trees: newTreeRows(o.TreeRows), rules: rules(o.Masked)}
	for i, s := range []Side{a, b} {
		head, err := s.View.Header()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		c.r.Headers[i] = head.Facts
	}
	if o.Recorded {
		c.ours = oursOf(c.r.Headers)
	}
	if x, y := c.r.Headers[0]["asked"], c.r.Headers[1]["asked"]; x != y {
		return nil, fmt.Errorf("the views were asked for other things: %s: %s; %s: %s", a.Name, fsview.Escape(x), b.Name, fsview.Escape(y))
	}
	if err := c.merge(a, b); err != nil {
		return nil, err
	}
	c.finish()
	return c.r, nil
}

// merge walks both views in their order.
func (c *comparison) merge(a, b Side) error {
	x, err := c.next(a)
	if err != nil {
		return err
	}
	y, err := c.next(b)
	for err == nil && (x != nil || y != nil) {
		var d int
		switch {
		case x == nil:
			d = 1
		case y == nil:
			d = -1
		default:
			d = fsview.Compare(x, y)
		}
		var left, right *fsview.Record
		if d <= 0 {
			left = x
		}
		if d >= 0 {
			right = y
		}
		c.pair(left, right)
		if left != nil {
			if x, err = c.next(a); err != nil {
				return err
			}
		}
		if right != nil {
			y, err = c.next(b)
		}
	}
	return err
}

// next reads a record. Where a view was cut is told at once: the other may have
// entries from there on.
func (c *comparison) next(s Side) (*fsview.Record, error) {
	rec, err := s.View.Next()
	if err == io.EOF {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	if rec.Kind == fsview.KindCut && (c.cut == "" || fsview.ComparePaths(rec.Path, c.cut) < 0) {
		c.cut = rec.Path
	}
	return &rec, nil
}

// pair compares the two records of one thing, one of which may be missing.
func (c *comparison) pair(a, b *fsview.Record) {
	one := a
	if one == nil {
		one = b
	}
	switch one.Kind {
	case fsview.KindEnd, fsview.KindTime, fsview.KindCut:
	case fsview.KindEntry:
		c.entry(one.Path, a, b)
	case fsview.KindProbe:
		m := c.mount(one.Path)
		m.ProbesA, m.ProbesB = facts(a), facts(b)
		if a != nil && b != nil { // else the mount itself is the difference
			c.facts(m, a, b)
		}
	case fsview.KindMount:
		m := c.mount(one.Path)
		m.A, m.B = facts(a), facts(b)
		c.facts(m, a, b)
	case fsview.KindProcess:
		c.r.Process = [2]map[string]string{facts(a), facts(b)}
		c.facts(c.mount(""), a, b)
	case fsview.KindHidden:
		c.facts(c.mountOf(one.Path), a, b)
	default:
		c.facts(c.mount(""), a, b)
	}
}

func facts(r *fsview.Record) map[string]string {
	if r == nil {
		return nil
	}
	return r.Facts
}

// facts compares each fact of two records; each is a thing, but what could not be
// tried is none.
func (c *comparison) facts(m *Mount, a, b *fsview.Record) {
	if a == nil || b == nil {
		c.count(m, c.only(m, a, b).Class)
		return
	}
	for _, f := range names(a, b) {
		x, y := a.Facts[f], b.Facts[f]
		if follows(a, b, f) {
			continue
		}
		class := Same
		if x != y {
			class = c.differ(m, a, f, x, y).Class
		}
		c.count(m, class)
	}
}

// follows reports whether a fact can only differ because another does: what could
// not be tried on one side, or the size of what is a tmpfs on one side.
func follows(a, b *fsview.Record, fact string) bool {
	x, inA := a.Facts[fact]
	y, inB := b.Facts[fact]
	switch {
	case x == fsview.NotTried || y == fsview.NotTried:
		return true
	case a.Kind == fsview.KindProbe:
		return !inA || !inB
	}
	return fact == "size" && a.Facts["statfs type"] != b.Facts["statfs type"]
}

// names are those of the facts of either record.
func names(a, b *fsview.Record) []string {
	out := make([]string, 0, len(a.Facts))
	for f := range a.Facts {
		out = append(out, f)
	}
	for f := range b.Facts {
		if _, both := a.Facts[f]; !both {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return out
}

// entry compares an entry of the trees: one thing.
func (c *comparison) entry(p string, a, b *fsview.Record) {
	if c.cut != "" && fsview.ComparePaths(p, c.cut) >= 0 {
		return
	}
	if a != nil {
		c.r.Entries[0]++
	}
	if b != nil {
		c.r.Entries[1]++
	}
	m := c.mountOf(p)
	if a == nil || b == nil {
		c.lone(m, p, a, b)
		return
	}
	class := Same
	all := names(a, b)
	for _, f := range [...]string{fsview.FactError, "type"} {
		if a.Facts[f] != b.Facts[f] {
			all = []string{f} // the rest follows from that
			break
		}
	}
	for _, f := range all {
		x, y := a.Facts[f], b.Facts[f]
		if x == y {
			continue
		}
		if got := c.differ(m, a, f, x, y).Class; class != Different {
			class = got
		}
	}
	c.count(m, class)
	c.trees.add(p, a, b, class)
}

// lone is an entry that one side alone has, with all that is below it.
func (c *comparison) lone(m *Mount, p string, a, b *fsview.Record) {
	if c.gone != "" && fsview.Below(p, c.gone) {
		c.goneFrom.Differences[c.goneAt].Below++
		c.trees.below()
		return
	}
	d := c.only(m, a, b)
	c.gone, c.goneFrom, c.goneAt = p, m, m.index[d.key()]
	c.count(m, d.Class)
	c.trees.add(p, a, b, d.Class)
}
