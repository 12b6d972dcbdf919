package fsview

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strings"
)

// A TextWriter writes records for people: a line each, but for what has many
// facts.
type TextWriter struct {
	w    *bufio.Writer
	kind string
}

// NewTextWriter returns a TextWriter that writes to w.
func NewTextWriter(w io.Writer) *TextWriter { return &TextWriter{w: bufio.NewWriterSize(w, 64<<10)} }

// Flush writes what is buffered.
func (t *TextWriter) Flush() error { return t.w.Flush() }

// Write writes one record.
func (t *TextWriter) Write(r Record) error {
	if r.Kind != t.kind {
		if title := titleOf(r.Kind); title != "" {
			if t.kind != "" {
				t.w.WriteByte('\n')
			}
			t.w.WriteString(title + "\n")
		}
		t.kind = r.Kind
	}
	f := r.Facts
	switch r.Kind {
	case KindView:
		if f["kernel"] == "" {
			break
		}
		t.line("kernel " + f["kernel"] + ", " + f["machine"] + "; mounts " + f["mounts"])
	case KindLookup:
		t.line("  " + pad(r.Path, 9) + f["found"])
	case KindMount:
		t.mount(r)
	case KindEntry:
		t.entry(r)
	case KindProcess:
		t.facts("  ", f)
	case KindCut:
		t.line("from " + Escape(r.Path) + " on left out: --max-entries")
	case KindTime:
		t.line("  " + Escape(r.Path))
		t.times(f)
	case KindEnd:
	default:
		t.line("  " + Escape(r.Path))
		t.facts("    ", f)
	}
	_, err := t.w.Write(nil) // the first error sticks
	return err
}

func titleOf(kind string) string {
	switch kind {
	case KindProcess:
		return "The process"
	case KindLookup:
		return "Executables on PATH"
	case KindMount:
		return "Mounts"
	case KindHidden:
		return "Covered mounts"
	case KindProbe:
		return "What the mount points do"
	case KindEntry:
		return "The tree"
	case KindTime:
		return "Times in ns: the median, and all samples"
	}
	return ""
}

func (t *TextWriter) line(s string) { t.w.WriteString(strings.TrimRight(s, " ") + "\n") }

// facts writes each value with all that have it, what is usual last.
func (t *TextWriter) facts(indent string, f map[string]string) {
	by := map[string][]string{}
	for k, v := range f {
		if v != NotTried {
			by[v] = append(by[v], k)
		}
	}
	values := make([]string, 0, len(by))
	for v, keys := range by {
		slices.Sort(keys)
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b string) int {
		if d := len(by[a]) - len(by[b]); d != 0 {
			return d
		}
		return strings.Compare(by[a][0], by[b][0])
	})
	for _, v := range values {
		line := indent
		for i, k := range by[v] {
			if i > 0 {
				line += ", "
			}
			if len(line)+len(k) > 100 {
				t.line(line)
				line = indent + "  "
			}
			line += k
		}
		t.line(line + ": " + Escape(v))
	}
}

// times writes a line for each operation.
func (t *TextWriter) times(f map[string]string) {
	ops := make([]string, 0, len(f))
	for op := range f {
		ops = append(ops, op)
	}
	slices.Sort(ops)
	for _, op := range ops {
		samples := strings.Fields(f[op])
		slices.SortFunc(samples, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
		line := "    " + pad(op, 24)
		if len(samples) > 1 {
			line += lpad(samples[len(samples)/2], 9) + "  "
		}
		t.line(line + Escape(f[op]))
	}
}

func (t *TextWriter) mount(r Record) {
	f := r.Facts
	text := "  " + pad(Escape(r.Path), 19) + " " + pad(f["type"], 8) + " " + Flags(f) + " " + f["propagation"]
	if s := f["statfs type"]; s != "" {
		text += "; statfs: " + s + " " + f["statfs flags"]
	} else if s := f["statfs"]; s != "" {
		text += "; statfs: " + s
	}
	if s := f["size"]; s != "" {
		text += ", " + s + " bytes"
	}
	t.line(text)
}

// entry writes a line as ls -l does.
func (t *TextWriter) entry(r Record) {
	f := r.Facts
	if e := f[FactError]; e != "" {
		t.line(pad(e, 35) + " " + Escape(r.Path))
		return
	}
	size := f["size"]
	if d := f["device"]; d != "" {
		size = d
	}
	text := pad(f["type"], 9) + " " + f["mode"] + " " + lpad(f["links"], 3) + " " + lpad(f["uid"], 5) + " " + lpad(f["gid"], 5) + " " + lpad(size, 9) + " " + Escape(r.Path)
	if s, is := f["target"]; is {
		text += " -> " + Escape(s)
	}
	if s := f["xattrs"]; s != "" {
		text += " (" + Escape(s) + ")"
	}
	if s := f["list"]; s != "" {
		text += " (cannot be listed: " + s + ")"
	}
	t.line(text)
}

func pad(s string, n int) string  { return s + strings.Repeat(" ", max(0, n-len(s))) }
func lpad(s string, n int) string { return strings.Repeat(" ", max(0, n-len(s))) + s }
