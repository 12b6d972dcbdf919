package seccomp

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	moby "github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	auditAMD64 = 0xc000003e
	audit386   = 0x40000003
)

func compile(t testing.TB, c *specs.LinuxSeccomp) (*Filter, machine) {
	t.Helper()
	f, err := Compile(c, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	return f, newMachine(t, f)
}

func call1(names []string, a specs.LinuxSeccompAction, args ...specs.LinuxSeccompArg) specs.LinuxSyscall {
	return specs.LinuxSyscall{Names: names, Action: a, Args: args}
}

func arg(index uint, op specs.LinuxSeccompOperator, values ...uint64) specs.LinuxSeccompArg {
	return specs.LinuxSeccompArg{Index: index, Op: op, Value: values[0], ValueTwo: append(values, 0)[1]}
}

// TestFilter pins what the package's documentation says.
func TestFilter(t *testing.T) {
	const (
		allow, errno = retAllow, retErrno | eperm
		eq, ne       = specs.OpEqualTo, specs.OpNotEqual
		big          = 1 << 40
	)
	all := []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32, specs.ArchMIPS}
	c := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: all, Syscalls: []specs.LinuxSyscall{
		call1([]string{"read", "waitpid", "rt_sigaction", "no_such_call"}, specs.ActAllow),
		call1([]string{"write"}, specs.ActAllow, arg(0, eq, 1), arg(2, specs.OpLessEqual, big)),
		call1([]string{"write"}, specs.ActLog, arg(0, eq, 2)),
		call1([]string{"open"}, specs.ActAllow, arg(1, eq, 3), arg(1, eq, 5)),
		call1([]string{"close"}, specs.ActKillProcess, arg(0, ne, 7)),
		call1([]string{"close"}, specs.ActAllow),
		call1([]string{"close"}, specs.ActTrap),
		call1([]string{"stat"}, specs.ActErrno), // the default: as if it were not there
		call1([]string{"stat"}, specs.ActAllow),
		call1([]string{"personality"}, specs.ActAllow, arg(0, specs.OpMaskedEqual, 0xff, 0x108)),
		call1([]string{"kill"}, specs.ActAllow, arg(0, specs.OpGreaterThan, 10)),
		call1([]string{"kill"}, specs.ActKillThread, arg(0, specs.OpGreaterThan, 100)),
		call1([]string{"socket"}, specs.ActAllow),
		call1([]string{"connect"}, specs.ActAllow, arg(0, eq, 1)),
		call1([]string{"bind"}, specs.ActKillProcess, arg(0, eq, 1)),
		call1([]string{"shmat"}, specs.ActAllow),
		call1([]string{"openat2"}, specs.ActAllow),
		{Names: []string{"acct"}, Action: specs.ActErrno, ErrnoRet: new(uint(22))},
		{Names: []string{"fork"}, Action: specs.ActTrace, ErrnoRet: new(uint(9))},
	}}
	_, m := compile(t, c)
	for _, x := range []struct {
		what string
		call sysCall
		want uint32
	}{
		{"allowed", sysCall{auditAMD64, 0, [6]uint64{}}, allow},
		{"both conditions", sysCall{auditAMD64, 1, [6]uint64{1, 0, big}}, allow},
		{"one condition", sysCall{auditAMD64, 1, [6]uint64{1, 0, big + 1}}, errno},
		{"another rule of the call", sysCall{auditAMD64, 1, [6]uint64{2}}, retLog},
		{"upper half", sysCall{auditAMD64, 1, [6]uint64{1<<32 | 2}}, errno},
		{"an argument twice, the first", sysCall{auditAMD64, 2, [6]uint64{0, 3}}, allow},
		{"an argument twice, the second", sysCall{auditAMD64, 2, [6]uint64{0, 5}}, allow},
		{"an argument twice, neither", sysCall{auditAMD64, 2, [6]uint64{0, 4}}, errno},
		{"without conditions, the first", sysCall{auditAMD64, 3, [6]uint64{8}}, allow},
		{"the default's rule", sysCall{auditAMD64, 4, [6]uint64{}}, allow},
		{"masked, what is beyond the mask is not compared", sysCall{auditAMD64, 135, [6]uint64{0xf08}}, allow},
		{"masked, not equal", sysCall{auditAMD64, 135, [6]uint64{9}}, errno},
		{"the closer bound", sysCall{auditAMD64, 62, [6]uint64{200}}, retKillThread},
		{"the wider bound", sysCall{auditAMD64, 62, [6]uint64{50}}, allow},
		{"errno", sysCall{auditAMD64, 163, [6]uint64{}}, retErrno | 22},
		{"trace", sysCall{auditAMD64, 57, [6]uint64{}}, retTrace | 9},
		{"named by nobody", sysCall{auditAMD64, 5, [6]uint64{}}, errno},
		{"the last that is named", sysCall{auditAMD64, 437, [6]uint64{}}, allow},
		{"newer than the filter", sysCall{auditAMD64, 438, [6]uint64{}}, retErrno | enosys},
		{"386: its own number", sysCall{audit386, 7, [6]uint64{}}, allow},
		{"386: that of amd64", sysCall{audit386, 0, [6]uint64{}}, errno},
		{"386: low halves", sysCall{audit386, 4, [6]uint64{1<<32 | 1}}, allow},
		{"386: newer", sysCall{audit386, 438, [6]uint64{}}, retErrno | enosys},
		{"386: socketcall of socket", sysCall{audit386, 102, [6]uint64{1}}, allow},
		{"386: socketcall of connect, whose arguments cannot be seen", sysCall{audit386, 102, [6]uint64{3}}, errno},
		{"386: socketcall of bind, which may be what is forbidden", sysCall{audit386, 102, [6]uint64{2}}, retKillProcess},
		{"386: ipc of shmat, with a version", sysCall{audit386, 117, [6]uint64{1<<16 | 21}}, allow},
		{"386: ipc of shmdt", sysCall{audit386, 117, [6]uint64{22}}, errno},
		{"x32: its own number", sysCall{auditAMD64, x32Bit | 512, [6]uint64{}}, allow},
		{"x32: that of amd64", sysCall{auditAMD64, x32Bit | 13, [6]uint64{}}, errno},
		{"amd64: its own number", sysCall{auditAMD64, 13, [6]uint64{}}, allow},
		{"no architecture of the filter", sysCall{0xc00000b7, 0, [6]uint64{}}, retKillProcess},
	} {
		if got := m.run(t, x.call); got != x.want {
			t.Errorf("%s: %#x, want %#x", x.what, got, x.want)
		}
	}
	c.Architectures = nil
	_, m = compile(t, c)
	for what, x := range map[string]sysCall{"386": {audit386, 7, [6]uint64{}}, "x32": {auditAMD64, x32Bit, [6]uint64{}}} {
		if got := m.run(t, x); got != retKillProcess {
			t.Errorf("%s is not listed: %#x", what, got)
		}
	}
	if got := m.run(t, sysCall{auditAMD64, ^uint32(0), [6]uint64{}}); got != errno {
		t.Errorf("a call that a tracer skips: %#x", got)
	}
	c.DefaultAction = specs.ActLog
	if _, m = compile(t, c); m.run(t, sysCall{auditAMD64, 600, [6]uint64{}}) != retLog {
		t.Error("a default that lets calls pass does not let new ones pass")
	}
}

// TestErrors: each names its field.
func TestErrors(t *testing.T) {
	rule := func(s specs.LinuxSyscall) *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{s}}
	}
	read := []string{"read"}
	many := rule(call1(read, specs.ActErrno))
	for i := range uint64(900) {
		many.Syscalls = append(many.Syscalls, call1([]string{"ioctl"}, specs.ActErrno, arg(1, specs.OpEqualTo, i)))
	}
	twice := rule(call1(read, specs.ActErrno, arg(0, specs.OpEqualTo, 1)))
	twice.Syscalls = append(twice.Syscalls, call1(read, specs.ActTrap, arg(0, specs.OpEqualTo, 1)))
	long := "/" + strings.Repeat("x", 107)
	for _, x := range []struct {
		c    *specs.LinuxSeccomp
		want string
	}{
		{&specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_NO"}, `defaultAction "SCMP_ACT_NO" is no action`},
		{rule(call1(nil, specs.ActErrno)), "syscalls[0].names is empty"},
		{&specs.LinuxSeccomp{Syscalls: []specs.LinuxSyscall{call1(read, specs.ActErrno)}}, `defaultAction "" is no action`},
		{&specs.LinuxSeccomp{DefaultAction: specs.ActNotify}, "defaultAction SCMP_ACT_NOTIFY: not for every call"},
		{&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, DefaultErrnoRet: new(uint(1))}, "defaultErrnoRet is set, but SCMP_ACT_ALLOW returns none"},
		{&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: new(uint(4096))}, "defaultErrnoRet is 4096"},
		{&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{"SCMP_ARCH_VAX"}}, `architectures[0] "SCMP_ARCH_VAX"`},
		{&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{"X"}}, `flags[0] "X"`},
		{&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerMetadata: "x"}, "listenerMetadata is set, but listenerPath is not"},
		{&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "x"}, `listenerPath "x" is not an absolute path`},
		{&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: long}, "listenerPath is 108 bytes long"},
		{rule(call1([]string{""}, specs.ActErrno)), "syscalls[0].names[0] is empty"},
		{rule(call1(read, "SCMP_ACT_NO")), `syscalls[0].action "SCMP_ACT_NO" is no action`},
		{rule(call1(read, specs.ActNotify)), "listenerPath is not set"},
		{rule(call1([]string{"write"}, specs.ActNotify)), "syscalls[0].names[0]: write cannot have SCMP_ACT_NOTIFY"},
		{rule(specs.LinuxSyscall{Names: read, Action: specs.ActKill, ErrnoRet: new(uint(1))}), "syscalls[0].errnoRet is set, but SCMP_ACT_KILL returns none"},
		{rule(call1(read, specs.ActErrno, arg(6, specs.OpEqualTo, 1))), "syscalls[0].args[0].index is 6"},
		{rule(call1(read, specs.ActErrno, arg(0, "SCMP_CMP_NO", 1))), `syscalls[0].args[0].op "SCMP_CMP_NO" is no operator`},
		{twice, "syscalls[0] and syscalls[1] have different actions for the same arguments of system call 0"},
		{many, " comes to 4"},
	} {
		_, err := Compile(x.c, "amd64")
		if err == nil || !strings.HasPrefix(err.Error(), "linux.seccomp") || !strings.Contains(err.Error(), x.want) {
			t.Errorf("want %q: %v", x.want, err)
		}
	}
	if _, err := Compile(rule(call1(read, specs.ActErrno)), "riscv64"); err == nil || !strings.Contains(err.Error(), "no table of riscv64's system calls") {
		t.Error(err)
	}
	for _, none := range []*specs.LinuxSeccomp{nil, {}, {Flags: []specs.LinuxSeccompFlag{}}} {
		if f, err := Compile(none, "riscv64"); f != nil || err != nil {
			t.Errorf("%+v: %v, %v", none, f, err)
		}
	}
}

// TestFlags: TSYNC is for one thread nothing, and nobody waits for what does not
// notify.
func TestFlags(t *testing.T) {
	c := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "/x", Flags: flagNames[:]}
	if f, _ := compile(t, c); f.Flags != 1<<1|1<<2 || f.Notify {
		t.Errorf("%#x, %v", f.Flags, f.Notify)
	}
	c.Syscalls = []specs.LinuxSyscall{call1([]string{"mkdir"}, specs.ActNotify)}
	if f, _ := compile(t, c); f.Flags != 1<<1|1<<2|1<<3|1<<5 || !f.Notify {
		t.Errorf("%#x, %v", f.Flags, f.Notify)
	}
}

// TestMoby: the newest calls that its profile has are allowed, and it fits.
func TestMoby(t *testing.T) {
	p, err := moby.GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}})
	if err != nil {
		t.Fatal(err)
	}
	f, m := compile(t, p)
	if len(f.Program) > 2000 {
		t.Errorf("%d instructions", len(f.Program))
	}
	for _, name := range []string{"read", "cachestat", "mseal", "statmount", "clone3", "mount", "bpf"} {
		known := lookup(name)
		want := retAllow
		switch name {
		case "clone3":
			want = retErrno | enosys
		case "mount", "bpf":
			want = retErrno | eperm
		}
		if got := m.run(t, sysCall{auditAMD64, uint32(known.amd64), [6]uint64{}}); got != want {
			t.Errorf("%s: %#x, want %#x", name, got, want)
		}
	}
	if i := slices.IndexFunc(f.Skipped, func(n string) bool { return lookup(n) != nil }); i >= 0 {
		t.Errorf("%s is skipped, but known", f.Skipped[i])
	}
}

// TestTable: the search needs order; the numbers are checked where they are the
// kernel's for ever.
func TestTable(t *testing.T) {
	for i := range calls[1:] {
		if calls[i].name >= calls[i+1].name {
			t.Errorf("%s, %s: not in order", calls[i].name, calls[i+1].name)
		}
	}
	for _, want := range []call{
		{"read", 0, 0, 3, 63, 3}, {"execve", 59, 520, 11, 221, 11}, {"socket", 41, 41, 359, 198, 281}, {"open", 2, 2, 5, -1, 5},
		{"socketcall", -1, -1, 102, -1, -1}, {"set_tls", -1, -1, -1, -1, 0x0f0005}, {"newfstatat", 262, 262, -1, 79, -1}, {"clone3", 435, 435, 435, 435, 435},
	} {
		if got := lookup(want.name); got == nil || *got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	for i := range archsAMD64 {
		seen := make(map[uint32]string)
		for j := range calls {
			if nr, ok := archsAMD64[i].number(&calls[j]); ok {
				if other := seen[nr]; other != "" {
					t.Errorf("%s: %s and %s are both %d", archsAMD64[i].name, other, calls[j].name, nr)
				}
				seen[nr] = calls[j].name
			}
		}
	}
}

// BenchmarkCompile is what a config with moby's profile pays.
func BenchmarkCompile(b *testing.B) {
	p, err := moby.GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Compile(p, "amd64"); err != nil {
			b.Fatal(err)
		}
	}
}

// A hostile list of names costs no more than reading it.
func TestManyNames(t *testing.T) {
	c := &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Action: specs.ActErrno}}}
	for i := range 300_000 {
		c.Syscalls[0].Names = append(c.Syscalls[0].Names, "read", fmt.Sprint("no_such_call_", i))
	}
	if f, _ := compile(t, c); len(f.Skipped) != 300_000 {
		t.Error(len(f.Skipped))
	}
}
