package viewdiff

import (
	"bufio"
	"io"
	"strings"

	"github.com/nsboot/nsboot/internal/fsview"
)

// examples is how many paths of a difference are named in text.
const examples = 4

// textWriter writes a result for people.
type textWriter struct {
	w     *bufio.Writer
	color bool
}

// WriteText writes a result for people: the verdict, the counts, then what
// differs at each mount point.
func WriteText(w io.Writer, r *Result, color bool) error {
	t := &textWriter{bufio.NewWriter(w), color}
	t.line(fsview.Escape(r.A) + " and " + fsview.Escape(r.B) + ": " + t.paint(verdictColor(r), r.Verdict()))
	t.line(Number(r.Counts.All()) + " things seen: " + Number(r.Counts.Same) + " the same, " + Number(r.Counts.Known) + " known, " +
		Number(r.Counts.Different) + " different; " + Number(r.Entries[0]) + " and " + Number(r.Entries[1]) + " of them in the trees")
	if r.Cut != "" {
		t.line("not compared: the trees from " + r.Cut + " on (--max-entries)")
	}
	for _, m := range r.Mounts {
		if len(m.Differences) > 0 {
			t.mount(m)
		}
	}
	return t.w.Flush()
}

func verdictColor(r *Result) string {
	if r.Counts.Different > 0 {
		return red
	}
	return green
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t *textWriter) paint(code, text string) string {
	if !t.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *textWriter) line(s string) { t.w.WriteString(strings.TrimRight(s, " ") + "\n") }

// mount writes the differences at a mount point: the unknown each on a line, the
// known by row.
func (t *textWriter) mount(m *Mount) {
	title := m.Path
	if title == "" {
		title = "the process"
	} else if types := m.Types(); types != "" {
		title += " (" + types + ")"
	}
	t.line("\n" + title + ": " + Number(m.Counts.Same) + " the same, " + Number(m.Counts.Known) + " known, " + Number(m.Counts.Different) + " different")
	var known []Difference
	for i := 0; i < len(m.Differences); i++ {
		if d := &m.Differences[i]; d.Class == Different {
			t.line("  " + t.paint(red, "different") + "  " + d.String())
		} else {
			known = append(known, *d)
		}
	}
	for len(known) > 0 {
		n := 1
		for n < len(known) && known[n].Row == known[0].Row {
			n++
		}
		t.row(known[:n])
		known = known[n:]
	}
}

// row writes what one row explains: a line, or a few.
func (t *textWriter) row(list []Difference) {
	head := "  " + t.paint(yellow, "known") + "      " + list[0].Row + ": "
	for i := 0; i < len(list); i++ {
		d := list[i]
		for d.Fact != "" && len(d.Paths) == 0 && i+1 < len(list) && list[i+1].A == d.A && list[i+1].B == d.B && len(list[i+1].Paths) == 0 {
			i++
			d.Fact += ", " + list[i].Fact
		}
		t.line(head + d.String())
		head = strings.Repeat(" ", 13)
	}
}

// Types are the types of a mount on both sides.
func (m *Mount) Types() string {
	a, b := m.A["type"], m.B["type"]
	switch {
	case m.A == nil && m.B == nil:
		return ""
	case m.A == nil:
		return "not mounted, " + orUnknown(b)
	case m.B == nil:
		return orUnknown(a) + ", not mounted"
	case a == b:
		return a
	}
	return orUnknown(a) + ", " + orUnknown(b)
}

func orUnknown(typ string) string {
	if typ == "" {
		return "?"
	}
	return fsview.Escape(typ)
}

// String is a difference on one line.
func (d *Difference) String() string {
	what := d.Fact
	switch {
	case what == "" && d.Kind == fsview.KindMount:
		what = "the mount"
	case what == "" && len(d.Paths) == 0:
		what = d.Kind
	case what == "":
		what = names2(d.Paths)
	case len(d.Paths) > 0:
		what += " of " + names2(d.Paths)
	}
	text := fsview.Escape(what) + ": " + value(d.A) + ", there " + value(d.B)
	if d.A == Here || d.A == Gone {
		text = what + ": only here"
		if d.A == Gone {
			text = what + ": only there"
		}
	}
	if d.Below > 0 {
		text += ", with " + Number(d.Below) + " below"
	}
	return text
}

func value(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// names2 names a few paths, and counts the others.
func names2(paths []string) string {
	if len(paths) <= examples {
		return strings.Join(paths, ", ")
	}
	return strings.Join(paths[:examples-1], ", ") + " and " + Number(len(paths)-examples+1) + " more"
}
