package security

import (
	"strings"
	"testing"
)

// TestMountCommand: nsboot mount puts the tree into the caller's own namespace,
// where a mount that escapes would be the host's: everything is at TARGET or
// below it, and umount leaves nothing.
func TestMountCommand(t *testing.T) {
	for name := range attackLinks(newBundle(t)) {
		for _, dir := range []string{"dev", "proc", "sys", "tmp", "data"} {
			for _, p := range profiles {
				b := newBundle(t)
				b.profile = p
				b.symlink(attackLinks(b)[name], "b/rootfs/"+dir)
				b.mkdir("target")
				b.mounts(mount("src", "/data/missing", "bind", "bind"), mount("fake", "/data/empty", "tmpfs"))
				mountAndUnmount(t, b, name+" "+dir)
			}
		}
	}
}

func mountAndUnmount(t *testing.T, b *bundle, what string) {
	t.Helper()
	b.writeConfig()
	before := b.world()
	target := b.path("target")
	b.command = []string{"mount", "--bundle", b.path("b"), target}
	r := b.start()
	if r.code != 0 {
		r.refused(t)
	}
	during := b.world()
	for line := range strings.Lines(during.mounts) {
		point := strings.Fields(line)[4]
		if !strings.Contains(before.mounts, line) && point != target && !strings.HasPrefix(point, target+"/") {
			t.Errorf("%s: %s: outside the target: %s", r.command, what, line)
		}
	}
	if during.victim != before.victim {
		t.Errorf("%s: %s: the victim changed", r.command, what)
	}
	b.command = []string{"umount", target}
	if r := b.start(); r.code != 0 {
		t.Errorf("%s: %s: umount: %+v", r.command, what, r)
	}
	b.unharmed(before, r.command+": "+what)
}
