package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// handOver opens each path for --source-fds, 3 and on: O_PATH, or a detached
// tree.
func handOver(t testing.TB, detached bool, paths ...string) func(*exec.Cmd) {
	t.Helper()
	return func(cmd *exec.Cmd) {
		for _, p := range paths {
			fd, err := unix.Open(p, unix.O_PATH|unix.O_CLOEXEC, 0)
			if detached {
				fd, err = unix.OpenTree(unix.AT_FDCWD, p, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
			}
			if err != nil {
				t.Fatal(err)
			}
			f := os.NewFile(uintptr(fd), p)
			t.Cleanup(func() { f.Close() })
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
	}
}

// sourcesBundle has its real root and sources elsewhere: what config.json names
// is empty or not there.
func sourcesBundle(t testing.TB) (b *bundle, root, dir, file string) {
	b = newBundle(t)
	dir, file = b.mkdir("handed/dir"), b.write("handed/file", "handed file\n")
	b.write("handed/dir/f", "handed dir\n")
	root = b.path("handed/root")
	if err := os.Rename(b.path("rootfs"), root); err != nil {
		t.Fatal(err)
	}
	b.mkdir("rootfs")
	b.tmpfs("/skipped").bind("nowhere/dir", "/mnt").bind("nowhere/file", "/etc/hosts", "ro")
	b.sh("cat /mnt/f /etc/hosts; ls -d /skipped; echo x > /etc/hosts")
	return b, root, dir, file
}

// TestSourceFDs (C15): root first, then each bind in spec order.
func TestSourceFDs(t *testing.T) {
	for _, detached := range []bool{false, true} {
		for _, flags := range [][]string{nil, {"--overlay=all"}} {
			b, root, dir, file := sourcesBundle(t)
			r := b.bootWith(handOver(t, detached, root, dir, file), append(flags, "run", "--source-fds", "3,4,5")...)
			if !strings.HasPrefix(r.Out, "handed dir\nhanded file\n/skipped\n") || !strings.Contains(r.Err, "Read-only file system") {
				t.Errorf("detached %v, %v: %+v", detached, flags, r)
			}
			b.readonly()
			if r := b.bootWith(handOver(t, detached, root, dir, file), append(flags, "run", "--source-fds", "3,4,5")...); !strings.HasPrefix(r.Out, "handed dir\n") {
				t.Errorf("detached %v, %v, read-only root: %+v", detached, flags, r)
			}
		}
	}
}

// TestSourceFDsCount (C15): running out is an error that says for what, any left
// over are named.
func TestSourceFDsCount(t *testing.T) {
	b, root, dir, file := sourcesBundle(t)
	for list, words := range map[string][]string{
		"3,4":       {"none is left for mounts[2] /etc/hosts", "C15"},
		"3,4,5,6,7": {"left over: 6, 7", "C15"},
		"3,4,99":    {"descriptor 99", "bad file descriptor"},
		"3,x":       {`"x" is not a descriptor`},
		"3,4,2":     {`"2" is not a descriptor`},
	} {
		r := b.bootWith(handOver(t, false, root, dir, file, root, dir), "run", "--source-fds", list)
		for _, w := range words {
			if r.Code != 125 || !strings.Contains(r.Err, w) {
				t.Errorf("%s: %+v, want %q", list, r, w)
			}
		}
	}
}

// TestSourceFDsOfSharedMounts: a clone of a shared mount would carry what is
// mounted on it to the host (kernel.md).
func TestSourceFDsOfSharedMounts(t *testing.T) {
	for _, detached := range []bool{false, true} {
		b, root, dir, file := sourcesBundle(t)
		for _, p := range []string{root, dir} {
			if err := unix.Mount(p, p, "", unix.MS_BIND, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Unmount(p, unix.MNT_DETACH) })
			if err := unix.Mount("", p, "", unix.MS_SHARED, ""); err != nil {
				t.Fatal(err)
			}
		}
		b.tmpfs("/mnt/below")
		b.writes = true
		b.sh("echo ready; cat /mnt/f; cat >/dev/null")
		c := b.command("run", "--source-fds", "3,4,5")
		handOver(t, detached, root, dir, file)(c.cmd)
		c.ready()
		for i, m := range mountTable(t)[len(c.host.Mounts):] {
			t.Errorf("detached %v: seen on the host while it runs, %d: %s", detached, i, m)
		}
		if r := c.finish(); r.Code != 0 || r.Out != "ready\nhanded dir\n" {
			t.Errorf("%+v", r)
		}
		if b.exists("handed/dir/below") || b.exists("handed/root/skipped") {
			t.Error("stubs stay in what was handed over")
		}
	}
}

// TestSourceFDsStayInside: the descriptors themselves do not reach the process.
func TestSourceFDsStayInside(t *testing.T) {
	b, root, dir, file := sourcesBundle(t)
	b.sh("ls /proc/self/fd | wc -l") // 0, 1, 2 and the one of ls itself
	if r := b.bootWith(handOver(t, false, root, dir, file), "run", "--source-fds", "3,4,5"); r.Out != "4\n" {
		t.Errorf("%+v", r)
	}
}

// TestSourceFDsOverlaid: an overlaid file and what is mounted below an overlaid
// root work as by path (C12). Of a detached file nothing says what directory it
// lies in: an error.
func TestSourceFDsOverlaid(t *testing.T) {
	b, root, dir, file := sourcesBundle(t)
	b.overlaid = true
	if err := os.Mkdir(root+"/vol", 0o755); err != nil {
		t.Fatal(err)
	}
	unmountAtEnd(t, root+"/vol", "e2e-vol", "tmpfs", 0, "mode=755")
	b.write("handed/root/vol/f", "vol\n")
	b.spec.Mounts[2].Options = []string{"bind"}
	b.sh("cat /vol/f; echo mine > /etc/hosts; cat /etc/hosts; touch /vol/x")
	flags := []string{"--overlay=all", "run", "--source-fds", "3,4,5"}
	r := b.bootWith(handOver(t, false, root, dir, file), flags...)
	if r.Out != "vol\nmine\n" || !strings.Contains(r.Err, "Read-only file system") {
		t.Errorf("%+v", r)
	}
	if r := b.bootWith(handOver(t, true, root, dir, file), flags...); r.Code != 125 || !strings.Contains(r.Err, "mounts[2] /etc/hosts") {
		t.Errorf("%+v", r)
	}
}
