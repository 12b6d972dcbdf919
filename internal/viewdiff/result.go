package viewdiff

import "github.com/nsboot/nsboot/internal/fsview"

// A Side is one of the views that are compared.
type Side struct {
	Name string
	View *fsview.Reader
}

// Options say what to keep of the views beside their differences.
type Options struct {
	// TreeRows is how many rows of the two trees to keep side by side. Where the
	// trees are larger, what is the same in both is left out.
	TreeRows int
	// Recorded says that nobody knows which view is nsboot's; else it is the first.
	Recorded bool
	// Masked are the paths that the config masks or makes read-only, if that is
	// known.
	Masked []string
}

// Class is what a thing is on comparison.
type Class string

const (
	Same      Class = "same"
	Known     Class = "known"     // a row of DIVERGENCES.md says why
	Different Class = "different" // nobody has said why
)

// Counts count things by class.
type Counts struct {
	Same      int `json:"same"`
	Known     int `json:"known"`
	Different int `json:"different"`
}

// All is the number of things.
func (c Counts) All() int { return c.Same + c.Known + c.Different }

func (c *Counts) add(class Class) {
	switch class {
	case Same:
		c.Same++
	case Known:
		c.Known++
	case Different:
		c.Different++
	}
}

// Here and There are the values of a difference that is not one of a fact, but of
// something that only one side has.
const (
	Here = "there"
	Gone = "not there"
)

// A Difference is a fact in which the views differ, and all the paths at which
// they do in the same way.
type Difference struct {
	Class Class    `json:"class"`
	Row   string   `json:"row,omitempty"` // of DIVERGENCES.md, if it is known
	Kind  string   `json:"kind"`          // of the record, as in a view
	Fact  string   `json:"fact,omitempty"`
	A     string   `json:"a"`
	B     string   `json:"b"`
	Paths []string `json:"paths,omitempty"` // escaped as in a view
	Below int      `json:"below,omitempty"` // entries below paths that only one side has
}

// A Mount groups the differences at and below a mount point.
type Mount struct {
	Path        string            `json:"path"` // empty for the process
	A           map[string]string `json:"a,omitempty"`
	B           map[string]string `json:"b,omitempty"`
	Counts      Counts            `json:"counts"`
	Differences []Difference      `json:"differences,omitempty"`
	ProbesA     map[string]string `json:"-"`
	ProbesB     map[string]string `json:"-"`

	index map[group]int
}

// group is what differences have in common that are shown as one.
type group struct{ row, kind, fact, a, b string }

// A Result is what a comparison found.
type Result struct {
	A       string   `json:"a"`
	B       string   `json:"b"`
	Counts  Counts   `json:"counts"`
	Entries [2]int   `json:"entries"` // of the trees
	Cut     string   `json:"cut,omitempty"`
	Mounts  []*Mount `json:"mounts"`

	Headers [2]map[string]string `json:"-"`
	Process [2]map[string]string `json:"-"`
	Tree    Tree                 `json:"-"`
}

// Verdict says it in a few words.
func (r *Result) Verdict() string {
	switch {
	case r.Counts.Different == 1:
		return "1 unknown difference"
	case r.Counts.Different > 0:
		return Number(r.Counts.Different) + " unknown differences"
	case r.Counts.Known == 0:
		return "no difference"
	case r.Counts.Known == 1:
		return "no unknown difference, 1 known"
	}
	return "no unknown difference, " + Number(r.Counts.Known) + " known"
}

// Number writes thousands apart.
func Number(n int) string {
	if n < 1000 {
		return digits(n, 1)
	}
	return Number(n/1000) + "," + digits(n%1000, 3)
}

func digits(n, width int) string {
	text := ""
	for ; n > 0 || width > 0; n, width = n/10, width-1 {
		text = string(rune('0'+n%10)) + text
	}
	return text
}
