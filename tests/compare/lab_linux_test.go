package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/internal/viewdiff"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// lab is a bundle of busybox, and a directory for temporary files.
type lab struct {
	t    testing.TB
	dir  string // the bundle
	tmp  string // of TMPDIR
	spec *specs.Spec

	changed bool // by something else than nsboot compare
}

// newLab makes a bundle whose mounts are of every kind. At the end of the test it
// must be what it was.
func newLab(t testing.TB) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		testns.Skip(t, "booting needs root")
	}
	work := testns.Work()
	dir, err := os.MkdirTemp(work, "bundle-")
	must(t, err)
	tmp, err := os.MkdirTemp(work, "tmp-")
	must(t, err)
	l := &lab{t: t, dir: dir, tmp: tmp}
	for _, d := range []string{"rootfs/bin", "rootfs/etc", "data", "app"} {
		must(t, os.MkdirAll(l.path(d), 0o755))
	}
	must(t, os.Link(filepath.Join(work, "busybox"), l.path("rootfs/bin/busybox")))
	for _, name := range []string{"sh", "cat", "ls", "sleep"} {
		must(t, os.Symlink("busybox", l.path("rootfs/bin/"+name)))
	}
	must(t, os.WriteFile(l.path("rootfs/etc/hosts"), []byte("127.0.0.1 localhost\n"), 0o644))
	must(t, os.WriteFile(l.path("app/hello"), []byte("hello\n"), 0o644))
	l.spec = &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{Args: []string{"sh"}, Env: []string{"PATH=/bin"}, Cwd: "/", Terminal: true},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/app", Type: "bind", Source: "app", Options: []string{"bind", "ro"}},
			{Destination: "/data", Type: "bind", Source: "data", Options: []string{"bind", "rw"}},
			{Destination: "/data/cache", Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec", "size=1m"}},
			{Destination: "/etc/hosts", Type: "bind", Source: "rootfs/etc/hosts", Options: []string{"bind", "ro"}},
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}}},
	}
	l.save()
	before := l.snapshot()
	t.Cleanup(func() {
		l.save() // a test may have changed it
		if d := cmp.Diff(before, l.snapshot()); d != "" && !l.changed {
			t.Errorf("the bundle was changed (-before +after):\n%s", d)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("left in the directory of temporary files: %v %v", left, err)
		}
	})
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lab) path(rel string) string { return filepath.Join(l.dir, rel) }

// save writes config.json, whose times do not count.
func (l *lab) save() {
	l.t.Helper()
	text, err := json.Marshal(l.spec)
	must(l.t, err)
	must(l.t, os.WriteFile(l.path("config.json"), text, 0o644))
}

// snapshot is what stands in the bundle, with modes, sizes and times.
func (l *lab) snapshot() (out []string) {
	l.t.Helper()
	must(l.t, filepath.WalkDir(l.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == l.path("config.json") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out = append(out, fmt.Sprint(strings.TrimPrefix(p, l.dir), " ", info.Mode(), " ", info.Size(), " ", info.ModTime()))
		}
		return err
	}))
	return out
}

// result is how a command ended.
type result struct {
	Code     int
	Out, Err string
}

func nsboot() string { return filepath.Join(testns.Work(), "nsboot") }

// run runs nsboot in the bundle's directory.
func (l *lab) run(args ...string) result {
	l.t.Helper()
	return l.wait(l.command(nsboot(), args...))
}

func (l *lab) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+l.tmp)
	cmd.Stdout, cmd.Stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd
}

func (l *lab) wait(cmd *exec.Cmd) result {
	l.t.Helper()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), cmd.Stdout.(*bytes.Buffer).String(), cmd.Stderr.(*bytes.Buffer).String()}
}

// report runs nsboot compare --json and reads what it prints.
func (l *lab) report(code int, args ...string) *viewdiff.Report {
	l.t.Helper()
	return l.read(code, l.run(args...))
}

func (l *lab) read(code int, r result) *viewdiff.Report {
	l.t.Helper()
	if r.Code != code {
		l.t.Fatalf("exit %d, want %d: %s\n%s", r.Code, code, r.Err, r.Out)
	}
	var report viewdiff.Report
	if err := json.Unmarshal([]byte(r.Out), &report); err != nil {
		l.t.Fatalf("%v: %s", err, r.Out)
	}
	return &report
}

// script writes an executable shell script in the work directory.
func (l *lab) script(text string) string {
	l.t.Helper()
	f, err := os.CreateTemp(testns.Work(), "script-")
	must(l.t, err)
	_, err = f.WriteString("#!/bin/sh\n" + text)
	must(l.t, errors.Join(err, f.Chmod(0o755), f.Close()))
	return f.Name()
}

// runtime finds an installed runtime.
func runtime(t testing.TB, name string) string {
	t.Helper()
	file, err := exec.LookPath(name)
	if err != nil {
		testns.Skip(t, err.Error())
	}
	return file
}
