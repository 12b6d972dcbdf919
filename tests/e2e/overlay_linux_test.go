package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOverlaidNeverGains: what is overlaid is not written, whatever the process
// does (S5, C11, C12).
func TestOverlaidNeverGains(t *testing.T) {
	b := bareBundle(t)
	b.overlaid = true
	b.mkdir("src/dir/sub")
	b.write("src/dir/old", "old")
	b.write("src/file", "host's")
	b.bind("src/dir", "/bound").tmpfs("/bound/new/deep").bind("src/file", "/f")
	b.sh(`set -e; echo new > /bound/old; echo x > /bound/created; rm -r /bound/sub; echo mine > /f; touch /top /bound/new/x
		cat /bound/old /f; rm /bin/true; ` + await)
	c := b.command("--overlay=all")
	c.cmd.Stdin = strings.NewReader("")
	c.start()
	time.Sleep(30 * time.Millisecond)
	if d := cmp.Diff(c.host.Files, b.list()); d != "" {
		t.Errorf("while it runs (-before +during):\n%s", d)
	}
	if r := c.finish(); r.Code != 0 || r.Out != "new\nmine\nready\n" {
		t.Errorf("exit %d: %q %s", r.Code, r.Out, r.Err)
	}
}

// TestRootOverlayKeepsAttributes: a merged root has the mode, owner and times of
// the real one.
func TestRootOverlayKeepsAttributes(t *testing.T) {
	for _, flags := range [][]string{{"--overlay=root"}, {"--overlay=all:memory,size=1m"}, nil} {
		b := bareBundle(t).sh("stat -c '%a %u:%g %Y' /")
		b.overlaid = true
		if flags == nil {
			b.readonly()
		}
		root := b.path("rootfs")
		if err := os.Chown(root, 5, 6); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(root, 0o751); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(root, time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
		if out := b.good(flags...); out != "751 5:6 1000000000\n" {
			t.Errorf("%v: %q", flags, out)
		}
	}
}

// TestOverlayDirAndSize: layers are kept below :dir=, one a tree, and size=
// limits one in memory.
func TestOverlayDirAndSize(t *testing.T) {
	b := newBundle(t)
	b.overlaid = true
	b.write("src/a", "a")
	b.bind("src", "/mnt").sh("echo root > /new; echo bind > /mnt/new; cat /etc/hosts")
	layers := b.mkdir("unlisted")
	b.good("--overlay=all:dir=" + layers)
	if got := b.read("unlisted/root/upper/new") + b.read("unlisted/mnt/upper/new"); got != "root\nbind\n" {
		t.Errorf("layers hold %q", got)
	}
	b.sh("cat /new /mnt/new")
	if out := b.good("--overlay=all:dir=" + layers); out != "root\nbind\n" {
		t.Errorf("the second boot sees %q", out)
	}
	b.sh("dd if=/dev/zero of=/big bs=1024 count=2048 2>&1 | grep -c 'No space'; dd if=/dev/zero of=/mnt/big bs=1024 count=512 2>/dev/null && echo fits")
	if out := b.good("--overlay=all:memory,size=1m"); out != "1\nfits\n" {
		t.Errorf("size=1m: %q", out)
	}
}

// TestOverlayWithSubmounts: what is mounted below an overlaid root is there,
// read-only, and the host's is not changed.
func TestOverlayWithSubmounts(t *testing.T) {
	b := newBundle(t)
	b.overlaid = true
	b.mkdir("rootfs/vol")
	unmountAtEnd(t, b.path("rootfs/vol"), "e2e-vol", "tmpfs", 0, "mode=755")
	b.write("rootfs/vol/data", "d\n")
	b.sh("cat /vol/data; echo x > /vol/data; echo y > /vol/new; echo z > /top; cat /top")
	for _, flags := range [][]string{{"--overlay=root"}, {"--overlay=all"}} {
		r := b.boot(flags...)
		if r.Out != "d\nz\n" || strings.Count(r.Err, "Read-only file system") != 2 {
			t.Errorf("%v: %+v", flags, r)
		}
	}
	b.readonly().tmpfs("/missing")
	if r := b.boot(); r.Out != "d\n" || strings.Count(r.Err, "Read-only file system") != 3 {
		t.Errorf("read-only root with stubs: %+v", r)
	}
}

// TestFileBindOverlay (C12): the host's file is read until the first write, and
// never written.
func TestFileBindOverlay(t *testing.T) {
	b := newBundle(t)
	b.overlaid = true
	b.write("src/file", "first\n")
	b.write("src/other", "o\n")
	b.bind("src/file", "/etc/file").sh("echo ready; read x; cat /etc/file; echo mine >> /etc/file; cat /etc/file; ls /etc")
	b.writes = true // the host writes, below
	c := b.command("--overlay=all").ready()
	b.write("src/file", "second\n")
	c.stdin.Write([]byte("go\n"))
	r := c.finish()
	lines := strings.Split(strings.TrimSpace(r.Out), "\n")
	if want := []string{"ready", "second", "second", "mine", "file", "hosts"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q; %s", lines, want, r.Err)
	}
	if b.read("src/file") != "second\n" {
		t.Errorf("the host's file is %q", b.read("src/file"))
	}
}

// TestOverlayOfTheRootsOwn: what is bound, and where the layers go, may lie
// inside the root's own directory.
func TestOverlayOfTheRootsOwn(t *testing.T) {
	b := newBundle(t)
	b.writes = true
	b.mkdir("rootfs/layers")
	b.bind("rootfs/etc/hosts", "/mnt/hosts").bind("rootfs/etc", "/mnt2")
	b.sh("echo x > /mnt/hosts; cat /mnt/hosts /etc/hosts /mnt2/hosts")
	want := "x\nthe root's own\nthe root's own\n"
	for _, flag := range []string{"--overlay=all", "--overlay=all:dir=" + b.path("rootfs/layers")} {
		if out := b.good(flag); out != want {
			t.Errorf("%s: %q, want %q", flag, out, want)
		}
	}
	if b.read("rootfs/etc/hosts") != "the root's own\n" {
		t.Error("the host's file was written")
	}
}
