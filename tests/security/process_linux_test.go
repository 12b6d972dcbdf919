package security

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sharedPID is a config without a pid namespace: /proc shows the caller's
// processes, nsboot among them while it boots.
func (b *bundle) sharedPID() { b.linux()["namespaces"] = array{object{"type": "mount"}} }

// leak starts nsboot with descriptors of the host open: its root, the victim,
// a file for writing; at 3, 4, ... as a careless caller leaves them.
func (b *bundle) leak(cmd *exec.Cmd) {
	for _, path := range []string{"/", b.path("victim"), b.path("victim"), b.path("victim/secret")} {
		f, err := os.Open(path)
		b.must(err)
		b.t.Cleanup(func() { f.Close() })
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
}

// TestCwdOutside: process.cwd is a magic link to one of nsboot's own
// descriptors, or a path through links (CVE-2024-21626, CVE-2026-55686).
func TestCwdOutside(t *testing.T) {
	cwds := []string{"/proc/self/cwd", "/proc/self/root", "/proc/1/cwd", "/proc/1/root", "/proc/thread-self/cwd", "/proc/self/fd/",
		"/proc/self/fd/4/..", "/proc/self/fd/../../../..", "/proc/self/task", "/out", "/out/below", "/up", "/up/missing/dir", "/host",
		"/host/made", "/magic", "/magic/made", "/loop", "/../../victim", "/etc/../../../../../../../victim"}
	for fd := range 12 {
		cwds = append(cwds, "/proc/self/fd/"+string("0123456789ab"[fd]))
	}
	for _, p := range profiles {
		t.Run(p, func(t *testing.T) {
			for _, cwd := range cwds {
				for _, shared := range []bool{false, true} {
					b := newBundle(t)
					b.profile, b.attr = p, b.leak
					if shared {
						b.sharedPID()
					}
					b.symlink(b.path("victim"), "b/rootfs/out")
					b.symlink("../../victim", "b/rootfs/up")
					b.symlink("/../../../..", "b/rootfs/host")
					b.symlink("/proc/self/fd/4", "b/rootfs/magic")
					b.symlink("loop", "b/rootfs/loop")
					b.process()["cwd"] = cwd
					b.grows = func(name string) bool { return strings.HasPrefix(name, "rootfs/") } // P5: the process's own
					b.run("cwd", ",", "ls", ".", ",", "ls", "/")
					r := b.boot()
					if r.code != 0 {
						r.refused(t, "process.cwd")
						continue
					}
					checkInside(t, cwd, r)
				}
			}
		})
	}
}

func checkInside(t *testing.T, cwd string, r result) {
	t.Helper()
	l := r.lines()
	if len(l) != 3 || !strings.HasPrefix(l[0], "cwd: /") || strings.Contains(r.stdout, "secret") || strings.Contains(r.stdout, "config.json") ||
		!strings.Contains(l[2], " etc ") || strings.Contains(l[2], "usr") {
		t.Errorf("%s, cwd %s: the process is outside its root:\n%s", r.command, cwd, r.stdout)
	}
}

// TestLeakedDescriptors: what the caller left open is not the process's
// (CVE-2024-21626); --preserve-fds names what is.
func TestLeakedDescriptors(t *testing.T) {
	for _, p := range profiles {
		for _, shared := range []bool{false, true} {
			b := newBundle(t)
			b.profile, b.attr = p, b.leak
			if shared {
				b.sharedPID()
			}
			b.run("fds")
			b.boot().booted(t, "fds: 0 1 2")
			b.command = []string{"run", "--bundle", b.path("b"), "--preserve-fds", "2"}
			b.boot().booted(t, "fds: 0 1 2 3 4")
		}
	}
}

// TestHighDescriptor: one far above those that nsboot itself opens.
func TestHighDescriptor(t *testing.T) {
	b := newBundle(t)
	b.attr = func(*exec.Cmd) {
		// Without CLOEXEC in this very process: every child inherits it.
		fd, err := unix.Open(b.path("victim"), unix.O_PATH, 0)
		b.must(err)
		b.must(unix.Dup3(fd, 900, 0))
		b.must(unix.Close(fd))
	}
	defer unix.Close(900)
	b.run("fds")
	b.boot().booted(t, "fds: 0 1 2")
}

// TestInheritableCapabilities: a file with inheritable bits would be given what
// is left set there (CVE-2022-29162, CVE-2022-27650). The caller has all set.
func TestInheritableCapabilities(t *testing.T) {
	const zero = "0000000000000000"
	for _, p := range profiles {
		for _, caps := range []any{nil, object{}, object{"bounding": array{"CAP_KILL"}, "effective": array{"CAP_KILL"}, "permitted": array{"CAP_KILL"}}} {
			b := newBundle(t)
			b.profile = p
			b.attr = inheritableCaller
			if caps != nil {
				b.process()["capabilities"] = caps
			}
			b.run("status", "CapInh", ",", "status", "CapAmb", ",", "status", "NoNewPrivs")
			b.boot().booted(t, "status: "+zero, "status: "+zero, "status: 1")
		}
	}
}

// inheritableCaller starts nsboot with ambient capabilities, which need
// inheritable ones.
func inheritableCaller(cmd *exec.Cmd) {
	cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_MKNOD}
}
