package seccomp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// noMkdir allows everything but making directories.
func noMkdir() *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"mkdir", "mkdirat", "no_such_call"}, Action: specs.ActErrno, ErrnoRet: new(uint(117))}, // EUCLEAN
	}}
}

const (
	cleaning = "Structure needs cleaning"
	look     = `grep -E "^(Seccomp|NoNewPrivs|CapPrm|CapEff):" /proc/self/status; mkdir /tmp/x 2>&1; true`
)

// onlyNow allows what busybox's life takes, and if the filter comes early what
// nsboot has left to do. Not in it are changes of user, descriptors, limits and
// directory: they come before.
func onlyNow(early bool) *specs.LinuxSeccomp {
	names := []string{"execve", "exit_group", "exit", "arch_prctl", "brk", "mmap", "munmap", "mprotect", "set_tid_address", "getuid", "geteuid", "getgid", "getegid", "setuid", "setgid",
		"prlimit64", "readlink", "readlinkat", "getrandom", "rseq", "set_robust_list", "uname", "newuname", "rt_sigprocmask", "rt_sigaction", "write",
		"prctl", "newfstatat", "openat", "fstat"}
	if early {
		names = append(names, "capset", "ppoll")
	}
	return &specs.LinuxSeccomp{DefaultAction: specs.ActKillProcess, Syscalls: []specs.LinuxSyscall{{Names: names, Action: specs.ActAllow}}}
}

// TestMoment: with and without no_new_privs, as root and as somebody else, the
// filter is there and the capabilities are the config's, although loading it
// takes CAP_SYS_ADMIN; and nothing that nsboot does before is subject to it.
func TestMoment(t *testing.T) {
	for _, uid := range []uint32{0, 1000} {
		for _, nnp := range []bool{true, false} {
			t.Run(fmt.Sprintf("uid %d, noNewPrivileges %v", uid, nnp), func(t *testing.T) {
				l := newLab(t)
				l.spec.Process.User.UID, l.spec.Process.NoNewPrivileges = uid, nnp
				l.spec.Linux.Seccomp = noMkdir()
				l.sh(look)
				want := map[bool]string{true: "NoNewPrivs:\t1", false: "NoNewPrivs:\t0"}[nnp]
				caps := map[bool]string{true: "CapEff:\t0000000020000420", false: "CapEff:\t0000000000000000"}[uid == 0]
				l.good(l.nsboot("run"), want, "Seccomp:\t2", caps, cleaning)
				l.sh(look + "; sleep 1000")
				l.good(l.nsboot("create", "c"))
				defer l.nsboot("delete", "--force", "c")
				l.good(l.nsboot("start", "c"))
				l.good(l.nsboot("exec", "c", "sh", "-c", look), want, "Seccomp:\t2", caps, cleaning)

				l.spec.Process.Args = []string{"true"}
				l.spec.Linux.Seccomp = onlyNow(!nnp)
				l.good(l.nsboot("run"))

				// In place: there is no child.
				l.spec.Linux.Namespaces = l.spec.Linux.Namespaces[:1]
				l.good(l.nsboot("run"))
			})
		}
	}
}

// TestNoWayOut: a filter that forbids exec, and then even exit, ends the process
// and leaves none that turns in circles.
func TestNoWayOut(t *testing.T) {
	l := newLab(t)
	l.spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"execve", "exit_group", "write"}, Action: specs.ActErrno},
	}}
	if r := l.nsboot("run"); r.Code == 0 {
		t.Error("run ended well")
	}
	l.good(l.nsboot("create", "c"))
	defer l.nsboot("delete", "--force", "c")
	l.nsboot("start", "c") // nobody can tell it what has become of the process
	for range 200 {
		if r := l.nsboot("state", "c"); strings.Contains(r.Out, `"stopped"`) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the process is still there")
}

// TestExec: a process that joins the container gets its filter, whichever
// process object it comes from.
func TestExec(t *testing.T) {
	l := newLab(t)
	l.spec.Linux.Seccomp = noMkdir()
	l.spec.Process.Args = []string{"sleep", "1000"}
	l.good(l.nsboot("create", "c"))
	defer l.nsboot("delete", "--force", "c")
	l.good(l.nsboot("start", "c"))
	l.good(l.nsboot("exec", "c", "sh", "-c", look), "Seccomp:\t2", cleaning)
	for _, nnp := range []bool{true, false} {
		p := *l.spec.Process
		p.Args, p.NoNewPrivileges, p.User.UID = []string{"sh", "-c", look}, nnp, 1000
		l.write("process.json", p)
		l.good(l.nsboot("exec", "--process", l.path("process.json"), "c"), "Seccomp:\t2", cleaning)
	}
}

// TestNone: without a filter there is none.
func TestNone(t *testing.T) {
	l := newLab(t)
	l.sh(look)
	l.good(l.nsboot("run"), "Seccomp:\t0")
	l.spec.Linux.Seccomp = &specs.LinuxSeccomp{}
	l.good(l.nsboot("run"), "Seccomp:\t0")
}

// TestSkipped: names of no system call here are skipped, and --debug says which.
func TestSkipped(t *testing.T) {
	l := newLab(t)
	l.spec.Linux.Seccomp = noMkdir()
	if r := l.good(l.nsboot("run")); r.Err != "" {
		t.Errorf("said: %s", r.Err)
	}
	l.bad(l.nsboot("--debug", "run"), 0, "no system calls of this machine, skipped: no_such_call")
}

// TestRefused: what cannot be honoured is an error that names the field, before
// anything is made.
func TestRefused(t *testing.T) {
	l := newLab(t)
	many := noMkdir()
	for i := range uint64(900) {
		many.Syscalls = append(many.Syscalls, specs.LinuxSyscall{Names: []string{"ioctl"}, Action: specs.ActErrno,
			Args: []specs.LinuxSeccompArg{{Index: 1, Value: i, Op: specs.OpEqualTo}}})
	}
	unknown := noMkdir()
	unknown.Syscalls[0].Action = "SCMP_ACT_MAYBE"
	for _, c := range []struct {
		filter *specs.LinuxSeccomp
		want   string
	}{
		{many, "linux.seccomp comes to"},
		{unknown, `linux.seccomp.syscalls[0].action "SCMP_ACT_MAYBE" is no action`},
	} {
		l.spec.Linux.Seccomp = c.filter
		l.bad(l.nsboot("run"), 125, c.want)
		l.bad(l.nsboot("create", "c"), 125, c.want)
	}
	if r := l.good(l.nsboot("list", "-q")); r.Out != "" {
		t.Errorf("left behind: %s", r.Out)
	}
}
