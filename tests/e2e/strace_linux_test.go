package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/tests/testns"
)

func needStrace(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		testns.Skip(t, "strace is not installed")
	}
	return path
}

// under has strace run the prepared nsboot.
func under(strace string, args ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.Args = append(append([]string{strace}, args...), cmd.Args...)
		cmd.Path = strace
	}
}

// perMount is what one bind mount costs, by kind: open_tree, fstat, openat2 of
// the mount point, move_mount and two closes; on a read-only root two more to see
// that its mount point is there (openat2, close); mount_setattr for ro. A missing
// one costs its making in the stub layer. What the Go runtime calls for itself
// does not count, for under strace it depends on the weather.
var perMount = map[string]float64{"writable": 6.1, "read-only root": 8.1, "ro": 9.1, "stub": 23.1}

const runtimeOwn = "|futex|nanosleep|clock_nanosleep|sched_yield|getpid|tgkill|rt_sigreturn|rt_sigprocmask|rt_sigaction|sigaltstack|gettid|" +
	"clone|clone3|mmap|munmap|madvise|brk|mprotect|epoll_pwait|epoll_ctl|restart_syscall|read|pread64|write|"

// TestConstantSyscallsPerMount counts system calls at 100 and at 1000 binds: the
// difference is a small constant a mount.
func TestConstantSyscallsPerMount(t *testing.T) {
	strace := needStrace(t)
	for _, kind := range []string{"writable", "read-only root", "ro", "stub"} {
		count := func(n int) int {
			b := newBundle(t)
			b.spec.Root.Readonly = kind != "writable"
			b.mkdir("src")
			for i := range n {
				dst := fmt.Sprintf("/mnt/%d", i)
				if kind != "stub" {
					b.mkdir("rootfs" + dst)
				}
				b.bind("src", dst)
				if kind == "ro" {
					b.spec.Mounts[i].Options = append(b.spec.Mounts[i].Options, "ro")
				}
			}
			out := filepath.Join(b.dir, "unlisted-count")
			b.write("unlisted-count", "")
			r := b.bootWith(under(strace, "-f", "-c", "-o", out))
			if r.Code != 0 {
				t.Fatalf("%d binds: %+v", n, r)
			}
			return straceTotal(t, b.read("unlisted-count"))
		}
		few, many := count(100), count(1000)
		each := float64(many-few) / 900
		t.Logf("%s: %d system calls at 100 binds, %d at 1000: %.2f a mount", kind, few, many, each)
		if each > perMount[kind] {
			t.Errorf("%s: %.2f system calls a mount, want at most %v", kind, each, perMount[kind])
		}
	}
}

// straceTotal adds up the calls of strace -c: "0.12 0.01 2 4321 17 openat".
func straceTotal(t *testing.T, summary string) (sum int) {
	t.Helper()
	for line := range strings.Lines(summary) {
		f := strings.Fields(line)
		if len(f) < 5 || strings.Contains(runtimeOwn, "|"+f[len(f)-1]+"|") || f[len(f)-1] == "total" {
			continue
		}
		if n, err := strconv.Atoi(f[3]); err == nil {
			sum += n
		}
	}
	if sum == 0 {
		t.Fatalf("no calls in %s", summary)
	}
	return sum
}

// injected are the system calls that a boot changes something with, or learns
// something from that it depends on.
const injected = "open_tree,move_mount,mount_setattr,fsopen,fsconfig,fsmount,mount,umount2,pivot_root,unshare,setns,fchdir,chroot," +
	"mkdirat,mknodat,symlinkat,openat2,statx,flock,unlinkat,renameat,pipe2,pidfd_open,close_range,capset,setresuid,setresgid,prctl"

// TestEachSyscallFails has the kernel refuse each such call in turn: nsboot ends
// with an error or does without, and leaves nothing behind.
func TestEachSyscallFails(t *testing.T) {
	strace := needStrace(t)
	for _, name := range []string{"stubs pid", "overlay"} {
		b := killBundles(t)[name]
		b.sh("exit 3")
		b.write("unlisted-trace", "")
		trace := b.path("unlisted-trace")
		if r := b.bootWith(under(strace, "-f", "-o", trace, "-e", "trace="+injected)); r.Code != 3 {
			t.Fatalf("traced: %+v", r)
		}
		calls := 0
		for call, n := range countCalls(b.read("unlisted-trace")) {
			for k := 1; k <= n; k++ {
				calls++
				what := fmt.Sprintf("%s:error=EIO:when=%d", call, k)
				c := b.command()
				under(strace, "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace="+call, "-e", "inject="+what)(c.cmd)
				c.start()
				r := c.wait()
				if r.Code != 3 && (r.Code < 125 || r.Code > 127 || !strings.HasPrefix(r.Err, "nsboot: ")) {
					t.Errorf("%s, %s: %+v", name, what, r)
				}
				failed := t.Failed()
				if tidies[call] {
					b.nextBoot(c.host)
				} else {
					b.checkHost(c.host)
				}
				if t.Failed() && !failed {
					t.Logf("that was %s, %s: exit %d %s", name, what, r.Code, r.Err)
					b.nextBoot(c.host)
				}
			}
		}
		t.Logf("%s: %d calls refused", name, calls)
	}
}

// tidies are the calls that removing stubs itself is made of: where one of them
// fails the next boot has to remove what is left.
var tidies = map[string]bool{"unlinkat": true, "openat2": true, "statx": true, "flock": true, "setns": true, "fchdir": true, "chroot": true, "renameat": true}

// nextBoot boots the bundle without a fault and then looks at the host.
func (b *bundle) nextBoot(before hostState) {
	b.t.Helper()
	if _, err := b.command().output(); err != nil && !strings.Contains(err.Error(), "exit status 3") {
		b.t.Errorf("the next boot: %v", err)
	}
	b.checkHost(before)
}

var callName = regexp.MustCompile(`(?m)^(\d+)\s+([a-z0-9_]+)\(`)

// countCalls counts each call of the thread that makes most of them: strace
// counts when= for each thread.
func countCalls(trace string) map[string]int {
	threads := map[string]map[string]int{}
	most := ""
	for _, m := range callName.FindAllStringSubmatch(trace, -1) {
		if threads[m[1]] == nil {
			threads[m[1]] = map[string]int{}
		}
		threads[m[1]][m[2]]++
		if most == "" || total(threads[m[1]]) > total(threads[most]) {
			most = m[1]
		}
	}
	return threads[most]
}

func total(m map[string]int) (n int) {
	for _, c := range m {
		n += c
	}
	return n
}
