package nsmount

import (
	"fmt"
	"io"
	"slices"
	"strconv"
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
		access = "throwaway root"
	}
	mounts := "mounts"
	if n == 1 {
		mounts = "mount"
	}
	fmt.Fprintf(&f.out, "profile %s, %d %s, %s\n\n", f.plan.Profile, n, mounts, access)
}

// mounts reports whether a step makes a mount of its own.
func (op Op) mounts() bool { return op != OpStub && (op == OpTmp || op.givesTree()) }

// row is one line of the tree, and what is said below it.
type row struct {
	branch, under string // what is drawn in front of the line, and of those below it
	path, what    string
	access, flags string
	origin        string
	details       []string
	hidden        bool
}

func (r *row) pathWidth() int { return utf8.RuneCountInString(r.branch) + utf8.RuneCountInString(r.path) }

func (r *row) flagsWidth() int {
	n := utf8.RuneCountInString(r.access)
	if r.flags != "" {
		n += 1 + utf8.RuneCountInString(r.flags)
	}
	return n
}

// Columns are as wide as their contents up to these; what is longer runs over.
const (
	maxPathColumn  = 36
	maxWhatColumn  = 44
	maxFlagsColumn = 44
)

func (f *formatter) tree() {
	var rows []row
	f.walk(0, "", "", &rows)
	var pathCol, whatCol, flagsCol int
	for i := range rows {
		r := &rows[i]
		pathCol = widen(pathCol, r.pathWidth(), maxPathColumn)
		whatCol = widen(whatCol, utf8.RuneCountInString(r.what), maxWhatColumn)
		flagsCol = widen(flagsCol, r.flagsWidth(), maxFlagsColumn)
	}
	for i := range rows {
		f.row(&rows[i], pathCol, whatCol, flagsCol)
	}
}

func widen(col, width, limit int) int {
	if width > limit {
		return col
	}
	return max(col, width)
}

func (f *formatter) row(r *row, pathCol, whatCol, flagsCol int) {
	code := colorPath
	if r.hidden {
		code = colorHidden
	}
	f.out.WriteString(f.paint(colorDim, r.branch) + f.paint(code, r.path) + gap(pathCol, r.pathWidth()))
	f.out.WriteString(r.what + gap(whatCol, utf8.RuneCountInString(r.what)))
	switch r.access {
	case "ro":
		f.out.WriteString(f.paint(colorRO, "ro"))
	case "rw":
		f.out.WriteString(f.paint(colorRW, "rw"))
	}
	if r.flags != "" {
		f.out.WriteString(" " + r.flags)
	}
	f.out.WriteString(gap(flagsCol, r.flagsWidth()) + f.paint(colorDim, r.origin) + "\n")
	for _, d := range r.details {
		f.out.WriteString(f.paint(colorDim, r.under) + "    " + f.paint(colorDim, d) + "\n")
	}
}

// gap fills a column up and parts it from the next.
func gap(column, width int) string { return strings.Repeat(" ", max(column-width, 0)+2) }

// walk appends the rows of step i and of all below it.
func (f *formatter) walk(i int, branch, under string, rows *[]row) {
	children := f.children(i)
	r := f.describe(i)
	r.branch, r.under = branch, under
	if len(children) > 0 {
		r.under += "│"
	} else {
		r.under += " "
	}
	*rows = append(*rows, r)
	for n, c := range children {
		if n == len(children)-1 {
			f.walk(c, under+"└─ ", under+"   ", rows)
		} else {
			f.walk(c, under+"├─ ", under+"│  ", rows)
		}
	}
}

// children lists the steps that lie directly on what step i mounts.
func (f *formatter) children(i int) []int {
	var out []int
	for j := i + 1; j < len(f.plan.Steps); j++ {
		switch f.plan.Steps[j].Op {
		case OpDevice, OpMask, OpReadonly, OpSeal:
			continue
		}
		if f.parent(j) == i {
			out = append(out, j)
		}
	}
	return out
}

// parent is the step that mounts what step j lies on: the last one before it
// at a directory above. An earlier one further down is hidden by that.
func (f *formatter) parent(j int) int {
	s := &f.plan.Steps[j]
	for i := j - 1; i > 0; i-- {
		over := &f.plan.Steps[i]
		if over.Op.mounts() && (below(s.Target, over.Target) || s.Op == OpNodes && s.Target == over.Target) {
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
	flags := slices.DeleteFunc(slices.Clone(s.Flags), func(o string) bool { return o == "ro" || o == "rw" })
	r.flags = printable(strings.Join(append(flags, s.Data...), ","))
	if over := f.coveredBy(i); over != nil {
		r.hidden = true
		r.details = append(r.details, fmt.Sprintf("hidden by %s %s, mounted over it later", over.Origin, printable(over.Target)))
	}
	if s.SpecIndex > 0 && s.Destination != s.Target {
		r.details = append(r.details, fmt.Sprintf("destination in config.json: %q", s.Destination))
	}
	if len(s.Propagation) > 0 {
		r.details = append(r.details, "propagation: "+strings.Join(s.Propagation, ", "))
	}
	if s.NoLinks && s.Op == OpMount {
		r.details = append(r.details, "a symbolic link on the way to it is an error (P1)")
	}
	if len(s.Stubs) > 0 {
		r.details = append(r.details, wrap("mount points: ", printables(s.Stubs), 96)...)
		r.details = append(r.details, stubsText(s))
	}
	if sealed {
		r.details = append(r.details, "read-only once everything inside is there (S7)")
	}
	return r
}

func (f *formatter) sealed(s *Step) bool {
	return slices.ContainsFunc(f.plan.Steps, func(o Step) bool {
		return o.Op == OpSeal && o.Target == s.Target && o.Origin == s.Origin && s.Op.mounts()
	})
}

// stubsText says where missing mount points are made (S1, S5).
func stubsText(s *Step) string {
	switch {
	case s.Op != OpRoot && s.Op != OpBind:
		return "missing ones are made in it"
	case s.Overlay != nil:
		return "missing ones come from the stub layer; the host's tree is not touched (S1, S5)"
	case slices.Contains(s.Flags, "ro") || slices.Contains(s.Flags, "rro"):
		return "if one is missing: overlay of " + printable(s.Source) + " with a stub layer below; the host's tree is not touched (S1, S5)"
	}
	return "missing ones are made in " + printable(s.Source) + " and removed afterwards (S5)"
}

// what says in a few words what is mounted.
func (f *formatter) what(s *Step) string {
	switch s.Op {
	case OpRoot, OpBind:
		return f.bindText(s)
	case OpDev:
		return "private /dev (tmpfs)"
	case OpCgroup:
		return s.Type + ": the process's own"
	case OpTmp:
		return "tmpfs, " + f.tmpText(s)
	case OpStub:
		if s.Origin == originCwd {
			return "made if missing"
		}
		return "mount point only"
	case OpNodes:
		return "default devices and links, made if missing"
	}
	if s.Source != "" && s.Source != s.Type {
		return s.Type + " " + printable(s.Source)
	}
	return s.Type
}

func (f *formatter) bindText(s *Step) string {
	if o := s.Overlay; o != nil {
		upper := "tmpfs"
		switch {
		case o.Dir != "":
			upper = printable(o.Dir)
		case o.Size != "":
			upper += " of " + printable(o.Size)
		}
		text := "overlay: " + upper + " over " + printable(s.Source)
		if len(s.Stubs) > 0 {
			text += ", stubs below"
		}
		return text
	}
	if s.Recursive {
		return "rbind " + printable(s.Source)
	}
	return "bind " + printable(s.Source)
}

// tmpText says when the tmpfs of /tmp is there: a thing that is only known
// once everything else is mounted (section 3).
func (f *formatter) tmpText(s *Step) string {
	if s.Rule == ruleTmpForced {
		return "whatever is there"
	}
	profile, err := ProfileByName(f.plan.Profile)
	if err == nil && profile.TmpFirst {
		return "whatever is there"
	}
	return "if absent or empty"
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

// wrap joins words with commas into lines of about width columns; those after
// the first are indented as far as its lead is long.
func wrap(lead string, words []string, width int) []string {
	var lines []string
	line := lead
	for i, w := range words {
		if i < len(words)-1 {
			w += ","
		}
		if n := utf8.RuneCountInString(line) + utf8.RuneCountInString(w); n >= width && line != lead {
			lines = append(lines, strings.TrimRight(line, " "))
			line = strings.Repeat(" ", len(lead))
		}
		line += w + " "
	}
	return append(lines, strings.TrimRight(line, " "))
}

// printable quotes what could move the cursor or end the line: the names come
// from a config that nobody vouches for.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(s)
		}
	}
	return s
}

func printables(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = printable(s)
	}
	return out
}
