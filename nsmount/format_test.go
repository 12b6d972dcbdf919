package nsmount

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func compileFor(t *testing.T, spec *specs.Spec, o Options) *Plan {
	t.Helper()
	plan, err := Compile(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func text(t *testing.T, p *Plan, color bool) string {
	t.Helper()
	var b strings.Builder
	if err := p.Format(&b, color); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// uncolored takes the colours out again.
func uncolored(s string) string {
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return s
		}
		s = s[:i] + s[i+strings.IndexByte(s[i:], 'm')+1:]
	}
}

func TestFormatColorChangesNothingElse(t *testing.T) {
	spec := &specs.Spec{Root: &specs.Root{Path: "rootfs"}, Mounts: []specs.Mount{
		{Destination: "/data", Type: "bind", Source: "/srv", Options: []string{"ro"}},
		{Destination: "/data", Type: "tmpfs"}, // hides the one before
		{Destination: "/x", Type: "nosuchfs"}, // a warning
	}}
	plan := compileFor(t, spec, Options{Bundle: "/b"})
	plain, colored := text(t, plan, false), text(t, plan, true)
	if strings.Contains(plain, "\x1b") {
		t.Errorf("colour in the plain text:\n%q", plain)
	}
	for _, code := range []string{colorPath, colorRO, colorRW, colorHidden, colorDim} {
		if !strings.Contains(colored, "\x1b["+code+"m") {
			t.Errorf("no colour %s in %q", code, colored)
		}
	}
	if diff := cmp.Diff(plain, uncolored(colored)); diff != "" {
		t.Errorf("plain against colours taken out (-want +got):\n%s", diff)
	}
}

func TestFormatIsStable(t *testing.T) {
	spec := &specs.Spec{Root: &specs.Root{Path: "rootfs"}}
	for i := range 30 {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: fmt.Sprintf("/m%d", i), Type: "tmpfs"})
	}
	first := text(t, compileFor(t, spec, Options{}), false)
	for range 10 {
		if again := text(t, compileFor(t, spec, Options{}), false); again != first {
			t.Fatalf("another text for the same config:\n%s", cmp.Diff(first, again))
		}
	}
}

// A name from the config never moves the cursor, nor begins a line of its own.
func TestFormatQuotesControlCharacters(t *testing.T) {
	bad := "/a\x1b[2J\nforged line\r\x07\u202e"
	spec := &specs.Spec{
		Root:   &specs.Root{Path: "root\nfs"},
		Mounts: []specs.Mount{{Destination: bad, Type: "bind", Source: bad, Options: []string{"bind"}}, {Destination: bad, Type: bad, Options: []string{"x=\n"}}},
		Linux:  &specs.Linux{MaskedPaths: []string{bad}, ReadonlyPaths: []string{bad}, Devices: []specs.LinuxDevice{{Path: bad, Type: "c"}}},
	}
	for _, profile := range []string{"runsc", "oci"} {
		got := text(t, compileFor(t, spec, Options{Profile: profile}), false)
		for _, r := range got {
			if r != '\n' && (r < ' ' || r == 0x202e) {
				t.Errorf("%s: control character %U in:\n%s", profile, r, got)
			}
		}
		for _, line := range strings.Split(got, "\n") {
			if strings.HasPrefix(line, "forged") {
				t.Errorf("%s: a line of the config's own:\n%s", profile, got)
			}
		}
	}
}

// Each step of a plan is in its text, and none twice.
func TestFormatShowsEveryStep(t *testing.T) {
	spec := &specs.Spec{Root: &specs.Root{Path: "rootfs"}, Process: &specs.Process{Cwd: "/w"}}
	for i := range 200 {
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: fmt.Sprintf("/m%d/s%d", i%7, i%50), Type: "bind", Source: "/srv"})
	}
	for _, profile := range ProfileNames() {
		plan := compileFor(t, spec, Options{Profile: profile})
		got := text(t, plan, false)
		for _, s := range plan.Steps {
			if n := strings.Count(got, " "+s.Origin+" ") + strings.Count(got, " "+s.Origin+"\n"); n < 1 {
				t.Errorf("%s: %s is not shown", profile, s.Origin)
			}
		}
		rows := 0
		for _, line := range strings.Split(got, "\n") {
			if strings.Contains(line, "─ /") {
				rows++
			}
		}
		if want := len(plan.Steps) - 1; rows != want {
			t.Errorf("%s: %d rows below the root, want %d", profile, rows, want)
		}
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestFormatReportsWriteErrors(t *testing.T) {
	plan := compileFor(t, &specs.Spec{Root: &specs.Root{Path: "r"}}, Options{})
	if err := plan.Format(failingWriter{}, false); err == nil {
		t.Error("no error from a full disk")
	}
}
