package security

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRootPath: root.path leads to what is no root.
func TestRootPath(t *testing.T) {
	place := map[string]func(b *bundle){
		"a file":         func(b *bundle) { b.write("b/other", "x") },
		"a link":         func(b *bundle) { b.symlink("rootfs", "b/other") },
		"a link out":     func(b *bundle) { b.symlink(b.path("victim"), "b/other") },
		"a loop":         func(b *bundle) { b.symlink("other", "b/other") },
		"missing":        func(b *bundle) {},
		"a fifo":         func(b *bundle) { b.must(unix.Mkfifo(b.path("b/other"), 0o644)) },
		"a device":       func(b *bundle) { b.mknod("b/other", 1, 3) },
		"a socket":       func(b *bundle) { b.socket("b/other") },
		"a magic link":   func(b *bundle) { b.config["root"].(object)["path"] = "/proc/self/cwd" },
		"an open file":   func(b *bundle) { b.config["root"].(object)["path"] = "/proc/self/fd/0" },
		"nothing":        func(b *bundle) { b.config["root"].(object)["path"] = "" },
		"an object less": func(b *bundle) { delete(b.config, "root") },
	}
	for name, put := range place {
		t.Run(name, func(t *testing.T) {
			for _, p := range profiles {
				b := newBundle(t)
				b.profile = p
				b.config["root"].(object)["path"] = "other"
				put(b)
				b.boot().refused(t, "root")
			}
		})
	}
}

// TestFifosInRoot: a FIFO or a socket wherever nsboot looks makes it wait for
// nobody; boot fails the test if nsboot hangs.
func TestFifosInRoot(t *testing.T) {
	for _, name := range []string{"tmp", "proc", "sys", "dev", "dev/null", "dev/pts", "etc/masked", "etc/cwd", "etc/mount", "bin/x", "bin/interpreter"} {
		for _, p := range profiles {
			b := newBundle(t)
			b.profile = p
			b.remove("b/rootfs/" + name)
			b.must(unix.Mkfifo(b.path("b/rootfs/"+name), 0o755))
			b.mounts(mount("src/own", "/etc/mount", "bind", "bind"))
			b.linux()["maskedPaths"] = array{"/etc/masked"}
			b.linux()["readonlyPaths"] = array{"/etc/masked"}
			switch name {
			case "etc/cwd":
				b.process()["cwd"] = "/etc/cwd"
			case "bin/x":
				b.process()["args"] = array{"/bin/x"}
			case "bin/interpreter":
				b.process()["args"] = array{b.program("#!/bin/interpreter\n")}
			}
			if r := b.boot(); r.code != 0 && (r.code < 125 || r.code > 127) {
				t.Errorf("%s: %s: %+v", p, name, r)
			}
		}
	}
}

// mountTmpfs mounts one on rel until the test ends.
func (b *bundle) mountTmpfs(rel, data string) {
	b.t.Helper()
	path := b.path(rel)
	b.mkdir(rel)
	b.must(unix.Mount("small", path, "tmpfs", 0, data))
	b.t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
}

// smallRoot puts a root on a file system of its own: the payload's copy, and
// what data leaves beside it.
func (b *bundle) smallRoot(data string, dirs ...string) {
	b.t.Helper()
	b.mountTmpfs("b/small", data)
	text, err := os.ReadFile(theLab.payload)
	b.must(err)
	for _, d := range append([]string{"bin"}, dirs...) {
		b.mkdir("b/small/" + d)
	}
	b.must(os.WriteFile(b.path("b/small/bin/payload"), text, 0o755))
	b.config["root"].(object)["path"] = "small"
}

// TestReadonlyFileSystem: a root on a read-only file system boots, stubs and all, and
// stays as it is, also one that the config has as writable. In oci that one needs its
// device nodes, which cannot be made.
func TestReadonlyFileSystem(t *testing.T) {
	for _, p := range profiles {
		for _, ro := range []bool{true, false} {
			b := newBundle(t)
			b.profile = p
			b.smallRoot("size=64m")
			b.must(unix.Mount("", b.path("b/small"), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			b.config["root"].(object)["readonly"] = ro
			b.mounts(mount("src", "/deep/data", "bind", "bind"))
			b.run("ls", "/deep/data")
			r := b.boot()
			if ro || p != "oci" {
				r.booted(t, "ls: own")
			} else {
				r.refused(t, "read-only file system")
			}
		}
	}
}

// TestNoInodes: there is no room for the mount points.
func TestNoInodes(t *testing.T) {
	for _, p := range profiles {
		for _, left := range []int{0, 1, 2, 3, 5} {
			b := newBundle(t)
			b.profile = p
			b.smallRoot(fmt.Sprintf("size=64m,nr_inodes=%d", 5+left), "proc", "dev") // ., bin, payload, proc, dev
			b.mounts(mount("tmpfs", "/one/two/three/four/five/six", "tmpfs"))
			b.boot().refused(t, "no space left on device")
		}
	}
}

// TestUpperFull: the writable layer has its limit; the process is told, and
// nothing else suffers.
func TestUpperFull(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile, b.flags = p, []string{"--overlay=root:memory,size=4k"}
		b.run("fill", "/etc/big", "1048576", ",", "write", "/small", "")
		r := b.boot()
		if r.code != 0 || !strings.HasPrefix(r.stdout, "fill: error write /etc/big: no space left on device\n") {
			t.Errorf("%s: %+v", p, r)
		}
		if left, err := os.ReadDir(b.path("b/rootfs/etc")); err != nil || len(left) != 0 {
			t.Errorf("%s: the root on the host has %v (%v)", p, left, err)
		}
	}
}

// TestWithoutPermission: an ordinary user is told, and nothing changes.
func TestWithoutPermission(t *testing.T) {
	b := newBundle(t)
	b.must(os.Chmod(b.dir, 0o755))
	binary := installed(t, b, func(string) error { return nil })
	before := b.world()
	out, code := asUser(t, binary, "run", "--bundle", b.path("b"))
	if code != 125 || !strings.Contains(out, "root") {
		t.Errorf("as an ordinary user: exit code %d: %s", code, out)
	}
	b.unharmed(before, "as an ordinary user")
	b.must(os.Chmod(b.path("b"), 0))
	if out, code = asUser(t, binary, "run", "--bundle", b.path("b")); code != 125 || !strings.Contains(out, "permission denied") {
		t.Errorf("without permission on the bundle: exit code %d: %s", code, out)
	}
}
