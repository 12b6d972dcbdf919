package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

func ptr[T any](v T) *T { return &v }

var kinds = map[string][]specs.LinuxNamespaceType{
	"plain":  nil,
	"pid":    {specs.PIDNamespace},
	"cgroup": {specs.PIDNamespace, specs.CgroupNamespace},
}

func each(t *testing.T, f func(l *lab)) {
	for name, namespaces := range kinds {
		t.Run(name, func(t *testing.T) { f(newLab(t, namespaces...)) })
	}
}

// TestLimits: the kernel's files have what config.json says, from inside too, and
// nothing is left afterwards.
func TestLimits(t *testing.T) {
	each(t, func(l *lab) {
		l.needV1("memory", "pids", "cpu", "cpuset")
		l.spec.Linux.Resources = &specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: ptr(int64(32 << 20)), Reservation: ptr(int64(16 << 20))},
			Pids:   &specs.LinuxPids{Limit: ptr(int64(17))},
			CPU:    &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Cpus: "0"},
		}
		const want = "33554432\n16777216\n17\n512\n50000\n100000\n0\n"
		l.sh("cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes pids/pids.max cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpuset/cpuset.cpus; cat memory/cgroup.procs | grep -q . && echo in")
		if r := l.run("run"); r.Code != 0 || r.Out != want+"in\n" || r.Err != "" {
			l.t.Errorf("%+v, want %q", r, want)
		}
		if left := l.groups("/c"); len(left) > 0 {
			l.t.Errorf("left: %v", left)
		}
	})
}

// TestInEveryHierarchy: before it runs anything the process is in its cgroup, in
// each hierarchy of the host; in a cgroup namespace that is the root. None of
// nsboot's descriptors is with it.
func TestInEveryHierarchy(t *testing.T) {
	each(t, func(l *lab) {
		l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"})
		want := l.top + "/c"
		for _, ns := range l.spec.Linux.Namespaces {
			if ns.Type == specs.CgroupNamespace {
				want = "/"
			}
		}
		r := l.sh("ls /proc/self/fd; cat /proc/self/cgroup").run("run")
		text, ok := strings.CutPrefix(r.Out, "0\n1\n2\n3\n") // 3 is of ls
		if !ok {
			l.t.Errorf("descriptors: %q", r.Out)
		}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for _, line := range lines {
			if f := strings.SplitN(line, ":", 3); len(f) != 3 || f[2] != want {
				l.t.Errorf("%q, want %s", line, want)
			}
		}
		if r.Code != 0 || r.Err != "" {
			l.t.Errorf("%+v", r)
		}
	})
}

// TestMemoryKills: a process over its limit is killed, and by its own cgroup.
func TestMemoryKills(t *testing.T) {
	each(t, func(l *lab) {
		l.needV1("memory")
		l.spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(16 << 20))}
		if r := l.sh("echo up; x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done").run("run"); r.Code != 137 || r.Out != "up\n" {
			l.t.Errorf("%+v, want exit 137", r)
		}
	})
}

// TestPidsLimit: the fork that is one too many fails.
func TestPidsLimit(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.needV1("pids")
	l.spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(3))}
	r := l.sh("for i in 1 2 3 4 5 6; do sleep 5 & done; echo done").run("run")
	if !strings.Contains(r.Err, "can't fork") {
		t.Errorf("%+v", r)
	}
}

// TestDevices: what the config denies is denied, what every container has is
// not, and without rules nothing changes.
func TestDevices(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.needV1("devices")
	devices(l)
}

func devices(l *lab) {
	const script = "head -c 1 /dev/zero >/dev/null && echo zero; head -c 1 /dev/null && echo null; head -c 1 /dev/full > /dev/null && echo full"
	deny := specs.LinuxDeviceCgroup{Access: "rwm"}
	for _, c := range []struct {
		rules []specs.LinuxDeviceCgroup
		want  string
	}{
		{nil, "zero\nnull\nfull\n"},
		{[]specs.LinuxDeviceCgroup{deny}, "zero\nnull\nfull\n"},
		{[]specs.LinuxDeviceCgroup{deny, {Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(5)), Access: "rwm"}}, "null\nfull\n"},
		{[]specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}, {Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(7)), Access: "r"}}, "zero\nnull\n"},
	} {
		l.spec.Linux.Resources.Devices = c.rules
		if r := l.sh(script).run("run"); r.Out != c.want {
			l.t.Errorf("%v: %+v, want %q", c.rules, r, c.want)
		}
	}
	// A device that no container has of itself.
	minor := l.misc()
	l.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/other", Type: "c", Major: 10, Minor: minor}}
	for _, c := range []struct {
		rules []specs.LinuxDeviceCgroup
		code  int
	}{{nil, 0}, {[]specs.LinuxDeviceCgroup{deny}, 1}, {[]specs.LinuxDeviceCgroup{deny, {Allow: true, Type: "c", Major: ptr(int64(10)), Minor: &minor, Access: "r"}}, 0}} {
		l.spec.Linux.Resources.Devices = c.rules
		if r := l.sh("exec < /dev/other").run("run"); (r.Code != 0) != (c.code != 0) {
			l.t.Errorf("another device with %v: %+v", c.rules, r)
		}
	}
}

// misc is the minor number of some device of major 10 that root can open.
func (l *lab) misc() int64 {
	l.t.Helper()
	text, _ := os.ReadFile("/proc/misc")
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[1] {
		case "fuse", "cpu_dma_latency", "hw_random", "loop-control":
			if n, err := strconv.ParseInt(f[0], 10, 64); err == nil {
				return n
			}
		}
	}
	testns.Skip(l.t, "no harmless device to try")
	return 0
}

// TestRefused: what the host cannot do is refused by name, and nothing is made.
func TestRefused(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.needV1("memory")
	refuse := func(word string, r specs.LinuxResources, path string) {
		t.Helper()
		l.spec.Linux.Resources, l.spec.Linux.CgroupsPath = &r, path
		l.bad(word, "run")
		l.bad(word, "create", "web")
		if found := l.groups(""); len(found) > 0 {
			t.Errorf("%s: made %v", word, found)
		}
		l.bad("does not exist", "state", "web")
		if r := l.run("--cgroup-manager=disabled", "run", "--", "true"); r.Code != 0 || !strings.Contains(r.Err, "not applied: ") {
			t.Errorf("disabled: %+v", r)
		}
	}
	path := l.top + "/c"
	refuse("linux.resources.unified is set", specs.LinuxResources{Unified: map[string]string{"memory.max": "1"}}, path)
	refuse("linux.resources.memory.kernelTCP is set", specs.LinuxResources{Memory: &specs.LinuxMemory{KernelTCP: ptr(int64(1))}}, path)
	refuse("root of all cgroups", specs.LinuxResources{}, "/x/..")
	refuse("systemd", specs.LinuxResources{}, "machine.slice:libpod:x")
	if _, err := os.Stat("/sys/fs/cgroup/rdma"); err != nil {
		refuse("no cgroup v1 controller rdma", specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"x": {HcaHandles: ptr(uint32(1))}}}, path)
	}
	l.spec.Linux.Resources, l.spec.Linux.CgroupsPath = nil, path
	for _, flag := range []string{"--systemd-cgroup", "--cgroup-manager=systemd"} {
		l.bad(flag, flag, "create", "web")
	}
	l.spec.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{KernelTCP: ptr(int64(1))}}
	if r := l.run("--ignore", "linux.resources", "run", "--", "true"); r.Code != 0 || r.Err != "" {
		t.Errorf("--ignore linux.resources: %+v", r)
	}
	// The kernel's own refusal: nothing stays of what was made before it.
	l.spec.Linux.Resources = &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "9999"}}
	l.bad("linux.resources: ", "run")
	if found := l.groups("/c"); len(found) > 0 {
		t.Errorf("a failed run left %v", found)
	}
}

// TestOrdinaryConfig: what runc spec writes boots as it is, without a cgroup and
// with the one warning; a config that asks for nothing without that.
func TestOrdinaryConfig(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.spec.Linux.CgroupsPath = ""
	l.spec.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Access: "rwm"}}
	l.spec.Process.Args = []string{"cat", "/proc/self/cgroup"}
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"})
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	const warning = "nsboot: warning: linux.resources: not applied: devices\n"
	if r := l.run("run"); r.Code != 0 || r.Out != string(own) || r.Err != warning {
		t.Errorf("%+v", r)
	}
	if r := l.run("--cgroup-manager=cgroupfs", "run", "x"); r.Code != 0 || !strings.Contains(r.Out, "/nsboot-x\n") || r.Err != "" {
		t.Errorf("by flag: %+v", r)
	}
	for _, dir := range []string{"/sys/fs/cgroup/nsboot-x", "/sys/fs/cgroup/*/nsboot-x", "/sys/fs/cgroup/*/*/nsboot-x"} {
		if found, _ := filepath.Glob(dir); len(found) > 0 {
			t.Errorf("left: %v", found)
		}
	}
	l.spec.Linux.Resources = nil
	l.good("run")
}

// TestTaken: a cgroup with processes is not taken, nor one of another container.
func TestTaken(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.good("create", "a")
	l.bad("processes already", "create", "b")
	l.good("kill", "a", "KILL")
	await(t, "the end of a", func() bool { return l.state("a").Status == specs.StateStopped && len(l.procs()) == 0 })
	l.bad("that of container a", "create", "b")
	l.good("delete", "a")
	l.good("create", "b")
	l.good("delete", "--force", "b")
	l.needV1("pids")
	other := filepath.Join("/sys/fs/cgroup/pids", l.spec.Linux.CgroupsPath)
	if err := os.MkdirAll(other+"/other", 0o755); err != nil {
		t.Fatal(err)
	}
	l.bad("others below it already: other", "create", "b")
	if err := errors.Join(os.Remove(other+"/other"), os.Remove(other)); err != nil {
		t.Error(err)
	}
}

// TestKilledRun: what a killed nsboot leaves, the next one removes.
func TestKilledRun(t *testing.T) {
	each(t, func(l *lab) {
		cmd := l.command("run", "--", "sleep", "1000")
		if err := cmd.Start(); err != nil {
			l.t.Fatal(err)
		}
		defer cmd.Process.Kill() // should the test end here
		await(l.t, "the process", func() bool { return len(l.procs()) > 0 })
		if err := cmd.Process.Signal(unix.SIGKILL); err != nil {
			l.t.Fatal(err)
		}
		cmd.Wait()
		await(l.t, "its end", func() bool { return len(l.procs()) == 0 })
		if len(l.spec.Linux.Namespaces) == 1 {
			l.good("delete", "--force", "nobody")
		} else {
			l.spec.Linux.CgroupsPath = l.top + "/d"
			l.good("run", "--", "true")
		}
		if left := l.groups("/c"); len(left) > 0 {
			l.t.Errorf("left: %v", left)
		}
		if _, err := os.Stat(filepath.Join(l.root, "cgroups")); err == nil {
			l.t.Error("the journal stays")
		}
	})
}

// TestNobodyStays: what a process has left running ends with the run.
func TestNobodyStays(t *testing.T) {
	l := newLab(t)
	r := l.sh("sleep 1000 > /dev/null 2>&1 & echo $!").run("run")
	pid, err := strconv.Atoi(strings.TrimSpace(r.Out))
	if err != nil || r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	// A zombie may stay until it is reaped, by whoever has become its parent.
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); err == nil && len(text) > 0 {
		t.Errorf("%q runs on", text)
		unix.Kill(pid, unix.SIGKILL)
	}
}
