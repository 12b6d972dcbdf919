package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

// lab is a bundle, and a --root of its own.
type lab struct {
	t      testing.TB
	dir    string
	root   string // of --root
	bundle string
	spec   *specs.Spec
	rootfs []string
}

// newLab makes a bundle with busybox on a writable root that lacks every mount
// point: all of them are made on the host and must go. At the end of the test
// nothing may be left.
func newLab(t testing.TB, namespaces ...specs.LinuxNamespaceType) *lab {
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
	l := &lab{t: t, dir: dir, root: filepath.Join(dir, "root"), bundle: filepath.Join(dir, "bundle")}
	if err := os.MkdirAll(l.path("rootfs/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(work, "busybox"), l.path("rootfs/bin/busybox")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "cat", "echo", "true", "sleep", "ls", "tty", "stty", "stat"} {
		if err := os.Symlink("busybox", l.path("rootfs/bin/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	l.spec = &specs.Spec{
		Version:     "1.0.2",
		Root:        &specs.Root{Path: "rootfs"},
		Process:     &specs.Process{Args: []string{"sleep", "1000"}, Env: []string{"PATH=/bin"}, Cwd: "/"},
		Mounts:      []specs.Mount{{Destination: "/stub/dir", Type: "tmpfs", Source: "tmpfs"}},
		Annotations: map[string]string{"org.example": "yes"},
		Linux:       &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
	}
	for _, typ := range namespaces {
		l.spec.Linux.Namespaces = append(l.spec.Linux.Namespaces, specs.LinuxNamespace{Type: typ})
	}
	l.save()
	l.rootfs = l.list()
	t.Cleanup(l.nothingLeft)
	return l
}

func (l *lab) path(rel string) string { return filepath.Join(l.bundle, rel) }

// sh has the process run a script.
func (l *lab) sh(script string) *lab {
	l.spec.Process.Args = []string{"sh", "-c", script}
	l.save()
	return l
}

func (l *lab) save() {
	l.t.Helper()
	data, err := json.Marshal(l.spec)
	if err == nil {
		err = os.WriteFile(l.path("config.json"), data, 0o644)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// list is what is in the bundle's root.
func (l *lab) list() (names []string) {
	l.t.Helper()
	err := filepath.WalkDir(l.path("rootfs"), func(p string, _ os.DirEntry, err error) error {
		names = append(names, p)
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		l.t.Fatal(err)
	}
	return names
}

// result is how a command ended. Its output went to files, which a container
// may go on writing to: out is the name of the one.
type result struct {
	Code     int // minus the signal, if one ended it
	Out, Err string
	out      string
}

// run runs nsboot with the lab's --root.
func (l *lab) run(args ...string) result {
	l.t.Helper()
	return l.runAs(nil, args...)
}

func (l *lab) runAs(change func(*exec.Cmd), args ...string) result {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := l.command(ctx, args...)
	if change != nil {
		change(cmd)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	return l.wait(cmd)
}

func (l *lab) command(ctx context.Context, args ...string) *exec.Cmd {
	l.t.Helper()
	cmd := exec.CommandContext(ctx, filepath.Join(testns.Work(), "nsboot"), append([]string{"--root", l.root}, args...)...)
	cmd.Dir, cmd.Env = l.bundle, []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	var err error
	open := func(name string) *os.File {
		f, ferr := os.CreateTemp(l.dir, name)
		err = errors.Join(err, ferr)
		return f
	}
	cmd.Stdout, cmd.Stderr = open("out"), open("err")
	if err != nil {
		l.t.Fatal(err)
	}
	return cmd
}

func (l *lab) wait(cmd *exec.Cmd) result {
	l.t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	r := result{Code: cmd.ProcessState.ExitCode()}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		r.Code = -int(ws.Signal())
	}
	read := func(w io.Writer) string {
		f := w.(*os.File)
		f.Close()
		data, err := os.ReadFile(f.Name())
		if err != nil {
			l.t.Fatal(err)
		}
		return string(data)
	}
	r.Out, r.Err, r.out = read(cmd.Stdout), read(cmd.Stderr), cmd.Stdout.(*os.File).Name()
	return r
}

// good runs nsboot, which must succeed without a word on standard error. Each
// container that is there after a create, a start or a run is verified.
func (l *lab) good(args ...string) result {
	l.t.Helper()
	r := l.run(args...)
	if r.Code != 0 || r.Err != "" {
		l.t.Fatalf("nsboot %v: %+v", args, r)
	}
	if slices.ContainsFunc(args, func(a string) bool { return a == "create" || a == "start" || a == "run" }) {
		l.verify()
	}
	return r
}

// verify holds the mounts of every container that runs against its plan.
func (l *lab) verify() {
	l.t.Helper()
	for _, id := range strings.Fields(l.run("list", "-q").Out) {
		r := l.run("verify", id)
		ended := r.Code == 125 && (strings.Contains(r.Err, "is stopped: it has no mounts") || strings.Contains(r.Err, "has ended meanwhile"))
		if !ended && r != (result{out: r.out}) {
			l.t.Errorf("verify %s: %+v", id, r)
		}
	}
}

// bad runs nsboot, which must fail with code and say each of the words.
func (l *lab) bad(code int, words []string, args ...string) {
	l.t.Helper()
	r := l.run(args...)
	if r.Code != code {
		l.t.Errorf("nsboot %v: exit %d, want %d: %s%s", args, r.Code, code, r.Out, r.Err)
	}
	for _, w := range words {
		if !strings.Contains(r.Err, w) {
			l.t.Errorf("nsboot %v: standard error does not say %q: %s", args, w, r.Err)
		}
	}
}

// state is what nsboot state prints.
func (l *lab) state(id string) (s specs.State) {
	l.t.Helper()
	if err := json.Unmarshal([]byte(l.good("state", id).Out), &s); err != nil {
		l.t.Fatal(err)
	}
	return s
}

// is holds a container's status against what it must be.
func (l *lab) is(id string, want specs.ContainerState) {
	l.t.Helper()
	if got := l.state(id).Status; got != want {
		l.t.Errorf("%s is %s, want %s", id, got, want)
	}
}

// becomes waits for a status.
func (l *lab) becomes(id string, want specs.ContainerState) {
	l.t.Helper()
	await(l.t, "the status "+string(want), func() bool { return l.state(id).Status == want })
}

// await waits for something that takes a moment.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// says waits until the container has written text.
func (l *lab) says(out, text string) {
	l.t.Helper()
	await(l.t, strconv.Quote(text), func() bool {
		data, err := os.ReadFile(out)
		return err == nil && string(data) == text
	})
}
