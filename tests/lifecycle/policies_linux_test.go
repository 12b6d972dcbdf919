package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A process that is executed has the container's clocks, personality and memory
// policy, and the scheduling of its own process object or, else, the container's.
func TestExecPolicies(t *testing.T) {
	last := fmt.Sprint(runtime.NumCPU() - 1)
	l := running(t, func(l *lab) {
		l.spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 4}
		l.spec.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
		l.spec.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: last}
		l.spec.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
		l.spec.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"}
		l.spec.Linux.Namespaces = append(l.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		l.spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1 << 30}}
	})
	look := `set -- $(cat /proc/$$/stat); shift 18; echo sched $1 ${23}
echo io $(busybox ionice -p $$); echo machine $(busybox uname -m); echo memory $(busybox awk 'NR==1{print $2}' /proc/self/numa_maps)
echo cpus $(busybox awk '/Cpus_allowed_list/{print $2}' /proc/self/status); echo up $(busybox awk '{print ($1 > 1000000000)}' /proc/uptime)
echo time $(busybox readlink /proc/self/ns/time)`
	want := func(sched, io, cpus string) string {
		t.Helper()
		ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/time", l.state("c").Pid))
		if err != nil {
			t.Fatal(err)
		}
		if own, _ := os.Readlink("/proc/self/ns/time"); own == ns {
			t.Error("the container has the caller's time namespace")
		}
		return fmt.Sprintf("sched %s\nio %s\nmachine %s\nmemory bind:0\ncpus %s\nup 1\ntime %s\n", sched, io, map[string]string{"amd64": "i686", "arm64": "armv8l"}[runtime.GOARCH], cpus, ns)
	}
	check := func(out, want string) {
		t.Helper()
		if out != want {
			t.Errorf("got:\n%swant:\n%s", out, want)
		}
	}
	own := want("4 3", "best-effort: prio 6", last)
	check(l.good("exec", "c", "sh", "-c", look).Out, own)

	file := filepath.Join(l.dir, "process.json")
	write := func(fields string) {
		text := fmt.Sprintf(`{"args":["sh","-c",%q],"env":["PATH=/bin"],"cwd":"/"%s}`, look, fields)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	check(l.good("exec", "--process", file, "c").Out, own)
	write(`,"scheduler":{"policy":"SCHED_RR","priority":2},"ioPriority":{"class":"IOPRIO_CLASS_RT","priority":1},"execCPUAffinity":{"initial":"0"}`)
	check(l.good("exec", "--process", file, "c").Out, want("0 2", "realtime: prio 1", "0"))
	write(`,"execCPUAffinity":{"final":"8191"}`)
	l.bad(125, []string{"process.execCPUAffinity.final", `"8191"`, "none of these CPUs"}, "exec", "--process", file, "c")
	write(`,"scheduler":{"policy":"SCHED_X"}`)
	l.bad(125, []string{"process.scheduler.policy", "SCHED_X"}, "exec", "--process", file, "c")
	// The container's own process is not what execCPUAffinity is about.
	if r := l.good("exec", "c", "busybox", "awk", "/Cpus_allowed_list/{print $2}", "/proc/1/status"); runtime.NumCPU() > 1 && strings.TrimSpace(r.Out) == last {
		t.Errorf("the first process runs on %s alone", last)
	}
}
