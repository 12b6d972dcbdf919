package cgroup

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
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
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// lab is a bundle, a --root and a place for cgroups.
type lab struct {
	t      testing.TB
	dir    string
	root   string
	bundle string
	top    string // cgroupsPath of all that the test makes is below it
	v2     bool   // each command sees cgroup v2 alone
	spec   *specs.Spec
}

// newLab skips where there are no cgroups.
func newLab(t testing.TB, namespaces ...specs.LinuxNamespaceType) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		testns.Skip(t, "cgroups need root")
	}
	if procs, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs"); len(procs) == 0 && !unified() {
		testns.Skip(t, "this host has no cgroups")
	}
	work := testns.Work()
	dir, err := os.MkdirTemp(work, "t")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, dir: dir, root: filepath.Join(dir, "root"), bundle: filepath.Join(dir, "bundle"), top: "/nsboot-test-" + strconv.Itoa(os.Getpid()) + "-" + filepath.Base(dir)}
	bin := filepath.Join(l.bundle, "rootfs/bin")
	if err := errors.Join(os.MkdirAll(bin, 0o755), os.Link(filepath.Join(work, "busybox"), filepath.Join(bin, "busybox"))); err != nil {
		testns.Skip(t, "no busybox: "+err.Error())
	}
	for _, name := range []string{"sh", "cat", "echo", "sleep", "head", "grep", "ls", "mkdir", "true"} {
		if err := os.Symlink("busybox", filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	l.spec = &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: []string{"sleep", "1000"}, Env: []string{"PATH=/bin"}, Cwd: "/"},
		Mounts:  []specs.Mount{{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}}},
		Linux: &specs.Linux{
			CgroupsPath: l.top + "/c", Resources: &specs.LinuxResources{},
			Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}},
		},
	}
	for _, typ := range namespaces {
		l.spec.Linux.Namespaces = append(l.spec.Linux.Namespaces, specs.LinuxNamespace{Type: typ})
	}
	t.Cleanup(l.nothingLeft)
	return l
}

func unified() bool {
	var st unix.Statfs_t
	return unix.Statfs("/sys/fs/cgroup", &st) == nil && int64(st.Type) == unix.CGROUP2_SUPER_MAGIC
}

// needV1 skips where a v1 controller is not mounted.
func (l *lab) needV1(controllers ...string) {
	l.t.Helper()
	for _, c := range controllers {
		if _, err := os.Stat("/sys/fs/cgroup/" + c + "/cgroup.procs"); err != nil {
			l.t.Skip("this host has no cgroup v1 controller ", c)
		}
	}
}

// groups are the directories named top in all hierarchies.
func (l *lab) groups(rel string) []string {
	var list []string
	for _, glob := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		found, _ := filepath.Glob(glob + l.top + rel)
		list = append(list, found...)
	}
	return list
}

// procs are the processes in the container's cgroup, in any hierarchy. For a
// moment they may be more than live: the kernel takes the dead out last.
func (l *lab) procs() (pids []string) {
	for _, dir := range l.groups("/c") {
		text, _ := os.ReadFile(dir + "/cgroup.procs")
		pids = append(pids, strings.Fields(string(text))...)
	}
	return pids
}

// nothingLeft removes what is left; what a test has not removed itself is an
// error. The parents of the containers' cgroups stay, as documented.
func (l *lab) nothingLeft() {
	for _, id := range strings.Fields(l.run("list", "-q").Out) {
		l.t.Errorf("left: container %s", id)
		l.run("delete", "--force", id)
	}
	var dirs []string
	for _, top := range l.groups("") {
		filepath.WalkDir(top, func(name string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				dirs = append(dirs, name)
			}
			return nil
		})
		if found, _ := filepath.Glob(top + "/*/cgroup.procs"); len(found) > 0 {
			l.t.Errorf("left: %v", found)
		}
	}
	slices.Reverse(dirs) // what is below before what is above
	for _, dir := range dirs {
		os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("THAWED"), 0) // where there is one
		procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for _, f := range strings.Fields(string(procs)) {
			if pid, err := strconv.Atoi(f); err == nil {
				unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
	for _, dir := range dirs {
		err := os.Remove(dir)
		for try := 0; errors.Is(err, unix.EBUSY) && try < 100; try++ {
			time.Sleep(10 * time.Millisecond)
			err = os.Remove(dir)
		}
		if err != nil {
			l.t.Error(err)
		}
	}
}

func (l *lab) sh(script string) *lab {
	l.spec.Process.Args = []string{"sh", "-c", script}
	return l
}

type result struct {
	Code     int
	Out, Err string
}

func (l *lab) command(args ...string) *exec.Cmd {
	l.t.Helper()
	data, err := json.Marshal(l.spec)
	if err == nil {
		err = os.WriteFile(filepath.Join(l.bundle, "config.json"), data, 0o644)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	argv := append([]string{filepath.Join(testns.Work(), "nsboot"), "--root", l.root}, args...)
	if l.v2 && !unified() {
		argv = append([]string{"sh", "-c", `mount -t cgroup2 none /sys/fs/cgroup && exec "$@"`, "sh"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = l.bundle
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if l.v2 {
		cmd.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
	}
	return cmd
}

// run runs nsboot. Its output goes to files: a container holds it open.
func (l *lab) run(args ...string) result {
	l.t.Helper()
	cmd := l.command(args...)
	out, err := os.CreateTemp(l.dir, "out")
	if err != nil {
		l.t.Fatal(err)
	}
	said, err := os.CreateTemp(l.dir, "err")
	if err != nil {
		l.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, said
	timer := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	text, _ := os.ReadFile(out.Name())
	errText, _ := os.ReadFile(said.Name())
	out.Close()
	said.Close()
	return result{cmd.ProcessState.ExitCode(), string(text), string(errText)}
}

func (l *lab) good(args ...string) result {
	l.t.Helper()
	r := l.run(args...)
	if r.Code != 0 || r.Err != "" {
		l.t.Fatalf("nsboot %v: %+v", args, r)
	}
	// Where a container has come to be, its mounts are its plan's.
	if args[0] == "create" || args[0] == "run" && slices.Contains(args, "--detach") {
		l.good("verify", args[len(args)-1])
	}
	return r
}

func (l *lab) bad(word string, args ...string) {
	l.t.Helper()
	if r := l.run(args...); r.Code != 125 || !strings.Contains(r.Err, word) {
		l.t.Errorf("nsboot %v: %+v, want 125 and %q", args, r, word)
	}
}

func (l *lab) state(id string) (s specs.State) {
	l.t.Helper()
	if err := json.Unmarshal([]byte(l.good("state", id).Out), &s); err != nil {
		l.t.Fatal(err)
	}
	return s
}

// file reads a file of the container's cgroup in one hierarchy.
func (l *lab) file(hierarchy, name string) string {
	l.t.Helper()
	data, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", hierarchy, l.spec.Linux.CgroupsPath, name))
	if err != nil {
		l.t.Error(err)
	}
	return string(bytes.TrimSpace(data))
}

func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
