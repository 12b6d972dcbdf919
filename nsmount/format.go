package nsmount

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Format writes the plan as the tree that a person reads: a mount below
// another is indented under it, each with its source, its access, flags and
// parameters, and the place in config.json and the rules that it comes from.
// The text is plain but for colour, and the same plan gives the same text.
//
// Symbolic links in the container's tree are not known to a plan: they are
// followed when it boots.
func (p *Plan) Format(w io.Writer, color bool) error {
	f := formatter{plan: p, color: color}
	f.header()
	f.tree()
	f.devices()
	f.pathList("read-only paths", OpReadonly)
	f.pathList("masked paths", OpMask)
	f.warnings()
	_, err := io.WriteString(w, f.out.String())
	return err
}

// Colours by what they mark, as the parameters of ECMA-48's SGR.
const (
	colorPath   = "1"  // bold
	colorRO     = "32" // green
	colorRW     = "33" // yellow
	colorHidden = "31" // red
	colorDim    = "2"
)

type formatter struct {
	plan  *Plan
	color bool
	kids  [][]int // the steps that lie directly on what each step mounts
	out   strings.Builder
}

func (f *formatter) paint(code, s string) string {
	if !f.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (f *formatter) header() {
	n := 0
	for i := range f.plan.Steps {
		if f.plan.Steps[i].Op.mounts() {
			n++
		}
	}
	access := "writable root"
	switch {
	case f.plan.Readonly:
		access = "read-only root"
	case f.plan.Root().Overlay != nil:
		access = "overlaid root"
	}
	mounts := "mounts"
	if n == 1 {
		mounts = "mount"
	}
	pod := ""
	if id := f.plan.Sandbox(); id != "" {
		pod = ", in the pod of " + printable(id) + " (K4)"
	}
	fmt.Fprintf(&f.out, "profile %s, %d %s, %s%s\n\n", f.plan.Profile, n, mounts, access, pod)
}

// mounts reports whether a step makes a mount of its own.
func (op Op) mounts() bool {
	return op != OpStub && (op == OpTmp || op == OpConsole || op.givesTree())
}

// row is one line of the tree, and what is said below it.
type row struct {
	branch, under string // what is drawn in front of the line, and of those below it
	path, what    string
	access, flags string
	origin        string
	details       []string
	hidden        bool
}

func (r *row) pathWidth() int {
	return utf8.RuneCountInString(r.branch) + utf8.RuneCountInString(r.path)
}

// Columns are as wide as their contents up to these; what is longer runs over.
const (
	maxPathColumn   = 36
	maxWhatColumn   = 48
	maxOriginColumn = 24
)

func (f *formatter) tree() {
	f.nest()
	var rows []row
	f.walk(0, "", "", &rows)
	var cols columns
	for i := range rows {
		r := &rows[i]
		cols.path = widen(cols.path, r.pathWidth(), maxPathColumn)
		cols.what = widen(cols.what, utf8.RuneCountInString(r.what), maxWhatColumn)
		cols.origin = widen(cols.origin, utf8.RuneCountInString(r.origin), maxOriginColumn)
	}
	for i := range rows {
		f.row(&rows[i], cols)
	}
	if slices.ContainsFunc(f.plan.Steps, func(s Step) bool { return s.NoLinks && s.Target != podDir && !below(s.Target, podDir) }) {
		f.out.WriteString("\nA symbolic link on the way to a mount that is no bind is an error (P1).\n")
	}
}

type columns struct{ path, what, origin int }

func widen(col, width, limit int) int {
	if width > limit {
		return col
	}
	return max(col, width)
}

func (f *formatter) row(r *row, cols columns) {
	code := colorPath
	if r.hidden {
		code = colorHidden
	}
	access := "    "
	switch r.access {
	case "ro":
		access = f.paint(colorRO, "ro") + "  "
	case "rw":
		access = f.paint(colorRW, "rw") + "  "
	}
	f.out.WriteString(f.paint(colorDim, r.branch) + f.paint(code, r.path) + gap(cols.path, r.pathWidth()) + access +
		r.what + gap(cols.what, utf8.RuneCountInString(r.what)) + f.paint(colorDim, r.origin))
	if r.flags != "" {
		f.out.WriteString(gap(cols.origin, utf8.RuneCountInString(r.origin)) + r.flags)
	}
	f.out.WriteString("\n")
	for _, d := range r.details {
		f.out.WriteString(f.paint(colorDim, r.under+"    "+d) + "\n")
	}
}

// gap fills a column up and parts it from the next.
func gap(column, width int) string { return strings.Repeat(" ", max(column-width, 0)+2) }

// walk appends the rows of step i and of all below it.
func (f *formatter) walk(i int, branch, under string, rows *[]row) {
	r := f.describe(i)
	r.branch, r.under = branch, under+" "
	if len(f.kids[i]) > 0 {
		r.under = under + "│"
	}
	*rows = append(*rows, r)
	for n, kid := range f.kids[i] {
		if n == len(f.kids[i])-1 {
			f.walk(kid, under+"└─ ", under+"   ", rows)
		} else {
			f.walk(kid, under+"├─ ", under+"│  ", rows)
		}
	}
}

// nest finds out which step lies on which.
func (f *formatter) nest() {
	f.kids = make([][]int, len(f.plan.Steps))
	for j := 1; j < len(f.plan.Steps); j++ {
		switch f.plan.Steps[j].Op {
		case OpDevice, OpMask, OpReadonly, OpSeal:
			continue
		}
		on := f.parent(j)
		f.kids[on] = append(f.kids[on], j)
	}
}

// parent is the step that mounts what step j lies on: the last one before it
// at a directory above. An earlier one further down is hidden by that.
func (f *formatter) parent(j int) int {
	s := &f.plan.Steps[j]
	for i := j - 1; i > 0; i-- {
		over := &f.plan.Steps[i]
		if over.Op.mounts() && (below(s.Target, over.Target) || (s.Op == OpNodes || s.Op == OpRemount) && s.Target == over.Target) {
			return i
		}
	}
	return 0
}

// coveredBy finds the first later step that hides what step i mounts (C8).
func (f *formatter) coveredBy(i int) *Step {
	s := &f.plan.Steps[i]
	for j := i + 1; j < len(f.plan.Steps); j++ {
		over := &f.plan.Steps[j]
		if s.Op.mounts() && over.Op.givesTree() && (s.Target == over.Target || below(s.Target, over.Target)) {
			return over
		}
	}
	return nil
}

// describe fills in all of a row but its place in the tree.
func (f *formatter) describe(i int) row {
	s := &f.plan.Steps[i]
	r := row{path: printable(s.Target), what: f.what(s), origin: s.Origin}
	if s.Rule != "" {
		r.origin += " (" + s.Rule + ")"
	}
	sealed := f.sealed(s)
	if s.Op.mounts() {
		r.access = "rw"
		if sealed || slices.Contains(s.Flags, "ro") || slices.Contains(s.Flags, "rro") {
			r.access = "ro"
		}
	}
	if s.Op == OpRemount {
		r.access = "rw"
		if slices.Contains(s.Flags, "ro") || slices.Contains(s.Flags, "rro") {
			r.access = "ro"
		}
	}
	flags := slices.DeleteFunc(slices.Clone(s.Flags), func(o string) bool { return o == "ro" || o == "rw" })
	flags = append(append(flags, s.Propagation...), s.Data...)
	r.flags = printable(strings.Join(flags, ","))
	if over := f.coveredBy(i); over != nil {
		r.hidden = true
		r.details = append(r.details, fmt.Sprintf("hidden by %s %s, mounted over it later", over.Origin, printable(over.Target)))
	}
	if s.SpecIndex > 0 && s.Destination != s.Target {
		r.details = append(r.details, fmt.Sprintf("destination in config.json: %q", s.Destination))
	}
	if s.IDMap != nil {
		r.details = append(r.details, ownersText(s)...)
	}
	if s.Layers != nil {
		r.details = append(r.details, layersText(s)...)
	}
	if len(s.Stubs) > 0 && (s.Op == OpRoot || s.Op == OpBind || s.Layers != nil) {
		r.details = append(r.details, wrap("mount points: ", printables(s.Stubs), 90)...)
		r.details = append(r.details, stubsText(s))
	}
	if sealed {
		r.details = append(r.details, "read-only once everything inside is there (S7)")
	}
	return r
}

func (f *formatter) sealed(s *Step) bool {
	for i := range f.plan.Steps {
		if o := &f.plan.Steps[i]; o.Op == OpSeal && o.Target == s.Target && o.Origin == s.Origin {
			return s.Op.mounts()
		}
	}
	return false
}

func (f *formatter) devices() {
	first := true
	for i := range f.plan.Steps {
		s := &f.plan.Steps[i]
		if s.Op != OpDevice {
			continue
		}
		if first {
			f.out.WriteString("\ndevices\n")
			first = false
		}
		d := s.Device
		number := ""
		if d.Type != "p" {
			number = fmt.Sprintf(" %d:%d", d.Major, d.Minor)
		}
		fmt.Fprintf(&f.out, "  %s  %s%s mode=%#o owner=%d:%d  %s\n", f.paint(colorPath, printable(s.Target)),
			d.Type, number, d.Mode, d.UID, d.GID, f.paint(colorDim, s.Origin))
	}
}

// pathList prints all steps of one op together: there are many of them, and
// one is like the next.
func (f *formatter) pathList(title string, op Op) {
	var list []string
	for i := range f.plan.Steps {
		if s := &f.plan.Steps[i]; s.Op == op {
			list = append(list, printable(s.Target))
		}
	}
	if len(list) == 0 {
		return
	}
	f.out.WriteString("\n" + title + "\n")
	for _, line := range wrap("  ", list, 100) {
		f.out.WriteString(line + "\n")
	}
}

func (f *formatter) warnings() {
	if len(f.plan.Warnings) == 0 {
		return
	}
	f.out.WriteString("\nwarnings\n")
	for _, w := range f.plan.Warnings {
		f.out.WriteString("  " + f.paint(colorRW, printable(w.String())) + "\n")
	}
}
