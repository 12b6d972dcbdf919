package security

import (
	"os"
	"strings"
	"testing"
)

// TestCleanUpSwap: the payload puts a link to a host directory in the place of a
// mount point's parent; an empty directory of the same name lies there, and must
// not be taken for the one that was made (CVE-2024-23652).
func TestCleanUpSwap(t *testing.T) {
	for _, p := range profiles {
		for _, to := range []string{"absolute", "relative"} {
			b := newBundle(t)
			b.profile = p
			b.mkdir("b/rootfs/a")
			b.mkdir("victim/empty")
			b.write("victim/file", "")
			target := b.path("victim")
			if to == "relative" {
				target = "../../victim"
			}
			b.mounts(mount("tmpfs", "/a/empty", "tmpfs"), mount("src/own", "/a/file", "bind", "bind"))
			b.run("rename", "/a", "/moved", ",", "symlink", target, "/a")
			b.grows = func(name string) bool { return name == "rootfs/a" || strings.HasPrefix(name, "rootfs/moved") }
			b.gone = "rootfs/a"
			b.boot().booted(t, "rename: ok", "symlink: ok")
		}
	}
}

// TestCleanUpReplaced: what the payload made in the place of a mount point, or
// put into it, is not nsboot's to remove.
func TestCleanUpReplaced(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile = p
		b.mkdir("b/rootfs/a")
		b.mounts(mount("tmpfs", "/a/one/deep", "tmpfs"), mount("tmpfs", "/a/two", "tmpfs"))
		b.run("rename", "/a/one", "/a/was", ",", "mkdir", "/a/one", ",", "mkdir", "/a/one/deep", ",", "write", "/a/was/kept", "x")
		b.grows = func(name string) bool { return strings.HasPrefix(name, "rootfs/a/") }
		b.boot().booted(t, "rename: ok", "mkdir: ok", "mkdir: ok", "write: ok")
		for _, kept := range []string{"a/one/deep", "a/was/kept"} {
			if _, err := os.Lstat(b.path("b/rootfs/" + kept)); err != nil {
				t.Errorf("%s: the process's own %s is gone: %v", p, kept, err)
			}
		}
		if _, err := os.Lstat(b.path("b/rootfs/a/two")); err == nil {
			t.Errorf("%s: the mount point a/two has stayed", p)
		}
	}
}

// TestStubBehindLink: a mount point made in a bind that was reached through a
// link is removed from the bind's source (S5).
func TestStubBehindLink(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile = p
		b.mkdir("b/rootfs/real")
		b.symlink("real", "b/rootfs/link")
		b.mounts(mount("src", "/link", "bind", "bind"), mount("tmpfs", "/real/missing/sub", "tmpfs"))
		b.run("ls", "/real/missing")
		b.boot().booted(t, "ls: sub")
	}
}
