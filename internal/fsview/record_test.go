package fsview

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestEscape: every string comes back, and none commands a terminal.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"/plain/name": "/plain/name", "/größe": "/größe", "a\nb": `a\x0ab`, "\xff": `\xff`, `a\b`: `a\\b`,
		"\x1b[31m": `\x1b[31m`, "\u0085": `\xc2\x85`, "\ufffd": "\ufffd",
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		e := Escape(in)
		if strings.ContainsFunc(e, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			t.Fatalf("Escape(%q) = %q has control characters", in, e)
		}
		if back, err := Unescape(e); err != nil || back != in {
			t.Fatalf("Unescape(%q) = %q, %v, want %q", e, back, err, in)
		}
	})
	for _, bad := range []string{`\`, `\x`, `\xg0`, `\n`, `a\x1`} {
		if got, err := Unescape(bad); err == nil {
			t.Errorf("Unescape(%q) = %q, want an error", bad, got)
		}
	}
}

// TestOrder: a directory, what is below it, its next sibling.
func TestOrder(t *testing.T) {
	want := []string{"/", "/a", "/a/b", "/a/b/c", "/a/b!", "/a!", "/a-b", "/a.b", "/aa", "/b"}
	got := slices.Clone(want)
	slices.Sort(got)
	slices.SortFunc(got, ComparePaths)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if !(Compare(&Record{Kind: KindMount, Path: "/z"}, &Record{Kind: KindEntry, Path: "/"}) < 0) {
		t.Error("a mount comes after an entry")
	}
}

// TestReadBack: what was written is read, byte for byte.
func TestReadBack(t *testing.T) {
	records := []Record{
		{Kind: KindView, Facts: map[string]string{"version": Version}},
		{Kind: KindProcess, Facts: map[string]string{"cwd": "/a\xffb", "umask": "0022"}},
		{Kind: KindEntry, Path: "/", Facts: map[string]string{"type": "directory"}},
		{Kind: KindEntry, Path: "/\xff<&>\n" + strings.Repeat("n", 100_000), Facts: map[string]string{"target": `\x41`}},
		{Kind: KindEnd},
	}
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, r := range records {
		c := Record{Kind: r.Kind, Path: r.Path, Facts: map[string]string{}}
		for k, v := range r.Facts {
			c.Facts[k] = v
		}
		if err := w.Write(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r := NewReader(&b)
	var got []Record
	if head, err := r.Header(); err != nil {
		t.Fatal(err)
	} else {
		got = append(got, head)
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rec)
	}
	if d := cmp.Diff(records, got); d != "" {
		t.Errorf("-written +read:\n%s", d)
	}
}

// TestNoView: what is no view, or not all of one, is an error that says where.
func TestNoView(t *testing.T) {
	const head = `{"kind":"view","facts":{"version":"1"}}` + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":     {"", "empty: it is no view"},
		"plan":      {`{"version":1,"steps":[]}`, `line 1: a record of the unknown kind ""`},
		"no JSON":   {"total 12\n", "line 1: not a record"},
		"no header": {`{"kind":"entry","path":"/"}`, `line 1: "entry", where the header`},
		"version":   {`{"kind":"view","facts":{"version":"9"}}`, `version "9"`},
		"cut":       {head + `{"kind":"entry","path":"/"}`, "line 2: the view ends in the middle"},
		"cut early": {head, "line 1: the view ends in the middle"},
		"order":     {head + `{"kind":"entry","path":"/b"}` + "\n" + `{"kind":"entry","path":"/a"}`, `line 3: entry "/a" after entry "/b"`},
		"twice":     {head + `{"kind":"entry","path":"/b"}` + "\n" + `{"kind":"entry","path":"/b"}`, `line 3: entry "/b" after entry "/b"`},
		"escape":    {head + `{"kind":"entry","path":"/\\q"}`, `line 2: "\\q": not an escape`},
		"long line": {head + strings.Repeat("x", maxLine+1), "line 2: longer than"},
	} {
		r := NewReader(strings.NewReader(c.text))
		_, err := r.Header()
		for err == nil {
			_, err = r.Next()
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"kind":"view","facts":{"version":"1"}}` + "\n" + `{"kind":"entry","path":"/"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(bytes.NewReader(data))
		for _, err := r.Header(); err == nil; _, err = r.Next() {
		}
	})
}
