package nsmount

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// policySpec is a config that change adds to.
func policySpec(change func(*specs.Process, *specs.Linux)) *specs.Spec {
	spec := &specs.Spec{Process: &specs.Process{Args: []string{"x"}, Cwd: "/"}, Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "time"}, {Type: "uts"}}}}
	change(spec.Process, spec.Linux)
	return spec
}

// TestCompilePolicies: names become the kernel's numbers.
func TestCompilePolicies(t *testing.T) {
	spec := policySpec(func(p *specs.Process, l *specs.Linux) {
		p.Scheduler = &specs.Scheduler{Policy: specs.SchedRR, Priority: 99, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork, specs.SchedFlagUtilClampMax}}
		p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE, Priority: 7}
		p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0-3, 7,", Final: "63-64"}
		l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
		l.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolInterleave, Nodes: "0,63-65", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}}
		l.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: -1}, "boottime": {Nanosecs: 5}}
	})
	spec.Domainname = "example.org"
	got, err := CompileProcess(spec)
	if err != nil {
		t.Fatal(err)
	}
	nodes := make([]uint64, 16)
	nodes[0], nodes[1] = 1<<63|1, 3
	want := &Process{
		Args: []string{"x"}, Cwd: "/", Domainname: "example.org", Namespaces: []Namespace{{"time", ""}, {"uts", ""}},
		Scheduler: &Scheduler{Policy: 2, Priority: 99, Flags: 0x41}, IOPriority: &IOPriority{3, 7},
		ExecCPUAffinity: &CPUAffinity{"0-3, 7,", "63-64"}, Personality: new(perLinux32), MemoryPolicy: &MemoryPolicy{Mode: 1<<15 | 3, Nodes: nodes},
		TimeOffsets: []TimeOffset{{"boottime", 0, 5}, {"monotonic", -1, 0}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if text, want := string(offsetLines(got.TimeOffsets)), "boottime 0 5\nmonotonic -1 0\n"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
}

// TestCompileNoPolicies: what asks for nothing is left as the caller has it.
func TestCompileNoPolicies(t *testing.T) {
	got, err := CompileProcess(policySpec(func(p *specs.Process, l *specs.Linux) {
		p.Scheduler, p.IOPriority, p.ExecCPUAffinity = &specs.Scheduler{}, &specs.LinuxIOPriority{}, &specs.CPUAffinity{}
		l.Personality, l.MemoryPolicy = &specs.LinuxPersonality{}, &specs.LinuxMemoryPolicy{}
		l.Namespaces, l.TimeOffsets = nil, map[string]specs.LinuxTimeOffset{"boottime": {}}
	}))
	if d := cmp.Diff(&Process{Args: []string{"x"}, Cwd: "/"}, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// TestBadPolicies: each value that makes no sense is an error that names its field.
func TestBadPolicies(t *testing.T) {
	sched := func(s specs.Scheduler) func(*specs.Process, *specs.Linux) {
		return func(p *specs.Process, _ *specs.Linux) { p.Scheduler = &s }
	}
	io := func(io specs.LinuxIOPriority) func(*specs.Process, *specs.Linux) {
		return func(p *specs.Process, _ *specs.Linux) { p.IOPriority = &io }
	}
	cpus := func(a specs.CPUAffinity) func(*specs.Process, *specs.Linux) {
		return func(p *specs.Process, _ *specs.Linux) { p.ExecCPUAffinity = &a }
	}
	memory := func(m specs.LinuxMemoryPolicy) func(*specs.Process, *specs.Linux) {
		return func(_ *specs.Process, l *specs.Linux) { l.MemoryPolicy = &m }
	}
	clock := func(name string, o specs.LinuxTimeOffset, namespaces ...specs.LinuxNamespace) func(*specs.Process, *specs.Linux) {
		return func(_ *specs.Process, l *specs.Linux) {
			l.Namespaces, l.TimeOffsets = namespaces, map[string]specs.LinuxTimeOffset{name: o}
		}
	}
	timeNS := specs.LinuxNamespace{Type: "time"}
	for _, c := range []struct {
		change func(*specs.Process, *specs.Linux)
		want   string
	}{
		{sched(specs.Scheduler{Policy: "SCHED_FAST"}), `process.scheduler.policy: "SCHED_FAST": no scheduling policy that Linux has`},
		{sched(specs.Scheduler{Nice: 1}), `process.scheduler.policy: ""`},
		{sched(specs.Scheduler{Policy: specs.SchedISO}), "process.scheduler.policy: SCHED_ISO: reserved"},
		{sched(specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{"X"}}), `process.scheduler.flags[0]: "X"`},
		{sched(specs.Scheduler{Policy: specs.SchedOther, Nice: 20}), "process.scheduler.nice: 20: must be between -20 and 19"},
		{sched(specs.Scheduler{Policy: specs.SchedBatch, Nice: -21}), "process.scheduler.nice: -21"},
		{sched(specs.Scheduler{Policy: specs.SchedIdle, Nice: 1}), "process.scheduler.nice: 1: only SCHED_OTHER and SCHED_BATCH have one, not SCHED_IDLE"},
		{sched(specs.Scheduler{Policy: specs.SchedFIFO}), "process.scheduler.priority: 0: must be between 1 and 99 for SCHED_FIFO"},
		{sched(specs.Scheduler{Policy: specs.SchedRR, Priority: 100}), "process.scheduler.priority: 100"},
		{sched(specs.Scheduler{Policy: specs.SchedRR, Priority: -1}), "process.scheduler.priority: -1"},
		{sched(specs.Scheduler{Policy: specs.SchedOther, Priority: 1}), "process.scheduler.priority: 1: only SCHED_FIFO and SCHED_RR"},
		{sched(specs.Scheduler{Policy: specs.SchedFIFO, Priority: 1, Period: 9}), "process.scheduler.runtime, deadline, period: only SCHED_DEADLINE"},
		{sched(specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 10, Deadline: 20}), "process.scheduler.runtime: 10 nanoseconds"},
		{sched(specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 3000, Deadline: 2000}), "process.scheduler.runtime 3000, deadline 2000, period 0"},
		{sched(specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 2000, Deadline: 4000, Period: 3000}), "deadline 4000, period 3000"},
		{sched(specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 2000, Deadline: 1 << 63}), "none may be above the next"},
		{io(specs.LinuxIOPriority{Class: "IOPRIO_CLASS_NONE"}), `process.ioPriority.class: "IOPRIO_CLASS_NONE": none of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE`},
		{io(specs.LinuxIOPriority{Priority: 1}), `process.ioPriority.class: ""`},
		{io(specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 8}), "process.ioPriority.priority: 8: must be between 0 and 7"},
		{io(specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: -1}), "process.ioPriority.priority: -1"},
		{cpus(specs.CPUAffinity{Initial: "0,x"}), `process.execCPUAffinity.initial: "x": neither a number nor a range`},
		{cpus(specs.CPUAffinity{Final: "3-1"}), `process.execCPUAffinity.final: "3-1": the range goes backwards`},
		{cpus(specs.CPUAffinity{Final: "0-8192"}), `process.execCPUAffinity.final: "0-8192": 8192 is above 8191`},
		{cpus(specs.CPUAffinity{Final: " , "}), "process.execCPUAffinity.final: names none"},
		{cpus(specs.CPUAffinity{Final: "-1"}), "process.execCPUAffinity.final"},
		{cpus(specs.CPUAffinity{Final: strings.Repeat("0,", 10000) + "0-"}), `process.execCPUAffinity.final: "0-": neither`},
		{func(_ *specs.Process, l *specs.Linux) { l.Personality = &specs.LinuxPersonality{Domain: "BSD"} }, `linux.personality.domain: "BSD": neither LINUX nor LINUX32`},
		{func(_ *specs.Process, l *specs.Linux) {
			l.Personality = &specs.LinuxPersonality{Domain: "LINUX", Flags: []specs.LinuxPersonalityFlag{"ADDR_NO_RANDOMIZE"}}
		}, "linux.personality.flags: [\"ADDR_NO_RANDOMIZE\"]: runtime-spec defines none"},
		{memory(specs.LinuxMemoryPolicy{Nodes: "0"}), `linux.memoryPolicy.mode: "": none of MPOL_DEFAULT, `},
		{memory(specs.LinuxMemoryPolicy{Mode: specs.MpolBind}), "linux.memoryPolicy.nodes: missing: MPOL_BIND wants one at least"},
		{memory(specs.LinuxMemoryPolicy{Mode: specs.MpolLocal, Nodes: "0"}), `linux.memoryPolicy.nodes: "0": MPOL_LOCAL has none`},
		{memory(specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "1024"}), `linux.memoryPolicy.nodes: "1024": 1024 is above 1023`},
		{memory(specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{"MPOL_F_X"}}), `linux.memoryPolicy.flags[0]: "MPOL_F_X"`},
		{clock("realtime", specs.LinuxTimeOffset{}, timeNS), `linux.timeOffsets "realtime": only the clocks boottime and monotonic`},
		{clock("boottime", specs.LinuxTimeOffset{Nanosecs: 1e9}, timeNS), "linux.timeOffsets boottime: 1000000000 nanosecs are a second or more"},
		{clock("boottime", specs.LinuxTimeOffset{Secs: 1 << 62}, timeNS), "linux.timeOffsets boottime: 4611686018427387904 secs are more than a clock has"},
		{clock("boottime", specs.LinuxTimeOffset{Secs: -1 << 62}, timeNS), "more than a clock has"},
		{clock("boottime", specs.LinuxTimeOffset{Secs: 1}), "linux.timeOffsets boottime: needs a time namespace"},
		{clock("monotonic", specs.LinuxTimeOffset{Secs: 1}, specs.LinuxNamespace{Type: "time", Path: "/p"}), "linux.timeOffsets monotonic: linux.namespaces[0] joins a time namespace"},
	} {
		if _, err := CompileProcess(policySpec(c.change)); err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 200 {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	spec := policySpec(func(*specs.Process, *specs.Linux) {})
	for name, want := range map[string]string{strings.Repeat("x", 65): "domainname: 65 bytes", "a\x00": "domainname: contains a NUL"} {
		spec.Domainname = name
		if _, err := CompileProcess(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	spec.Domainname, spec.Linux.Namespaces = "x", nil
	if _, err := CompileProcess(spec); err == nil || !strings.Contains(err.Error(), `domainname: "x": needs a uts namespace`) {
		t.Error(err)
	}
}
