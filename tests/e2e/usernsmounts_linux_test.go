package e2e

import (
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// bootInUserNamespace boots the bundle as root of a user namespace of 65536 ids,
// which are the host's own: all that the host has mounted is locked there. What
// is mounted is not verified: each nsboot is in a namespace of its own.
func (b *bundle) bootInUserNamespace(flags ...string) result {
	b.t.Helper()
	c := b.command(flags...)
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}}
	if c.cmd.SysProcAttr == nil {
		c.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	attr := c.cmd.SysProcAttr
	attr.Cloneflags |= unix.CLONE_NEWUSER | unix.CLONE_NEWNS
	attr.UidMappings, attr.GidMappings, attr.GidMappingsEnableSetgroups = ids, ids, true
	c.start()
	r := c.wait()
	b.checkHost(c.host)
	return r
}

// fewMounts are what the tests here need of the usual ones in the profile oci.
func (b *bundle) fewMounts() *bundle {
	return b.mount("proc", "proc", "/proc").mount("devtmpfs", "devtmpfs", "/dev")
}

// TestRemountLocked: in a user namespace a remount keeps what is locked, and
// says so; to ask that it be cleared is an error.
func TestRemountLocked(t *testing.T) {
	for _, profile := range []string{"runsc", "oci"} {
		b := newBundle(t)
		b.fewMounts()
		b.mkdir("src")
		unmountAtEnd(t, b.path("src"), "e2e-src", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOATIME|unix.MS_RDONLY, "")
		b.bind("src", "/a").mount("", "", "/a", "remount", "bind", "noexec")
		b.tmpfs("/own", "nosuid").tmpfs("/own", "remount", "nodev", "size=64k") // not locked: of this namespace
		b.spec.Process.Args = []string{"cat", "/proc/self/mountinfo"}
		r := b.bootInUserNamespace("--profile", profile, "--debug")
		got, _ := parseMounts(r.Out)
		if r.Code != 0 || !strings.HasPrefix(got["/a"], "ro,nosuid,nodev,noexec,noatime ") || !strings.HasPrefix(got["/own"], "rw,nodev,relatime ") {
			t.Errorf("%s: /a is %q, /own %q: %+v", profile, got["/a"], got["/own"], r)
		}
		if !strings.Contains(r.Err, "the mount keeps ro, nosuid, nodev, which the kernel has locked") {
			t.Errorf("%s: --debug does not say what stays: %s", profile, r.Err)
		}
		for _, ask := range []string{"suid", "dev", "rw"} {
			b.spec.Mounts[len(b.spec.Mounts)-3].Options = []string{"remount", "bind", "noexec", ask}
			r := b.bootInUserNamespace("--profile", profile)
			if r.Code != 125 || !strings.Contains(r.Err, "/a: remount: clear ") || !strings.Contains(r.Err, "a flag that the mount came with stays") {
				t.Errorf("%s: %s: %+v", profile, ask, r)
			}
		}
	}
}

// TestOverlayMountUserNamespace: an overlay of config.json's in a user
// namespace keeps its marks where the namespace may write them (userxattr).
func TestOverlayMountUserNamespace(t *testing.T) {
	for _, given := range [][]string{nil, {"userxattr"}} {
		b := newBundle(t).fewMounts()
		b.writes = true
		b.write("l1/gone/f", "x")
		b.mkdir("upper")
		b.mkdir("work")
		b.overlayMount("/mnt", append(given, "lowerdir="+b.path("l1"), "upperdir="+b.path("upper"), "workdir="+b.path("work"))...)
		b.sh("rm -r /mnt/gone && mkdir /mnt/gone && ls /mnt/gone; grep -c userxattr /proc/mounts")
		if r := b.bootInUserNamespace("--profile", "oci"); r.Code != 0 || r.Out != "1\n" {
			t.Errorf("%v: %+v", given, r)
		}
		if n, err := unix.Lgetxattr(b.path("upper/gone"), "user.overlay.opaque", nil); err != nil || n == 0 {
			t.Errorf("%v: the directory made anew is not marked: %v", given, err)
		}
	}
}

// TestIDMapUserNamespace: the host's file systems cannot be mapped from a user
// namespace, those of its own can.
func TestIDMapUserNamespace(t *testing.T) {
	b := newBundle(t).fewMounts()
	b.mkdir("src")
	b.tmpfs("/t", "mode=755").mapIDs(idMap(0, 1000, 10), idMap(0, 2000, 10)).sh("stat -c %u:%g /t")
	if r := b.bootInUserNamespace("--profile", "oci"); r.Out != "1000:2000\n" {
		t.Errorf("%+v", r)
	}
	b.bind("src", "/mnt").mapIDs(idMap(0, 1000, 10), idMap(0, 2000, 10))
	if r := b.bootInUserNamespace("--profile", "oci"); r.Code != 125 || !strings.Contains(r.Err, "mounts[3] /mnt: idmap: ") || !strings.Contains(r.Err, "of another user namespace than the caller's") {
		t.Errorf("%+v", r)
	}
}
