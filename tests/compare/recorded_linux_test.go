package compare

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

// record runs nsboot view --json in the bundle under a runtime.
func (l *lab) record(name string, runtime ...string) string {
	l.t.Helper()
	spec := *l.spec
	process := *spec.Process
	process.Terminal, process.Args = false, []string{"/dev/nsboot", "view", "--json", "--skip", "/dev/nsboot"}
	spec.Process = &process
	spec.Mounts = append(append([]specs.Mount{}, spec.Mounts...), specs.Mount{Destination: "/dev/nsboot", Type: "bind", Source: nsboot(), Options: []string{"bind", "ro"}})
	kept := l.spec
	l.spec = &spec
	l.save()
	r := l.wait(l.command(runtime[0], append(runtime[1:], "run", "recorded")...))
	l.spec = kept
	l.save()
	if r.Code != 0 {
		l.t.Fatalf("%v: exit %d: %s", runtime, r.Code, r.Err)
	}
	file := filepath.Join(testns.Work(), name)
	must(l.t, os.WriteFile(file, []byte(r.Out), 0o644))
	return file
}

// TestRecorded compares recorded views: of two of a kind nothing is known.
func TestRecorded(t *testing.T) {
	l := newLab(t)
	first := l.record("first.json", nsboot())
	again := l.record("again.json", nsboot())
	if r := l.run("compare", first, again); r.Code != 0 || !strings.HasPrefix(r.Out, first+" and "+again+": no difference\n") {
		t.Errorf("exit %d: %s%s", r.Code, r.Out, r.Err)
	}
	oci := l.record("oci.json", nsboot(), "--profile=oci")
	report := l.report(1, "compare", "--json", first, oci)
	if c := report.Comparisons[0]; c.Counts.Different == 0 || c.Counts.Known != 0 {
		t.Errorf("runsc and oci: %+v", c.Counts)
	}
	page := filepath.Join(testns.Work(), "recorded.html")
	if r := l.run("compare", "--html", page, first, oci); r.Code != 1 || !strings.HasSuffix(r.Out, " unknown differences\n") {
		t.Errorf("a page: exit %d: %s%s", r.Code, r.Out, r.Err)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "oci.json") {
		t.Errorf("a page: %d bytes, %v", len(text), err)
	}
	runtime(t, "runsc")
	l.changed = true // a run of runsc leaves mount points
	runsc := l.record("runsc.json", "runsc", "--network=none", "--overlay2=none", "--root="+l.tmp+"-runsc")
	for _, files := range [][]string{{first, runsc}, {runsc, first}} {
		c := l.report(0, "compare", "--json", files[0], files[1]).Comparisons[0]
		wantRows(t, unknown(t, c), "seen-fs-type", "seen-o-tmpfile")
	}
	whole, err := os.ReadFile(first)
	must(t, err)
	must(t, os.WriteFile(again, whole[:len(whole)/2], 0o644))
	if r := l.run("compare", first, again); r.Code != 125 || !strings.Contains(r.Err, again) {
		t.Errorf("half a view: exit %d: %s", r.Code, r.Err)
	}
}
