package rootless

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const policies = `busybox uname -m; cat /proc/sys/kernel/domainname; busybox ionice -p $$; busybox awk '{print $19, $40, $41}' /proc/$$/stat
busybox awk 'NR==1{print $2}' /proc/self/numa_maps; busybox awk '{print ($1 > 1000000000)}' /proc/uptime; cat /proc/self/timens_offsets`

// policed asks for everything that the kernel lets the process have.
func (p *person) policed() {
	for _, typ := range []specs.LinuxNamespaceType{specs.TimeNamespace, specs.UTSNamespace} {
		p.spec.Linux.Namespaces = append(p.spec.Linux.Namespaces, specs.LinuxNamespace{Type: typ})
	}
	p.spec.Domainname = "example.org"
	p.spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5}
	p.spec.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
	p.spec.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	p.spec.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"}
	p.spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1 << 30}}
}

// saw is what the script above prints there, but for the machine.
func saw(t *testing.T, r result, io, sched string) {
	t.Helper()
	_, out, _ := strings.Cut(r.Out, "\n")
	want := "example.org\n" + io + "\n" + sched + "\nbind:0\n1\nmonotonic           0         0\nboottime   1073741824         0\n"
	if out != want {
		t.Errorf("got:\n%swant:\n%s%s", r.Out, want, r.Err)
	}
}

// TestPoliciesOfUser: an ordinary user's process has them, too; what is for those
// with rights on the host is an error that says so.
func TestPoliciesOfUser(t *testing.T) {
	p := newPerson(t, granted)
	p.policed()
	p.save()
	saw(t, p.good("run", "--", "sh", "-c", policies), "best-effort: prio 6", "5 0 3")
	p.good("run", "--detach", "web")
	saw(t, p.good("exec", "web", "sh", "-c", policies), "best-effort: prio 6", "5 0 3")
	p.good("delete", "--force", "web")

	p.spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 1}
	p.save()
	if r := p.nsboot("run"); r.Code != 125 || !strings.Contains(r.Err, "process.scheduler: set SCHED_FIFO: operation not permitted (it needs CAP_SYS_NICE on the host") {
		t.Errorf("%+v", r)
	}
	p.spec.Process.Scheduler, p.spec.Process.IOPriority = nil, &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT}
	p.save()
	if r := p.nsboot("run"); r.Code != 125 || !strings.Contains(r.Err, "process.ioPriority: set IOPRIO_CLASS_RT 0: operation not permitted (it needs CAP_SYS_NICE on the host") {
		t.Errorf("%+v", r)
	}
}

// TestPoliciesOfMapped: in a user namespace that root made, root's rights count.
func TestPoliciesOfMapped(t *testing.T) {
	p := newMapped(t)
	p.spec.Linux.Namespaces = append(p.spec.Linux.Namespaces[:4:4], p.spec.Linux.Namespaces[5:]...) // its uts namespace is policed's
	p.policed()
	p.spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 9}
	p.spec.Process.IOPriority.Class = specs.IOPRIO_CLASS_RT
	p.save()
	saw(t, p.good(p.as("", "run", "--", "sh", "-c", policies)...), "realtime: prio 6", "0 9 1")
	p.good(p.as("", "run", "--detach", "web")...)
	saw(t, p.good(p.as("", "exec", "web", "sh", "-c", policies)...), "realtime: prio 6", "0 9 1")
	p.good(p.as("", "delete", "--force", "web")...)
}
