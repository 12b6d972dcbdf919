package lifecycle

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

// TestRunDetach: create and start in one.
func TestRunDetach(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		file := filepath.Join(l.dir, "pid")
		out := l.good("run", "--detach", "--keep", "--pid-file", file, "web", "--", "sh", "-c", "echo up; exec sleep 1000").out
		l.is("web", specs.StateRunning)
		l.says(out, "up\n")
		if data, err := os.ReadFile(file); err != nil || string(data) != strconv.Itoa(l.state("web").Pid) {
			t.Errorf("pid file: %q %v", data, err)
		}
		l.bad(125, []string{"web", "already exists"}, "run", "-d", "web")
		l.good("delete", "--force", "web")
		l.bad(125, []string{"no ID"}, "run", "--detach")
		l.bad(125, []string{"--keep", "no ID"}, "run", "--keep")
		l.bad(125, []string{"--pid-file", "no ID"}, "run", "--pid-file", file)
		l.clean()
	})
}

// TestEngineFlags: the global flags that engines give.
func TestEngineFlags(t *testing.T) {
	l := newLab(t)
	const note = "not applied by this build: the process stays in the cgroup of its caller\n"
	for _, c := range []struct {
		flags []string
		note  string
	}{
		{[]string{"--rootless=false", "--cgroup-manager=disabled"}, ""},
		{[]string{"--rootless", "auto"}, ""},
		{[]string{"--cgroup-manager", "auto"}, ""},
		{[]string{"--cgroup-manager=systemd", "--systemd-cgroup"}, "nsboot: warning: --cgroup-manager=systemd: " + note},
		{[]string{"--systemd-cgroup"}, "nsboot: warning: --systemd-cgroup: " + note},
	} {
		if r := l.run(append(slices.Clone(c.flags), "create", "web")...); r.Code != 0 || r.Err != c.note {
			t.Errorf("%v: %+v, want %q", c.flags, r, c.note)
		}
		l.good(append(slices.Clone(c.flags), "delete", "--force", "web")...) // no boot, no warning
	}
	l.good("--rootless=true", "list")
	l.bad(125, []string{"--rootless=maybe"}, "--rootless=maybe", "list")
	l.bad(125, []string{"--cgroup-manager=x", "cgroupfs"}, "--cgroup-manager=x", "list")
	l.spec.Linux.CgroupsPath = "/x"
	l.save()
	l.bad(125, []string{"--systemd-cgroup", "linux.cgroupsPath", "hint: --cgroup-manager=cgroupfs"}, "--systemd-cgroup", "create", "web")
	if r := l.run("--cgroup-manager=disabled", "create", "web"); r.Code != 0 || strings.Count(r.Err, "\n") != 1 || !strings.Contains(r.Err, "linux.cgroupsPath: not applied: ") {
		t.Errorf("no cgroup, said once: %+v", r)
	}
	l.good("delete", "--force", "web")
}

// TestProfileByName: --profile, then NSBOOT_PROFILE, then the name that nsboot
// was called by.
func TestProfileByName(t *testing.T) {
	l := newLab(t)
	bin := filepath.Join(l.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, env, flag, want string }{
		{"nsboot", "", "", "runsc"},
		{"nsboot-oci", "", "", "oci"},
		{"nsboot-runsc-2019", "", "", "runsc-2019"},
		{"nsboot-1.2.3", "", "", "runsc"},
		{"oci", "", "", "runsc"},
		{"nsboot", "oci", "", "oci"},
		{"nsboot-oci", "runsc-2018", "", "runsc-2018"},
		{"nsboot-oci", "runsc-2018", "runsc", "runsc"},
		{"nsboot", "nonsense", "oci", "oci"},
	} {
		link := filepath.Join(bin, c.name)
		os.Remove(link)
		if err := os.Symlink(filepath.Join(testns.Work(), "nsboot"), link); err != nil {
			t.Fatal(err)
		}
		for _, first := range [][]string{{"--root", l.root}, nil} { // with global flags and without
			args := append(slices.Clone(first), "plan")
			if c.flag != "" {
				args = append([]string{"--profile", c.flag}, args...)
			}
			cmd := exec.Command(link, args...)
			cmd.Dir, cmd.Env = l.bundle, []string{"NSBOOT_PROFILE=" + c.env}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "profile "+c.want+",") {
				t.Errorf("%+v: %v %.60s", c, err, out)
			}
		}
	}
	r := l.runAs(func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "NSBOOT_PROFILE=nonsense") }, "plan")
	if r.Code != 125 || !strings.Contains(r.Err, "NSBOOT_PROFILE") {
		t.Errorf("a profile that does not exist: %+v", r)
	}
}

// TestRootDirectory: where --root is not given: /run/nsboot, or XDG_RUNTIME_DIR of
// an ordinary user, also of one who is root of a user namespace.
func TestRootDirectory(t *testing.T) {
	l := newLab(t)
	dir := filepath.Join(l.dir, "xdg")
	if err := os.MkdirAll(filepath.Join(dir, "nsboot/containers/mine"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{l.dir, dir, filepath.Join(dir, "nsboot/containers/mine")} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ids := []syscall.SysProcIDMap{{HostID: 0, Size: 1}}
	user := func(attr *syscall.SysProcAttr) { attr.Credential = &syscall.Credential{Uid: 1000, Gid: 1000} }
	userns := func(attr *syscall.SysProcAttr) {
		attr.Cloneflags, attr.UidMappings, attr.GidMappings = syscall.CLONE_NEWUSER, ids, ids
	}
	for name, c := range map[string]struct {
		who  func(*syscall.SysProcAttr)
		env  []string
		want string
	}{
		"root":                               {nil, []string{"XDG_RUNTIME_DIR=" + dir}, ""},
		"a user":                             {user, []string{"XDG_RUNTIME_DIR=" + dir}, "mine\n"},
		"a user without":                     {user, nil, ""},
		"root of a namespace":                {userns, []string{"XDG_RUNTIME_DIR=" + dir, "USER=me"}, "mine\n"},
		"root of a namespace, nobody's name": {userns, []string{"XDG_RUNTIME_DIR=" + dir}, "mine\n"},
		"root of a namespace, by name":       {userns, []string{"XDG_RUNTIME_DIR=" + dir, "USER=root"}, ""},
	} {
		r := l.runAs(func(cmd *exec.Cmd) {
			cmd.Args = append(cmd.Args[:1], "list", "-q")
			cmd.Env = append(cmd.Env, c.env...)
			if c.who != nil {
				c.who(cmd.SysProcAttr)
			}
		})
		if r.Out != c.want || r.Err != "" || r.Code != 0 {
			t.Errorf("%s: %+v, want %q", name, r, c.want)
		}
	}
}

// TestPsTable: the command line, or a name where there is none.
func TestPsTable(t *testing.T) {
	l := newLab(t)
	l.good("create", "web")
	pid := strconv.Itoa(l.state("web").Pid)
	for _, want := range []string{"[nsboot]", "sleep 1000"} {
		if f := strings.Join(strings.Fields(l.good("ps", "web").Out), " "); f != "PID COMMAND "+pid+" "+want {
			t.Errorf("ps: %q, want %s", f, want)
		}
		l.run("start", "web")
	}
	l.good("delete", "--force", "web")
}
