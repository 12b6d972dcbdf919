package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// await is a script that says it runs and ends when its input does.
const await = "echo ready; cat >/dev/null"

// TestReadOnlyRootNeverGains boots read-only roots that lack every mount point:
// the host's tree is the same before, during and after (S1, S5, S7).
func TestReadOnlyRootNeverGains(t *testing.T) {
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		t.Run(profile, func(t *testing.T) {
			b := bareBundle(t).readonly().sh(await)
			b.mkdir("src/dir")
			b.write("src/file", "x")
			b.tmpfs("/a/b/c").bind("src/dir", "/bound", "ro").tmpfs("/bound/in/side").bind("src/file", "/x/file", "ro")
			c := b.command("--profile", profile).ready()
			if d := cmp.Diff(c.host.Files, b.list()); d != "" {
				t.Errorf("while it runs (-before +during):\n%s", d)
			}
			if r := c.finish(); r.Code != 0 {
				t.Errorf("exit %d: %s", r.Code, r.Err)
			}
		})
	}
}

// TestStubModes: root's, 0755 and 0644, or 0555 in the older profiles (S3, S4),
// and what exists wins (S1).
func TestStubModes(t *testing.T) {
	for profile, want := range map[string]string{
		"runsc": "0 755 0 755 0 644", "oci": "0 755 0 755 0 644", "runsc-2019": "0 555 0 555 0 555", "runsc-2018": "0 555 0 555 0 555",
	} {
		t.Run(profile, func(t *testing.T) {
			b := bareBundle(t).readonly()
			b.write("src", "x")
			if err := os.Mkdir(b.path("rootfs/kept"), 0o711); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(b.path("rootfs/kept"), 12, 34); err != nil {
				t.Fatal(err)
			}
			b.tmpfs("/kept/m").tmpfs("/dir/m").bind("src", "/file/f", "ro").tmpfs("/proc")
			if profile == "oci" {
				b.spec.Mounts = b.spec.Mounts[:3]
			}
			// A sibling in the lower layer shows what the covered stub is like.
			b.sh(`echo $(stat -c '%u %a' /dir /file) $(stat -c '%u %a' /dir/m >/dev/null; cd /; stat -c '%u:%g %a' /kept)
				touch /dir/x 2>&1; mkdir /dir/m2 2>&1; true`)
			out := b.boot("--profile", profile).Out
			first, rest, _ := strings.Cut(out, "\n")
			f := strings.Fields(want)
			if exp := fmt.Sprintf("%s %s %s %s 12:34 711", f[0], f[1], f[2], f[3]); first != exp {
				t.Errorf("stubs: %q, want %q", first, exp)
			}
			if strings.Count(rest, "Read-only file system") != 2 { // S8
				t.Errorf("writing in a stub: %q, want EROFS twice (S8)", rest)
			}
		})
	}
}

// TestSubmountBelowReadOnlyBind works where runc fails with EROFS (S7), also
// below a regular file's name (S6).
func TestSubmountBelowReadOnlyBind(t *testing.T) {
	b := newBundle(t)
	b.write("src/data", "d")
	b.bind("src", "/mnt", "ro").tmpfs("/mnt/new/tmp").sh("echo x > /mnt/new/tmp/f && cat /mnt/data; touch /mnt/x /mnt/new/x")
	r := b.boot()
	if !strings.HasPrefix(r.Out, "d") || strings.Count(r.Err, "Read-only file system") != 2 {
		t.Errorf("%+v", r)
	}
	b.spec.Mounts[1].Destination = "/mnt/data/below"
	b.bad(125, []string{"mount point of /mnt/data/below", "/data: not a directory"})
}

// TestWritableStubs: the mount points are there while it runs and gone
// afterwards; what the process wrote stays, in a stub too (S5).
func TestWritableStubs(t *testing.T) {
	b := bareBundle(t)
	b.writes = true
	b.write("src/file", "f")
	b.tmpfs("/gone/deep").tmpfs("/used/deep").bind("src/file", "/etc/conf/file").sh("echo w > /written; echo u > /used/kept; " + await)
	c := b.command().ready()
	for _, p := range []string{"gone/deep", "used/deep", "etc/conf/file", "proc", "sys", "dev", "tmp"} {
		if !b.exists("rootfs/" + p) {
			t.Errorf("%s is not there while it runs", p)
		}
	}
	if r := c.finish(); r.Code != 0 || r.Err != "" {
		t.Errorf("%+v", r)
	}
	entries, err := os.ReadDir(b.path("rootfs"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if d := cmp.Diff([]string{"bin", "used", "written"}, names); d != "" {
		t.Errorf("the root (-want +got):\n%s", d)
	}
	if b.exists("rootfs/used/deep") || b.read("rootfs/used/kept") != "u\n" || b.read("rootfs/written") != "w\n" {
		t.Error("used/deep stays, or what was written is gone")
	}
}

// TestStubReplaced: a mount point that something was written in stays, and so
// does what stands in the place of one.
func TestStubReplaced(t *testing.T) {
	b := bareBundle(t)
	b.writes = true
	// The process cannot unmount; the host can write in the stub, seen from there.
	b.tmpfs("/stub").tmpfs("/swapped").sh(await)
	c := b.command().ready()
	b.write("rootfs/stub/kept", "k")
	if err := os.Rename(b.path("rootfs/swapped"), b.path("rootfs/moved")); err != nil {
		t.Fatal(err)
	}
	b.mkdir("rootfs/swapped")
	if r := c.finish(); r.Code != 0 {
		t.Errorf("%+v", r)
	}
	if b.read("rootfs/stub/kept") != "k" {
		t.Error("what was written in the stub is gone")
	}
	if !b.exists("rootfs/swapped") {
		t.Error("a directory that is not the one made was removed (CVE-2024-23652)")
	}
	if b.exists("rootfs/proc") || b.exists("rootfs/dev") {
		t.Error("other stubs stay")
	}
}

// TestConcurrentBoots boots one writable bundle, whose mount points are all
// missing, ten times at once: none disturbs another, and the last removes what
// was made (S5).
func TestConcurrentBoots(t *testing.T) {
	b := bareBundle(t)
	b.write("src/file", "f")
	b.tmpfs("/m/a").bind("src", "/m/b").tmpfs("/m/b/c").sh("sleep 0.0$(($$ % 10)); echo x > /m/a/f && echo y > /m/b/c/f && cat /m/b/file /m/b/c/f /proc/self/comm")
	before := b.hostState()
	b.save()
	for round := range 4 {
		var wg sync.WaitGroup
		for i := range 10 {
			c := b.commandAsSaved()
			wg.Go(func() {
				out, err := c.output()
				if err != nil || out != "fy\ncat\n" {
					t.Errorf("round %d, boot %d: %v %q %s", round, i, err, out, c.stderr.String())
				}
			})
		}
		wg.Wait()
		b.checkHost(before)
	}
}

// TestReadOnlyFileSystem boots a bundle that lies on a read-only file system.
func TestReadOnlyFileSystem(t *testing.T) {
	b := bareBundle(t).readonly().tmpfs("/some/where").sh("echo ok > /some/where/f; cat /some/where/f")
	b.save()
	if err := unix.Mount(b.dir, b.dir, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(b.dir, unix.MNT_DETACH) })
	if err := unix.Mount("", b.dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	before := b.hostState()
	for _, flags := range [][]string{nil, {"--overlay=all"}, {"--profile=oci"}, {"--profile=runsc-2019"}} {
		out, err := b.commandAsSaved(flags...).output()
		if err != nil || out != "ok\n" {
			t.Errorf("%v: %v %q", flags, err, out)
		}
		b.checkHost(before)
	}
}
