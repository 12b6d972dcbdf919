package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// policyBundles are one that nsboot becomes the process of, and one that has a child.
func policyBundles(t *testing.T) map[string]*bundle {
	in, child := newBundle(t), newBundle(t).namespaces(specs.PIDNamespace)
	for _, b := range []*bundle{in, child} {
		b.spec.Process.Capabilities = nil
	}
	return map[string]*bundle{"in place": in, "child": child}
}

// TestScheduler: policy, nice value and realtime priority are those of
// process.scheduler, as /proc/PID/stat shows them, whoever's the capabilities are.
func TestScheduler(t *testing.T) {
	reset := []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}
	for name, b := range policyBundles(t) {
		for _, c := range []struct {
			s    specs.Scheduler
			want string // nice, priority, policy
		}{
			{specs.Scheduler{Policy: specs.SchedFIFO, Priority: 7}, "0 7 1"},
			{specs.Scheduler{Policy: specs.SchedRR, Priority: 99, Flags: reset}, "0 99 2"},
			{specs.Scheduler{Policy: specs.SchedOther, Nice: -3}, "-3 0 0"},
			{specs.Scheduler{Policy: specs.SchedBatch, Nice: 19}, "19 0 3"},
			{specs.Scheduler{Policy: specs.SchedIdle}, "0 0 5"},
			{specs.Scheduler{Policy: specs.SchedDeadline, Flags: reset, Runtime: 1e6, Deadline: 1e7, Period: 1e8}, "0 0 6"},
		} {
			b.spec.Process.Scheduler = &c.s
			b.sh("read line </proc/$$/stat; echo $line") // without a fork
			f := strings.Fields(b.good())
			if len(f) < 41 {
				t.Fatalf("%s: %q", name, f)
			}
			if got := strings.Join([]string{f[18], f[39], f[40]}, " "); got != c.want {
				t.Errorf("%s, %+v: nice, priority and policy are %s, want %s", name, c.s, got, c.want)
			}
		}
	}
}

// TestIOPriority: what ioprio_get says in the container is process.ioPriority.
func TestIOPriority(t *testing.T) {
	for name, b := range policyBundles(t) {
		for class, want := range map[specs.IOPriorityClass]string{
			specs.IOPRIO_CLASS_RT: "realtime: prio 3", specs.IOPRIO_CLASS_BE: "best-effort: prio 3", specs.IOPRIO_CLASS_IDLE: "idle",
		} {
			b.spec.Process.IOPriority = &specs.LinuxIOPriority{Class: class, Priority: 3}
			if got := b.sh("busybox ionice -p $$").good(); got != want+"\n" {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

// TestPersonality: a 32-bit machine is what uname names under LINUX32.
func TestPersonality(t *testing.T) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	host := unix.ByteSliceToString(u.Machine[:])
	for name, b := range policyBundles(t) {
		for domain, same := range map[specs.LinuxPersonalityDomain]bool{specs.PerLinux: true, specs.PerLinux32: false} {
			b.spec.Linux.Personality = &specs.LinuxPersonality{Domain: domain}
			if got := strings.TrimSpace(b.sh("busybox uname -m").good()); (got == host) != same || got == "" {
				t.Errorf("%s, %s: the machine is %q, the host's %q", name, domain, got, host)
			}
		}
	}
}

// TestMemoryPolicy: /proc/self/numa_maps shows the policy of each mapping.
func TestMemoryPolicy(t *testing.T) {
	if _, err := os.Stat("/proc/self/numa_maps"); err != nil {
		testns.Skip(t, "the kernel is built without NUMA")
	}
	for name, b := range policyBundles(t) {
		for _, c := range []struct {
			p    specs.LinuxMemoryPolicy
			want string
		}{
			{specs.LinuxMemoryPolicy{Mode: specs.MpolDefault}, "default"},
			{specs.LinuxMemoryPolicy{Mode: specs.MpolLocal}, "local"},
			{specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"}, "bind:0"},
			{specs.LinuxMemoryPolicy{Mode: specs.MpolPreferred, Nodes: "0"}, "prefer:0"},
			{specs.LinuxMemoryPolicy{Mode: specs.MpolInterleave, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}}, "interleave=static:0"},
		} {
			b.spec.Linux.MemoryPolicy = &c.p
			if f := strings.Fields(b.sh("head -1 /proc/self/numa_maps").good()); len(f) < 2 || f[1] != c.want {
				t.Errorf("%s: %v, want %s", name, f, c.want)
			}
		}
		b.spec.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "1023"}
		b.bad(125, []string{"linux.memoryPolicy", "invalid argument", "none of its nodes"})
	}
}

// TestDomainname: set beside the hostname, and not the host's.
func TestDomainname(t *testing.T) {
	read := func() string {
		text, err := os.ReadFile("/proc/sys/kernel/domainname")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := read()
	for name, b := range policyBundles(t) {
		b.namespaces(specs.UTSNamespace).sh("cat /proc/sys/kernel/domainname /proc/sys/kernel/hostname")
		b.spec.Domainname, b.spec.Hostname = "example.org", "box"
		if got := b.good(); got != "example.org\nbox\n" {
			t.Errorf("%s: %q", name, got)
		}
		last := len(b.spec.Linux.Namespaces) - 1
		b.spec.Hostname, b.spec.Linux.Namespaces[last].Path = "", "/proc/self/ns/uts"
		b.bad(125, []string{`domainname: "example.org"`, "would rename the host"})
		b.spec.Linux.Namespaces = b.spec.Linux.Namespaces[:last]
		b.bad(125, []string{"domainname", "no uts namespace"})
	}
	if after := read(); after != before {
		t.Errorf("the host's is %q, was %q", after, before)
	}
}

// clocks prints seconds of both clocks that a time namespace moves, and of one that
// it does not.
func clocks() int {
	for name, id := range map[string]int32{"monotonic": unix.CLOCK_MONOTONIC, "boottime": unix.CLOCK_BOOTTIME, "realtime": unix.CLOCK_REALTIME} {
		var now unix.Timespec
		if err := unix.ClockGettime(id, &now); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(name, now.Sec)
	}
	return 0
}

// clockBundle is a bundle with a time namespace, whose process is clocks.
func clockBundle(t *testing.T) *bundle {
	t.Helper()
	if _, err := os.Stat("/proc/self/timens_offsets"); err != nil {
		testns.Skip(t, "the kernel has no time namespaces")
	}
	b := newBundle(t).namespaces(specs.TimeNamespace)
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(b.path("rootfs/bin/probe"), data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.spec.Process.Env = append(b.spec.Process.Env, payloadEnv+"=clocks")
	b.spec.Process.Args = []string{"/bin/probe"}
	return b
}

// differences are how far a boot's clocks are from the test's own.
func (b *bundle) differences() map[string]int64 {
	b.t.Helper()
	out := map[string]int64{}
	got := fields(b.good())
	for name, id := range map[string]int32{"monotonic": unix.CLOCK_MONOTONIC, "boottime": unix.CLOCK_BOOTTIME, "realtime": unix.CLOCK_REALTIME} {
		var now unix.Timespec
		var secs int64
		if _, err := fmt.Sscan(got[name], &secs); err != nil || unix.ClockGettime(id, &now) != nil {
			b.t.Fatalf("%q: %v", got, err)
		}
		out[name] = (secs - now.Sec + 500) / 1000 * 1000 // offsets are thousands, to be nearer to than any delay
	}
	return out
}

// TestTimeNamespace: the clocks of the process are ahead of the host's by
// linux.timeOffsets, with a pid namespace and without; another container that joins
// sees the same.
func TestTimeNamespace(t *testing.T) {
	for _, pid := range []bool{false, true} {
		b := clockBundle(t)
		if pid {
			b.namespaces(specs.PIDNamespace)
		}
		if d := fmt.Sprint(b.differences()); d != "map[boottime:0 monotonic:0 realtime:0]" {
			t.Errorf("without offsets: %s", d)
		}
		b.spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 5000, Nanosecs: 999999999}, "monotonic": {Secs: 7000000}}
		if d := fmt.Sprint(b.differences()); d != "map[boottime:5000 monotonic:7000000 realtime:0]" {
			t.Errorf("pid namespace %v: %s", pid, d)
		}
		b.spec.Linux.TimeOffsets["monotonic"] = specs.LinuxTimeOffset{Secs: -1 << 32}
		b.bad(125, []string{"set linux.timeOffsets", "a clock would be below 0"})
	}
}

// TestJoinedTimeNamespace: by path.
func TestJoinedTimeNamespace(t *testing.T) {
	first := clockBundle(t)
	first.spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 3000}}
	first.sh(await)
	c := first.command().ready()
	first.awaitComm("cat")
	var child string
	for _, p := range first.processes() {
		if p != fmt.Sprint(c.cmd.Process.Pid) {
			child = p
			break
		}
	}
	b := clockBundle(t)
	time := &b.spec.Linux.Namespaces[len(b.spec.Linux.Namespaces)-1]
	time.Path = "/proc/" + child + "/ns/time"
	if d := fmt.Sprint(b.differences()); d != "map[boottime:3000 monotonic:0 realtime:0]" {
		t.Errorf("joined: %s", d)
	}
	want, _ := os.Readlink(time.Path)
	if got := b.sh("readlink /proc/self/ns/time").good(); got != want+"\n" || want == "" {
		t.Errorf("joined %q, is in %q", want, got)
	}
	time.Path = "/proc/self/ns/time" // the caller's own: nothing to do
	own, _ := os.Readlink(time.Path)
	if got := b.good(); got != own+"\n" {
		t.Errorf("is in %q, the caller in %q", got, own)
	}
	time.Path = "/proc/self/ns/uts"
	b.bad(125, []string{"linux.namespaces[1] time", "/proc/self/ns/uts is not a time namespace"})
	time.Path = "/proc/" + child + "/ns/time"
	b.spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}}
	b.bad(125, []string{"linux.timeOffsets boottime", "linux.namespaces[1] joins a time namespace"})
	if r := c.finish(); r.Code != 0 {
		t.Errorf("%+v", r)
	}
}
