package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOutOfDescriptors boots with every small limit: it works, or fails and
// leaves nothing behind.
func TestOutOfDescriptors(t *testing.T) {
	for name, b := range killBundles(t) {
		b.sh("exit 3")
		failed, worked := 0, 0
		for limit := 4; limit < 40 && !t.Failed(); limit++ {
			r := b.bootWith(func(cmd *exec.Cmd) {
				cmd.Args = append([]string{"/bin/sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, limit), "sh"}, cmd.Args...)
				cmd.Path = "/bin/sh"
			})
			if t.Failed() {
				t.Logf("that was %s with %d descriptors: %+v", name, limit, r)
			}
			switch {
			case r.Code == 3:
				worked++
			case r.Code >= 125 && r.Code <= 127 && strings.Contains(r.Err, "too many open files"):
				failed++
			case strings.Contains(r.Err, "runtime: ") || strings.Contains(r.Err, "fatal error"): // Go's own start
			default:
				t.Errorf("%s, %d descriptors: %+v", name, limit, r)
			}
		}
		if failed == 0 || worked == 0 {
			t.Errorf("%s: %d boots failed and %d worked: the limits are not the right ones", name, failed, worked)
		}
	}
}

// TestDiskFull: no inode is left for the k-th mount point, for every k.
func TestDiskFull(t *testing.T) {
	for k := range 7 {
		b := bareBundle(t).tmpfs("/new/deep")
		unmountAtEnd(t, b.mkdir("full"), "e2e-full", "tmpfs", 0, fmt.Sprintf("mode=755,nr_inodes=%d", 4+k))
		b.mkdir("full/bin")
		data, err := os.ReadFile(busyboxFile(t))
		if err == nil {
			err = os.WriteFile(b.path("full/bin/true"), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		b.spec.Root.Path = "full"
		r := b.boot()
		if r.Code != 0 && (r.Code != 125 || !strings.Contains(r.Err, "no space left on device")) {
			t.Errorf("%d inodes: %+v", k, r)
		}
		if k == 0 && r.Code == 0 {
			t.Error("a boot without a free inode worked")
		}
	}
}

// TestConcurrentBootsKilled kills every other one of ten boots of one writable
// bundle at a random moment: the rest are not disturbed, and the next one sweeps.
func TestConcurrentBootsKilled(t *testing.T) {
	b := bareBundle(t)
	b.tmpfs("/m/a").bind("src", "/m/b").tmpfs("/m/b/c")
	b.write("src/file", "f")
	b.sh("sleep 0.02; echo x > /m/a/f && echo y > /m/b/c/f && cat /m/b/file /m/b/c/f /proc/self/comm")
	before := b.hostState()
	b.save()
	for round := range 8 {
		var wg sync.WaitGroup
		for i := range 10 {
			c := b.commandAsSaved()
			wg.Go(func() {
				if i%2 == 0 {
					time.AfterFunc(time.Duration(rand.IntN(25))*time.Millisecond, func() {
						if p := c.cmd.Process; p != nil {
							p.Kill()
						}
					})
					c.output()
					return
				}
				if out, err := c.output(); err != nil || out != "fy\ncat\n" {
					t.Errorf("round %d, boot %d: %v %q %s", round, i, err, out, c.stderr.String())
				}
			})
		}
		wg.Wait()
		b.noProcess()
	}
	if out, err := b.commandAsSaved().output(); err != nil {
		t.Errorf("the next boot: %v %s", err, out)
	}
	b.checkHost(before)
}

// TestRootIsAnOverlay boots from a root that is itself an overlay, as in CI: one
// more level works, a third is refused with its cause (kernel.md).
func TestRootIsAnOverlay(t *testing.T) {
	b := bareBundle(t).tmpfs("/new/dir").sh("echo x > /top; ls -d /new/dir")
	b.writes = true
	merge := func(lower, onto string) {
		b.mkdir(onto + "-layer/upper")
		b.mkdir(onto + "-layer/work")
		unmountAtEnd(t, b.mkdir(onto), "overlay", "overlay", 0,
			fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", b.path(lower), b.path(onto+"-layer/upper"), b.path(onto+"-layer/work")))
	}
	merge("rootfs", "once")
	merge("once", "twice")
	for _, flags := range [][]string{nil, {"--overlay=root"}, {"--overlay=all"}} {
		b.spec.Root.Path = "once"
		if r := b.boot(flags...); r.Code != 0 || r.Out != "/new/dir\n" {
			t.Errorf("%v: one level below: %+v", flags, r)
		}
		b.spec.Root.Path = "twice"
		r := b.boot(flags...)
		if flags == nil && (r.Code != 0 || r.Out != "/new/dir\n") {
			t.Errorf("a plain bind of the second level: %+v", r)
		}
		if flags != nil && (r.Code != 125 || !strings.Contains(r.Err, "root.path") || !strings.Contains(r.Err, "overlay")) {
			t.Errorf("%v: a third level: %+v", flags, r)
		}
	}
	if b.exists("once/new") || b.exists("twice/new") || !b.exists("once/top") {
		t.Error("stubs are left, or the write is gone")
	}
}

// TestRootsThatAreNone: a clear error that names root.path, nothing changed.
func TestRootsThatAreNone(t *testing.T) {
	b := newBundle(t)
	b.write("file", "x")
	for name, to := range map[string]string{"link": "rootfs", "dangling": "nowhere", "loop": "loop"} {
		if err := os.Symlink(to, b.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	for root, words := range map[string][]string{
		"file": {"root.path", "not a directory"}, "missing": {"root.path", "missing", "no such file or directory"},
		"link": {"root.path", "symbolic link"}, "dangling": {"root.path"}, "loop": {"root.path"},
		"": {"root.path"}, "a\x00b": {"root.path", "NUL"},
	} {
		b.spec.Root.Path = root
		for _, flags := range [][]string{nil, {"--overlay=all"}} {
			b.bad(125, words, flags...)
		}
	}
}

// TestHostRootBoundShared: a bind of / with rshared changes nothing outside.
func TestHostRootBoundShared(t *testing.T) {
	b := newBundle(t).bind("/", "/mnt", "rbind", "rshared").tmpfs("/mnt/mnt")
	b.sh("echo ready; cat >/dev/null")
	c := b.command().ready()
	for _, m := range mountTable(t)[len(c.host.Mounts):] {
		t.Errorf("on the host while it runs: %s", m)
	}
	if r := c.finish(); r.Code != 0 {
		t.Errorf("%+v", r)
	}
	if err := unix.Access("/proc/self", unix.F_OK); err != nil {
		t.Errorf("/proc: %v", err)
	}
}
