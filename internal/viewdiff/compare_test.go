package viewdiff

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/internal/fsview"
)

// view makes a view of lines: kind, path, then fact=value with spaces as _.
func view(t testing.TB, text string) *fsview.Reader {
	t.Helper()
	var b bytes.Buffer
	w := fsview.NewWriter(&b)
	for _, line := range append(append([]string{"view version=1 asked=/"}, strings.Split(strings.TrimSpace(text), "\n")...), "end") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		r := fsview.Record{Kind: words[0], Facts: map[string]string{}}
		for _, word := range words[1:] {
			if fact, value, is := strings.Cut(word, "="); is {
				r.Facts[strings.ReplaceAll(fact, "_", " ")] = strings.ReplaceAll(value, "_", " ")
			} else {
				r.Path = word
			}
		}
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return fsview.NewReader(&b)
}

func compare(t *testing.T, a, b string, o Options) *Result {
	t.Helper()
	r, err := Compare(Side{"a", view(t, a)}, Side{"b", view(t, b)}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const base = `
process cwd=/ umask=0022
lookup sh found=/bin/sh
mount / type=ext4 access=ro
mount /data type=ext4 access=rw
probe / create=EROFS link=-
probe /data create=ok link=ok
entry / type=directory mode=0755
entry /bin type=directory mode=0755
entry /bin/sh type=file mode=0755 size=10
entry /data type=directory mode=0755
entry /data/x type=file mode=0644 size=1
`

// TestCompare: what differs, how often, and where.
func TestCompare(t *testing.T) {
	edit := strings.NewReplacer
	for name, c := range map[string]struct {
		b       string
		known   int
		differs int
		want    string // the text below the counts
	}{
		"same": {base, 0, 0, ""},
		"facts of the process": {edit("umask=0022", "umask=0077").Replace(base), 0, 1,
			"the process: 2 the same, 0 known, 1 different\n  different  umask: 0022, there 0077\n"},
		"lookup": {edit("found=/bin/sh", "found=ENOENT").Replace(base), 0, 1,
			"the process: 2 the same, 0 known, 1 different\n  different  found of sh: /bin/sh, there ENOENT\n"},
		"a mount's fact": {edit("mount /data type=ext4 access=rw", "mount /data type=ext4 access=ro").Replace(base), 0, 1,
			"/data (ext4): 5 the same, 0 known, 1 different\n  different  access: rw, there ro\n"},
		"not tried": {edit("probe /data create=ok link=ok", "probe /data create=EROFS link=-").Replace(base), 0, 1,
			"/data (ext4): 4 the same, 0 known, 1 different\n  different  create: ok, there EROFS\n"},
		"no such mount": {edit("mount /data type=ext4 access=rw\n", "", "probe /data create=ok link=ok\n", "").Replace(base), 0, 1,
			"/data (ext4, not mounted): 2 the same, 0 known, 1 different\n  different  the mount: only here\n"},
		"two facts, one entry": {edit("mode=0644 size=1", "mode=0600 size=2").Replace(base), 0, 1,
			"/data (ext4): 5 the same, 0 known, 1 different\n  different  mode of /data/x: 0644, there 0600\n  different  size of /data/x: 1, there 2\n"},
		"another type": {edit("entry /bin/sh type=file mode=0755 size=10", "entry /bin/sh type=link mode=0777 target=x").Replace(base), 0, 1,
			"/ (ext4): 5 the same, 0 known, 1 different\n  different  type of /bin/sh: file, there link\n"},
		"an error": {edit("entry /bin/sh type=file mode=0755 size=10", "entry /bin/sh error=stat:_EACCES").Replace(base), 0, 1,
			"/ (ext4): 5 the same, 0 known, 1 different\n  different  error of /bin/sh: none, there stat: EACCES\n"},
		"a directory is gone": {edit("entry /bin type=directory mode=0755\nentry /bin/sh type=file mode=0755 size=10\n", "").Replace(base), 0, 1,
			"/ (ext4): 4 the same, 0 known, 1 different\n  different  /bin: only here, with 1 below\n"},
		"a directory more": {edit("entry /data type=", "entry /bin/x type=directory\nentry /bin/x/a type=file\nentry /bin/x/b type=file\nentry /c type=file\nentry /data type=").Replace(base), 0, 2,
			"/ (ext4): 6 the same, 0 known, 2 different\n  different  /bin/x, /c: only there, with 2 below\n"},
		"known": {edit("type=ext4", "type=9p").Replace(base), 2, 0,
			"/ (ext4, 9p): 5 the same, 1 known, 0 different\n  known      seen-fs-type: type: ext4, there 9p\n\n" +
				"/data (ext4, 9p): 5 the same, 1 known, 0 different\n  known      seen-fs-type: type: ext4, there 9p\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := compare(t, base, c.b, Options{})
			if r.Counts.Known != c.known || r.Counts.Different != c.differs {
				t.Errorf("%+v, want %d known and %d different", r.Counts, c.known, c.differs)
			}
			if got := below(t, r); got != c.want {
				t.Errorf("-want +got:\n%s", cmp.Diff(c.want, got))
			}
			if back := compare(t, c.b, base, Options{}); back.Counts.All() != r.Counts.All() || back.Counts.Same != r.Counts.Same {
				t.Errorf("%+v, the other way round %+v", r.Counts, back.Counts)
			}
		})
	}
}

// below is the text below the counts.
func below(t *testing.T, r *Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, r, false); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(b.String(), "trees\n")
	return strings.TrimPrefix(rest, "\n")
}

// TestNotCompared: views that cannot be compared are an error that says which.
func TestNotCompared(t *testing.T) {
	head := `{"kind":"view","facts":{"version":"1","asked":"%s"}}` + "\n" + `{"kind":"end"}`
	side := func(name, text string) Side { return Side{name, fsview.NewReader(strings.NewReader(text))} }
	for want, b := range map[string]Side{
		"the views were asked for other things: a: probes, /; b: no probes, /": side("b", fmt.Sprintf(head, "no probes, /")),
		"b: empty: it is no view":                side("b", ""),
		"b: line 1: the view ends in the middle": side("b", `{"kind":"view","facts":{"version":"1","asked":"probes, /"}}`),
	} {
		if _, err := Compare(side("a", fmt.Sprintf(head, "probes, /")), b, Options{}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestCut: where one tree was cut, the rest of the other is not compared.
func TestCut(t *testing.T) {
	cut := strings.Replace(base, "entry /data type=directory mode=0755\nentry /data/x type=file mode=0644 size=1\n", "cut /data\n", 1)
	for _, sides := range [][2]string{{base, cut}, {cut, base}, {cut, cut}} {
		r := compare(t, sides[0], sides[1], Options{})
		if r.Counts.Different != 0 || r.Cut != "/data" {
			t.Errorf("%d different, cut at %q", r.Counts.Different, r.Cut)
		}
	}
}

// TestTree: a small tree is kept whole, of a large one what differs and the way
// there.
func TestTree(t *testing.T) {
	var a, b strings.Builder
	for i := range 50 {
		for _, w := range []*strings.Builder{&a, &b} {
			fmt.Fprintf(w, "entry /d%02d type=directory mode=0755\nentry /d%02d/f type=file mode=0644 size=1\n", i, i)
		}
		if i == 30 {
			b.WriteString("entry /d30/g type=directory mode=0755\nentry /d30/g/h type=file mode=0644\n")
		}
	}
	whole := compare(t, a.String(), b.String(), Options{TreeRows: 200}).Tree
	if len(whole.Rows) != 101 || whole.Pruned {
		t.Errorf("%d rows, pruned %v, want all 101", len(whole.Rows), whole.Pruned)
	}
	pruned := compare(t, a.String(), b.String(), Options{TreeRows: 20}).Tree
	want := []TreeRow{
		{Path: "/d30", A: "d0755 :", B: "d0755 :", Class: Same, Same: 60},
		{Path: "/d30/g", B: "d0755 :", Class: Different, Below: 1, Same: 1},
	}
	if d := cmp.Diff(want, pruned.Rows); d != "" || !pruned.Pruned {
		t.Errorf("pruned %v, -want +got:\n%s", pruned.Pruned, d)
	}
	if rows := compare(t, a.String(), b.String(), Options{}).Tree.Rows; rows != nil {
		t.Errorf("%d rows that nobody asked for", len(rows))
	}
}

// TestMemory: two views of 200,000 entries are merged in the memory of a few.
func TestMemory(t *testing.T) {
	stream := func(mode string) io.Reader {
		r, w := io.Pipe()
		go func() {
			b := bufio.NewWriter(w)
			fmt.Fprintln(b, `{"kind":"view","facts":{"version":"1","asked":"/"}}`)
			fmt.Fprintln(b, `{"kind":"mount","path":"/","facts":{"type":"ext4"}}`)
			fmt.Fprintln(b, `{"kind":"entry","path":"/","facts":{"type":"directory"}}`)
			for i := range 200_000 {
				m := "0644"
				if i == 100_000 {
					m = mode
				}
				fmt.Fprintf(b, `{"kind":"entry","path":"/usr/share/some/directory/file-%06d","facts":{"type":"file","mode":%q,"uid":"0","gid":"0","size":"1","links":"1"}}`+"\n", i, m)
			}
			fmt.Fprintln(b, `{"kind":"end"}`)
			b.Flush()
			w.Close()
		}()
		return r
	}
	r, err := Compare(Side{"a", fsview.NewReader(stream("0644"))}, Side{"b", fsview.NewReader(stream("0600"))}, Options{TreeRows: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if r.Counts != (Counts{Same: 200_001, Different: 1}) {
		t.Errorf("%+v", r.Counts)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 16<<20 {
		t.Errorf("%d MiB are held after the comparison", m.HeapAlloc>>20)
	}
	runtime.KeepAlive(r)
}
