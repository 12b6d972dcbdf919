package rootless

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// The users: one whom /etc/subuid and /etc/subgid grant ids, one whom they do not.
const (
	granted = 3001
	alone   = 3002
)

func TestMain(m *testing.M) {
	testns.Main(m, "rootless", settle)
}

// settle mounts the work directory and installs what is tested.
func settle(work string) error {
	if err := testns.Private(work); err != nil {
		return err
	}
	if err := introduce(work); err != nil {
		return err
	}
	return testns.Nsboot(filepath.Join(work, "nsboot"))
}

// introduce makes the two users known, in an /etc of the tests' own.
func introduce(work string) error {
	upper, temp := filepath.Join(work, "etc"), filepath.Join(work, "etc.work")
	if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(temp, 0o755)); err != nil {
		return err
	}
	if err := unix.Mount("etc", "/etc", "overlay", 0, "lowerdir=/etc,upperdir="+upper+",workdir="+temp); err != nil {
		return fmt.Errorf("overlay on /etc: %w", err)
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	passwd = fmt.Appendf(passwd, "granted:x:%d:%d::/:/bin/sh\nalone:x:%d:%d::/:/bin/sh\n", granted, granted, alone, alone)
	grants := fmt.Appendf(nil, "%d:200000:65536\n", granted)
	return errors.Join(os.WriteFile("/etc/passwd", passwd, 0o644), os.WriteFile("/etc/subuid", grants, 0o644), os.WriteFile("/etc/subgid", grants, 0o644))
}

// person is an ordinary user with a bundle of their own.
type person struct {
	t    *testing.T
	uid  int
	home string
	spec *specs.Spec
}

func newPerson(t *testing.T, uid int) *person {
	t.Helper()
	if os.Geteuid() != 0 {
		testns.Skip(t, "to be another user needs root")
	}
	box, err := os.ReadFile("/bin/busybox")
	if err != nil {
		testns.Skip(t, "no /bin/busybox")
	}
	home, err := os.MkdirTemp(testns.Work(), "home")
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, uid: uid, home: home, spec: &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: []string{"sleep", "1000"}, Env: []string{"PATH=/bin"}, Cwd: "/"},
		Mounts:  []specs.Mount{{Destination: "/stub/dir", Type: "tmpfs", Source: "tmpfs"}},
		Linux:   &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}}},
	}}
	for _, dir := range []string{"bundle/rootfs/bin", "run"} {
		if err := os.MkdirAll(p.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(p.path("bundle/rootfs/bin/busybox"), box, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "cat", "sleep", "id", "ls"} {
		if err := os.Symlink("busybox", p.path("bundle/rootfs/bin/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	p.save()
	err = filepath.WalkDir(home, func(name string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(name, uid, uid))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.nothingLeft)
	return p
}

func (p *person) path(rel string) string { return filepath.Join(p.home, rel) }

func (p *person) save() {
	p.t.Helper()
	data, err := json.Marshal(p.spec)
	if err == nil {
		err = os.WriteFile(p.path("bundle/config.json"), data, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// result is how a command ended.
type result struct {
	Code     int
	Out, Err string
}

// command is a command of the user's, in the bundle. It writes to files: a
// container that outlives it goes on writing there.
func (p *person) command(args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	var err error
	open := func(name string) *os.File {
		f, ferr := os.CreateTemp(p.home, name)
		err = errors.Join(err, ferr)
		return f
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = open("out"), open("err"), p.path("bundle")
	if err != nil {
		p.t.Fatal(err)
	}
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + p.home, "XDG_RUNTIME_DIR=" + p.path("run")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.uid)}}
	return cmd
}

func (p *person) result(cmd *exec.Cmd) result {
	p.t.Helper()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	read := func(w any) string {
		f := w.(*os.File)
		defer f.Close()
		text, err := os.ReadFile(f.Name())
		if err != nil {
			p.t.Fatal(err)
		}
		return string(text)
	}
	return result{cmd.ProcessState.ExitCode(), read(cmd.Stdout), read(cmd.Stderr)}
}

// nsboot runs it as the user.
func (p *person) nsboot(args ...string) result {
	p.t.Helper()
	return p.result(p.command(append([]string{filepath.Join(testns.Work(), "nsboot")}, args...)...))
}

// good is nsboot, which must succeed.
func (p *person) good(args ...string) result {
	p.t.Helper()
	r := p.nsboot(args...)
	if r.Code != 0 {
		p.t.Fatalf("nsboot %v: %+v", args, r)
	}
	return r
}

// nothingLeft looks for mount points, state and processes.
func (p *person) nothingLeft() {
	p.t.Helper()
	var names []string
	for _, dir := range []string{"bundle/rootfs", "run"} {
		filepath.WalkDir(p.path(dir), func(name string, _ os.DirEntry, err error) error {
			names = append(names, strings.TrimPrefix(name, p.home+"/"))
			return err
		})
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "bundle/rootfs/bin") && name != "bundle/rootfs" && name != "run" {
			p.t.Errorf("%s is left", name)
		}
	}
	for range 200 {
		if len(p.processes()) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.t.Errorf("processes are left: %v", p.processes())
	for _, pid := range p.processes() {
		unix.Kill(pid, unix.SIGKILL)
	}
}

// processes are those of the user, or of one of the user's user namespaces, that
// are in the bundle or its root.
func (p *person) processes() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		env, _ := os.ReadFile(dir + "/environ")
		cmdline, _ := os.ReadFile(dir + "/cmdline")
		if bytes.Contains(env, []byte(p.home)) || bytes.Contains(cmdline, []byte(p.home)) {
			var pid int
			fmt.Sscanf(filepath.Base(dir), "%d", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}
