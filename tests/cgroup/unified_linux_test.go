package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestUnified: cgroup v2 alone. Which controllers it has is the host's affair:
// the freezer and device rules need none.
func TestUnified(t *testing.T) {
	for name, namespaces := range kinds {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, namespaces...)
			l.v2 = true
			probe := exec.Command("sh", "-c", "mount -t cgroup2 none /sys/fs/cgroup")
			probe.SysProcAttr = l.command().SysProcAttr
			if out, err := probe.CombinedOutput(); err != nil {
				t.Skipf("no cgroup v2: %v %s", err, out)
			}
			freezer(l)
			l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"})
			r := l.sh("cat /proc/self/cgroup | grep ^0:; cat /sys/fs/cgroup/cgroup.procs | grep -c .").run("run")
			if r.Code != 0 || !strings.HasPrefix(r.Out, "0::"+l.seen()+"\n") || strings.HasSuffix(r.Out, "\n0\n") {
				t.Errorf("%+v", r)
			}
			l.spec.Linux.Resources.Network = &specs.LinuxNetwork{ClassID: ptr(uint32(1))}
			l.bad("linux.resources.network.classID is set; cgroup v2, which this host has, does not know it", "run")
			l.spec.Linux.Resources.Network = nil
			if !unified() {
				l.spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(1 << 20))}
				if _, err := os.Stat("/sys/fs/cgroup/memory/cgroup.procs"); err == nil { // v1 has it
					l.bad("this host has no cgroup v2 controller memory", "run")
				}
				l.spec.Linux.Resources.Memory = nil
			}
			devices(l)
			newRules(l)
			moved(l)
			l.unifiedLimits()
		})
	}
}

// newRules: device rules of a running container are replaced, not added to.
func newRules(l *lab) {
	l.spec.Process.Args = []string{"sleep", "1000"}
	l.good("run", "--detach", "web")
	zero := func() bool { return l.run("exec", "web", "head", "-c", "1", "/dev/zero").Code == 0 }
	for i, c := range []struct {
		rules string
		want  bool
	}{{`[{"access": "rwm"}, {"type": "c", "major": 1, "access": "r"}]`, false}, {`[{"access": "rwm"}]`, true}, {`[{"allow": true}, {"type": "c", "minor": 5}]`, false}} {
		file := filepath.Join(l.dir, "rules.json")
		if err := os.WriteFile(file, []byte(`{"devices": `+c.rules+`}`), 0o600); err != nil {
			l.t.Fatal(err)
		}
		l.good("update", "--resources", file, "web")
		if got := zero(); got != c.want {
			l.t.Errorf("rules %d: /dev/zero can be read: %v", i, got)
		}
	}
	l.good("delete", "--force", "web")
}

// seen is the path that the process sees itself in.
func (l *lab) seen() string {
	for _, ns := range l.spec.Linux.Namespaces {
		if ns.Type == specs.CgroupNamespace {
			return "/"
		}
	}
	return l.top + "/c"
}

// moved: a container that has handed controllers on to a cgroup below its own,
// as systemd does, is executed in where its first process is.
func moved(l *lab) {
	const script = "mkdir /sys/fs/cgroup/sub && echo $$ > /sys/fs/cgroup/sub/cgroup.procs && cat /sys/fs/cgroup/cgroup.controllers > /given; " +
		"read c x < /given; echo +$c > /sys/fs/cgroup/cgroup.subtree_control && echo > /moved; sleep 1000"
	l.spec.Mounts[0].Options = []string{"rw"}
	l.sh(script).good("run", "--detach", "web")
	await(l.t, "the move", func() bool { _, err := os.Stat(filepath.Join(l.bundle, "rootfs/moved")); return err == nil })
	if r := l.good("exec", "web", "grep", "^0:", "/proc/self/cgroup"); !strings.HasSuffix(r.Out, "/sub\n") {
		l.t.Errorf("executed in %q", r.Out)
	}
	l.good("delete", "--force", "web")
	l.spec.Mounts[0].Options = []string{"ro"}
}

// unifiedLimits are those that can be tried with what v2 has on this machine.
func (l *lab) unifiedLimits() {
	l.spec.Linux.Resources.Unified = map[string]string{"cgroup.max.descendants": "5"}
	l.sh("cd /sys/fs/cgroup; cat cgroup.max.descendants; cat hugetlb.2MB.max")
	want := "5\nmax\n"
	if text, _ := os.ReadFile("/sys/fs/cgroup/unified/cgroup.controllers"); strings.Contains(string(text), "hugetlb") {
		l.spec.Linux.Resources.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}
		want = "5\n4194304\n"
	}
	if r := l.run("run"); r.Out != want {
		l.t.Errorf("%+v, want %q", r, want)
	}
	l.spec.Linux.Resources.Unified, l.spec.Linux.Resources.HugepageLimits = nil, nil
}
