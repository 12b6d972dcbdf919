package lifecycle

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
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
		l.bad(125, []string{"--keep", "foreground"}, "run", "--keep", "web")
		l.bad(125, []string{"--pid-file", "foreground"}, "run", "--pid-file", file, "web")
		l.sh("exit 3")
		l.bad(3, nil, "run", "web") // in the foreground nothing is recorded
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
	l.bad(125, []string{"--rootless=true"}, "--rootless=true", "list")
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
		if err := os.Symlink(filepath.Join(os.Getenv(workEnv), "nsboot"), link); err != nil {
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
