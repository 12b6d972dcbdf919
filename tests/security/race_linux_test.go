package security

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// raceBoots is how many boots the swap test makes, over all profiles.
func raceBoots(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("NSBOOT_RACE_BOOTS"))
	if err != nil {
		if n = 300; testing.Short() {
			n = 40
		}
	}
	return n
}

// swapper exchanges two names again and again, until stop.
func swapper(t *testing.T, a, b string) (stop func()) {
	t.Helper()
	var wg sync.WaitGroup
	end := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
			}
		}
	})
	return func() { close(end); wg.Wait() }
}

// TestRaceMountPointParent: the parent of mount points, some missing, some
// there, is a directory at one moment and a link to the victim at the next
// (CVE-2021-30465, CVE-2024-45310).
func TestRaceMountPointParent(t *testing.T) {
	for _, p := range profiles {
		for _, to := range []string{"absolute", "relative"} {
			t.Run(p+" "+to, func(t *testing.T) { race(t, p, to, raceBoots(t)/8) })
		}
	}
}

func race(t *testing.T, profile, to string, boots int) {
	b := raceBundle(t, profile, to)
	b.writeConfig()
	before := b.world()
	stop := swapper(t, b.path("b/rootfs/a"), b.path("b/rootfs/swap"))
	whole, refused := 0, 0
	for range boots {
		switch r := b.start(); {
		case r.code == 0 && r.stdout == "mountsany: 3\n":
			whole++
		case r.code == 125 && strings.Contains(r.stderr, "/a/"):
			refused++
		default:
			t.Errorf("a boot ended with %d, its payload saw %q: a mount is missing, so it is elsewhere\nstderr: %s", r.code, r.stdout, r.stderr)
		}
		if t.Failed() {
			break
		}
	}
	stop()
	t.Logf("%d boots: %d whole, %d refused", boots, whole, refused)
	// The victim first: what the swapping itself left in the root does not count.
	after := b.world()
	if after.victim != before.victim {
		t.Errorf("the victim changed:\nbefore: %s\nafter: %s", before.victim, after.victim)
	}
	if after.mounts != before.mounts {
		t.Errorf("the host's mount table changed:\nbefore: %s\nafter: %s", before.mounts, after.mounts)
	}
	if left := len(after.bundle) - len(before.bundle); left != 0 {
		t.Logf("%d mount points stayed inside the root, in directories that were moved under way: %q", left, after.bundle)
	}
}

// raceBundle: a is the parent, swap what it is exchanged with.
func raceBundle(t *testing.T, profile, to string) *bundle {
	b := newBundle(t)
	b.profile = profile
	b.mkdir("b/rootfs/a/there")
	b.mkdir("victim/there")
	b.mkdir("victim/missing")
	b.write("victim/file", "the host's file\n")
	target := b.path("victim")
	if to == "relative" {
		target = "../../victim"
	}
	b.symlink(target, "b/rootfs/swap")
	b.write("b/src/marked", "")
	b.mounts(
		mount("marked", "/a/there", "tmpfs", "size=1m"),
		mount("src", "/a/missing/deep", "bind", "bind"),
		mount("src/marked", "/a/file", "bind", "bind"),
	)
	b.run("mountsany", " marked ", "/b/src")
	return b
}

// TestRaceBindSource: the source of a bind is the bundle's at one moment and a
// link to the victim at the next (CVE-2017-1002101, CVE-2021-25741,
// CVE-2024-1753). A source is a host path, so the link is followed; what must
// hold is that one thing is looked at, and that very thing is mounted.
func TestRaceBindSource(t *testing.T) {
	for _, p := range profiles {
		for _, overlay := range []string{"none", "all"} {
			b := newBundle(t)
			b.profile, b.flags = p, []string{"--overlay=" + overlay}
			b.mkdir("b/rootfs/data")
			b.mkdir("b/rootfs/file")
			b.remove("b/rootfs/file")
			b.write("b/rootfs/file", "")
			b.write("victim/own", "the host's\n")
			b.symlink(b.path("victim"), "b/swap")
			b.mounts(mount("src", "/data", "bind", "bind"), mount("src/own", "/file", "bind", "bind"))
			b.run("ls", "/data", ",", "cat", "/file", ",", "write", "/data/new", "x")
			b.writeConfig()
			stop := swapper(t, b.path("b/src"), b.path("b/swap"))
			for range raceBoots(t) / 16 {
				r := b.start()
				if r.code != 0 && (r.code != 125 || !strings.Contains(r.stderr, "mounts[")) {
					t.Errorf("%s: exit code %d: %s", r.command, r.code, r.stderr)
				}
			}
			stop()
			if overlay == "all" {
				if _, err := os.Stat(b.path("victim/new")); err == nil {
					t.Errorf("%s: written through the overlay to the host", p)
				}
			}
		}
	}
}

// TestBindSourceLink: a link as a source is followed on the host, once; a link
// inside what was bound is resolved in the container.
func TestBindSourceLink(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile = p
		b.symlink("src", "b/link")
		b.symlink(b.path("victim/secret"), "b/src/out")
		b.symlink("../../victim", "b/src/up")
		b.mounts(mount("link", "/data", "bind", "bind", "ro"))
		b.run("ls", "/data", ",", "cat", "/data/out", ",", "ls", "/data/up")
		b.boot().booted(t, "ls: out own up", "cat: error open /data/out: no such file or directory", "ls: error open /data/up: no such file or directory")
	}
}
