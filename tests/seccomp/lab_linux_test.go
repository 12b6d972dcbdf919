package seccomp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

// lab is a bundle with busybox and the probe, and a --root of its own.
type lab struct {
	t    testing.TB
	dir  string
	spec *specs.Spec
}

var someCaps = []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}

func newLab(t testing.TB) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		testns.Skip(t, "booting needs root")
	}
	work := testns.Work()
	if _, err := os.Stat(filepath.Join(work, "busybox")); err != nil {
		testns.Skip(t, "no /bin/busybox")
	}
	dir, err := os.MkdirTemp(work, "t")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, dir: dir}
	for _, d := range []string{"bin", "proc", "dev", "tmp"} {
		if err := os.MkdirAll(l.path("rootfs/"+d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"busybox", "probe"} {
		if err := os.Link(filepath.Join(work, name), l.path("rootfs/bin/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sh", "grep", "mkdir", "sleep", "true", "id"} {
		if err := os.Symlink("busybox", l.path("rootfs/bin/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	l.spec = &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Args: []string{"true"}, Env: []string{"PATH=/bin"}, Cwd: "/", NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{Bounding: someCaps, Effective: someCaps, Permitted: someCaps},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
		},
		Linux:       &specs.Linux{},
		Annotations: map[string]string{"org.example": "yes"},
	}
	for _, typ := range []specs.LinuxNamespaceType{specs.MountNamespace, specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.NetworkNamespace} {
		l.spec.Linux.Namespaces = append(l.spec.Linux.Namespaces, specs.LinuxNamespace{Type: typ})
	}
	return l
}

func (l *lab) path(rel string) string { return filepath.Join(l.dir, rel) }

// write puts v into a file of the bundle.
func (l *lab) write(rel string, v any) {
	l.t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(l.path(rel), data, 0o644)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// sh has the process run a script.
func (l *lab) sh(script string) { l.spec.Process.Args = []string{"sh", "-c", script} }

// result is how a command ended.
type result struct {
	Code     int
	Out, Err string
}

// nsboot runs a command of nsboot on the bundle.
func (l *lab) nsboot(args ...string) result {
	l.t.Helper()
	return l.run(filepath.Join(testns.Work(), "nsboot"), append([]string{"--profile=oci", "--root", l.path("root")}, args...)...)
}

func (l *lab) run(name string, args ...string) result {
	l.t.Helper()
	l.write("config.json", l.spec)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = l.dir
	// A created container keeps what is not a file open.
	out, err := os.CreateTemp(l.dir, "out")
	if err != nil {
		l.t.Fatal(err)
	}
	defer out.Close()
	errs, err := os.CreateTemp(l.dir, "err")
	if err != nil {
		l.t.Fatal(err)
	}
	defer errs.Close()
	cmd.Stdout, cmd.Stderr = out, errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		l.t.Fatalf("%s: %v", name, err)
	}
	read := func(f *os.File) string {
		text, err := os.ReadFile(f.Name())
		if err != nil {
			l.t.Fatal(err)
		}
		return string(bytes.TrimSpace(text))
	}
	return result{cmd.ProcessState.ExitCode(), read(out), read(errs)}
}

// good fails the test unless the command ended well and printed each of parts.
func (l *lab) good(r result, parts ...string) result {
	l.t.Helper()
	return l.ended(r, 0, r.Out, parts)
}

// bad fails the test unless the command ended so and said each of parts.
func (l *lab) bad(r result, code int, parts ...string) {
	l.t.Helper()
	l.ended(r, code, r.Err, parts)
}

func (l *lab) ended(r result, code int, text string, parts []string) result {
	l.t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			l.t.Errorf("no %q", p)
		}
	}
	if r.Code != code || l.t.Failed() {
		l.t.Fatalf("ended with %d, not %d\n%s\n%s", r.Code, code, r.Out, r.Err)
	}
	return r
}
