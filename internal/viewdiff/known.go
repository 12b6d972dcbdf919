package viewdiff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nsboot/nsboot/internal/fsview"
)

// A rule says which differences a row of DIVERGENCES.md explains: those in which
// all that it names is so. An empty list is anything, a word that ends in * a beginning.
type rule struct {
	row     string
	kinds   []string // of the record
	facts   []string // "" is the whole record: only one side has it
	types   []string // nsboot's type of the mount that it is in
	there   []string // the other's type of that mount
	paths   []string
	entries []string // type of the entry
	ours    []string // nsboot's values
	theirs  []string // the other's
}

// explain returns the row of DIVERGENCES.md that explains a difference, or
// nothing.
func (c *comparison) explain(m *Mount, rec *fsview.Record, fact, a, b string) string {
	ours, theirs := m.A, m.B
	switch c.ours {
	case noSide:
		return ""
	case sideB:
		ours, theirs, a, b = m.B, m.A, b, a
	}
	there := typeOf(theirs)
	typ := cmp.Or(typeOf(ours), there)
	for _, r := range c.rules {
		if r.explains(typ, there, rec, fact, a, b) {
			return r.row
		}
	}
	return ""
}

// typeOf is a mount's type, by its statfs where there is no table.
func typeOf(mount map[string]string) string { return cmp.Or(mount["type"], mount["statfs type"]) }

// side is one of the two views, or neither.
type side int

const (
	sideA side = iota
	sideB
	noSide
)

// oursOf tells which of two recorded views is to be taken for nsboot's: the one
// that was not made in a sandbox, if the other was. Between two of a kind nothing
// is known.
func oursOf(headers [2]map[string]string) side {
	a, b := headers[0]["sandbox"], headers[1]["sandbox"]
	switch {
	case a == "" && b != "":
		return sideA
	case a != "" && b == "":
		return sideB
	}
	return noSide
}

func (r *rule) explains(typ, there string, rec *fsview.Record, fact, ours, theirs string) bool {
	return has(r.kinds, rec.Kind) && has(r.facts, fact) && has(r.types, typ) && has(r.there, there) && has(r.ours, ours) && has(r.theirs, theirs) && has(r.paths, rec.Path) && has(r.entries, rec.Facts["type"])
}

// has reports whether a list has a word.
func has(list []string, word string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(w string) bool {
		head, open := strings.CutSuffix(w, "*")
		return w == word || open && strings.HasPrefix(word, head)
	})
}

// is makes a list.
func is(words ...string) []string { return words }

// rules are made when they are asked for: a boot has no use for them. The first
// that fits counts. masked are the paths that the config masks or makes
// read-only, as far as that is known.
func rules(masked []string) []rule {
	hidden := is("/proc/*", "/sys/firmware")
	for _, p := range masked {
		hidden = append(hidden, p, p+"/*")
	}
	return slices.Concat(mountRules(hidden), probeRules(), entryRules(hidden), processRules())
}
