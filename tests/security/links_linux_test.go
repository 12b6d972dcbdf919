package security

import (
	"strings"
	"testing"
)

// attackLinks are the ways a link in a hostile root points at the victim.
func attackLinks(b *bundle) map[string]string {
	return map[string]string{
		"absolute":         b.path("victim"),
		"absolute inside":  "/etc",
		"relative inside":  "etc",
		"relative escape":  "../../../../../../../../../../.." + b.path("victim"),
		"short escape":     "../../victim",
		"dangling":         "/nowhere/at/all",
		"dangling escape":  "../../nowhere",
		"loop":             "loop",
		"itself":           "/proc",
		"magic":            "/proc/self/fd/3",
		"magic to a root":  "/proc/1/root",
		"magic cwd":        "/proc/self/cwd",
		"through own proc": "/proc/self/root/etc",
	}
}

// TestProcSysSymlink: a root whose /proc or /sys is a link (CVE-2019-19921,
// CVE-2023-27561, CVE-2023-28642).
func TestProcSysSymlink(t *testing.T) {
	for _, dir := range []string{"proc", "sys"} {
		for name := range attackLinks(newBundle(t)) {
			t.Run(dir+" "+name, func(t *testing.T) {
				for _, p := range profiles {
					b := newBundle(t)
					b.profile = p
					to := attackLinks(b)[name]
					b.symlink(to, "b/rootfs/"+dir)
					if to == "loop" {
						b.symlink(dir, "b/rootfs/loop")
					}
					b.mounts(mount("sysfs", "/sys", "sysfs", "ro"))
					b.linux()["namespaces"] = array{object{"type": "pid"}, object{"type": "mount"}, object{"type": "network"}}
					b.run("fstype", "/proc", ",", "fstype", "/sys", ",", "ls", "/"+dir)
					checkProcSys(t, b.boot())
				}
			})
		}
	}
}

// checkProcSys: refused, or mounted inside the root.
func checkProcSys(t *testing.T, r result) {
	t.Helper()
	if r.code != 0 {
		r.refused(t)
		return
	}
	l := r.lines()
	if len(l) != 3 || l[0] != "fstype: 9fa0" || l[1] != "fstype: 62656572" || strings.Contains(l[2], "secret") {
		t.Errorf("%s: /proc or /sys is not what it should be:\n%s", r.command, r.stdout)
	}
}

// TestDevSymlink: a root whose /dev is a link to a directory of the host
// (CVE-2026-41579, CVE-2026-47766).
func TestDevSymlink(t *testing.T) {
	for name := range attackLinks(newBundle(t)) {
		t.Run(name, func(t *testing.T) {
			for _, p := range profiles {
				for _, ro := range []bool{false, true} {
					b := newBundle(t)
					b.profile = p
					to := attackLinks(b)[name]
					b.symlink(to, "b/rootfs/dev")
					if to == "loop" {
						b.symlink("dev", "b/rootfs/loop")
					}
					b.config["root"].(object)["readonly"] = ro
					b.run("ls", "/dev")
					if r := b.boot(); r.code != 0 {
						r.refused(t)
					} else if strings.Contains(r.stdout, "secret") || strings.Contains(r.stdout, "empty") {
						t.Errorf("%s: the victim is visible: %s", r.command, r.stdout)
					}
				}
			}
		})
	}
}

// TestDevNullReplaced: what stands in the place of /dev/null is used to mask
// paths with (CVE-2025-31133).
func TestDevNullReplaced(t *testing.T) {
	replace := map[string]func(*bundle){
		"link to the victim": func(b *bundle) { b.symlink(b.path("victim/secret"), "b/rootfs/dev/null") },
		"relative link":      func(b *bundle) { b.symlink("../../../victim/secret", "b/rootfs/dev/null") },
		"link to a file":     func(b *bundle) { b.symlink("/etc/evil", "b/rootfs/dev/null") },
		"dangling link":      func(b *bundle) { b.symlink("/nothing", "b/rootfs/dev/null") },
		"a file":             func(b *bundle) { b.write("b/rootfs/dev/null", "evil\n") },
		"a directory":        func(b *bundle) { b.mkdir("b/rootfs/dev/null") },
		"another device":     func(b *bundle) { b.mknod("b/rootfs/dev/null", 1, 5) },
		"a magic link":       func(b *bundle) { b.symlink("/proc/self/exe", "b/rootfs/dev/null") },
	}
	for name, attack := range replace {
		t.Run(name, func(t *testing.T) {
			for _, p := range profiles {
				for _, dev := range []string{"root", "bind"} {
					b := newBundle(t)
					b.profile = p
					b.write("b/rootfs/etc/evil", "evil\n")
					b.write("b/rootfs/etc/masked", "what is masked\n")
					attack(b)
					if dev == "bind" {
						b.mounts(mount(b.path("b/rootfs/dev"), "/dev", "bind", "bind"))
					}
					b.linux()["maskedPaths"] = array{"/etc/masked"}
					b.run("cat", "/etc/masked", ",", "rdev", "/etc/masked")
					if r := b.boot(); r.code != 0 {
						r.refused(t, "null")
					} else {
						r.booted(t, "cat: ", "rdev: 20000 1:3")
					}
				}
			}
		})
	}
}

// TestProcCovered: what is mounted over /proc, or below it, fakes what the
// kernel says (CVE-2019-16884, CVE-2025-52881).
func TestProcCovered(t *testing.T) {
	for _, dest := range []string{"/proc", "//proc/", "/proc/.", "/proc/self", "/proc/self/attr", "/proc/thread-self/attr/exec",
		"/proc/1", "/proc/sys", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/self/fd", "/proc/cpuinfo/../self", "/etc/../proc"} {
		t.Run(strings.ReplaceAll(dest, "/", "|"), func(t *testing.T) {
			for _, p := range profiles {
				b := newBundle(t)
				b.profile = p
				b.mounts(mount("src", dest, "bind", "bind"))
				b.boot().refused(t, "mounts[1] "+dest)
				if p == "oci" || strings.HasPrefix(dest, "/proc/") && len(dest) > len("/proc/.") {
					b.mounts(mount("tmpfs", dest, "tmpfs"))
					b.boot().refused(t, "mounts[1] "+dest)
				}
			}
		})
	}
}

// TestProcCoveredThroughLink: the same by a destination that the root turns into
// one below /proc: an image decides where its volume goes.
func TestProcCoveredThroughLink(t *testing.T) {
	for _, to := range []string{"/proc", "proc", "/proc/sys", "/proc/sys/kernel", "/proc/irq", "../proc", "/proc/fs", "/proc/1", "/proc/self", "/hop"} {
		t.Run(strings.ReplaceAll(to, "/", "|"), func(t *testing.T) {
			for _, p := range profiles {
				for _, m := range []object{mount("src", "/data", "bind", "bind"), mount("fake", "/data", "tmpfs")} {
					b := newBundle(t)
					b.profile = p
					b.symlink(to, "b/rootfs/data")
					b.symlink("proc", "b/rootfs/hop")
					b.write("b/src/version", "fake\n")
					b.mounts(m)
					b.run("fstype", "/proc", ",", "mounts", " /proc")
					if r := b.boot(); r.code != 0 {
						r.refused(t, "/data")
					} else {
						r.booted(t, "fstype: 9fa0", "mounts: 1")
					}
				}
			}
		})
	}
}

// TestProcFileThroughLink: a file bound over one of /proc's by way of a link.
func TestProcFileThroughLink(t *testing.T) {
	for _, to := range []string{"/proc/sysrq-trigger", "/proc/self/attr/exec", "/proc/sys/kernel/core_pattern", "/proc/1/status"} {
		for _, p := range profiles {
			b := newBundle(t)
			b.profile = p
			b.symlink(to, "b/rootfs/data")
			b.mounts(mount("src/own", "/data", "bind", "bind"))
			b.boot().refused(t, "/data")
		}
	}
}

// TestFakeProcUnderneath: files of the root's own /proc are not the process's.
func TestFakeProcUnderneath(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile = p
		b.mkdir("b/rootfs/proc/self/attr")
		b.write("b/rootfs/proc/self/oom_score_adj", "")
		b.write("b/rootfs/proc/uptime", "")
		b.process()["oomScoreAdj"] = 17
		b.linux()["readonlyPaths"] = array{"/proc/uptime"}
		b.run("fstype", "/proc", ",", "cat", "/proc/self/oom_score_adj", ",", "write", "/proc/uptime", "x")
		b.boot().booted(t, "fstype: 9fa0", "cat: 17\n", "write: error open /proc/uptime: read-only file system")
	}
}
