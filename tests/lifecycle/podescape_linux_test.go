package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// escapeEnv, set in a container, has this binary try one way out of it.
const escapeEnv = "NSBOOT_LIFECYCLE_ESCAPE"

// escapes are ways out of a root that is no more than one of a process (K6), each
// on a thread that it may ruin. What they reach, if anything, is "." afterwards.
var escapes = map[string]func() error{
	"nothing": func() error { return unix.Chdir("/") },
	"chroot, with the directory outside as it was": func() error {
		if err := unix.Mkdir("/own/web/deeper", 0o755); err != nil && err != unix.EEXIST {
			return err
		}
		if err := unix.Chroot("/own/web/deeper"); err != nil {
			return err
		}
		return up()
	},
	"chroot, with a descriptor from before": func() error {
		fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		if err := unix.Mkdir("/own/web/deepest", 0o755); err != nil && err != unix.EEXIST {
			return err
		}
		if err := unix.Chroot("/own/web/deepest"); err != nil {
			return err
		}
		if err := unix.Fchdir(fd); err != nil {
			return err
		}
		return up()
	},
	"unmount the root": func() error {
		unix.Unmount("/", unix.MNT_DETACH)
		return unix.Chdir("/")
	},
	"the mount namespace's own root": func() error {
		fd, err := unix.Open("/proc/self/ns/mnt", unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		if err := unix.Setns(fd, unix.CLONE_NEWNS); err != nil {
			return err
		}
		unix.Unmount("/", unix.MNT_DETACH)
		return unix.Chdir("/")
	},
	"the root of process 1": func() error { return unix.Chdir("/proc/1/root/..") },
	"pivot back": func() error {
		if err := unix.Mkdir("/own/web/old", 0o755); err != nil {
			return err
		}
		if err := unix.Mount("/own/web", "/own/web", "", unix.MS_BIND, ""); err != nil {
			return err
		}
		if err := unix.PivotRoot("/own/web", "/own/web/old"); err != nil {
			return err
		}
		return unix.Chdir("/old/..")
	},
	"the parent of a bind of the root": func() error {
		if err := unix.Mkdir("/own/web/bind", 0o755); err != nil {
			return err
		}
		if err := unix.Mount("/", "/own/web/bind", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
		if err := unix.Chroot("/own/web/bind/own"); err != nil {
			return err
		}
		return up()
	},
}

// up goes to where no directory is above.
func up() error {
	for range 100 {
		if err := unix.Chdir(".."); err != nil {
			return err
		}
	}
	return nil
}

// escape tries one way and prints what files of the pod are in reach, and where
// the mounts that this process sees are.
func escape(way string) {
	runtime.LockOSThread()
	fmt.Println("tried:", escapes[way]())
	for _, pattern := range []string{"i-am-*", "*/i-am-*", "*/*/i-am-*", "*/*/*/i-am-*", "*/*/*/*/i-am-*", "__runsc*"} {
		found, _ := filepath.Glob(pattern)
		for _, name := range found {
			fmt.Println("found:", filepath.Base(name))
		}
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	fmt.Println("table:", err)
	os.Stdout.Write(table)
}

// TestPodEscape: with every capability that helps a child gets to nothing of the
// sandbox container's, nor of another child's (K6).
func TestPodEscape(t *testing.T) {
	for way := range escapes {
		t.Run(way, func(t *testing.T) {
			p := newPod(t, "web", "db")
			web := p.members["web"]
			self, err := os.ReadFile("/proc/self/exe")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(web.path("rootfs/bin/escape"), self, 0o755); err != nil {
				t.Fatal(err)
			}
			p.up("sb", "db")
			web.spec.Process.Args = []string{"escape"}
			web.spec.Process.Env = append(web.spec.Process.Env, escapeEnv+"="+way)
			web.save()
			out := p.good("create", "--bundle", web.bundle, "web").out
			if r := p.run("start", "web"); r.Code != 0 { // not verified: it is about to change its mounts
				t.Fatalf("start: %+v", r)
			}
			var text string
			await(t, "the attempt", func() bool {
				data, err := os.ReadFile(out)
				text = string(data)
				return err == nil && strings.Contains(text, "table:")
			})
			if !strings.Contains(text, "tried: <nil>") && way != "pivot back" && way != "the mount namespace's own root" {
				t.Errorf("the attempt itself failed: %s", text)
			}
			if strings.Contains(text, "i-am-sb") || strings.Contains(text, "i-am-db") || strings.Contains(text, "__runsc") || strings.Contains(text, "/own/db") {
				t.Errorf("out of the child:\n%s", text)
			}
			if way == "nothing" && !strings.Contains(text, "i-am-web") {
				t.Errorf("it does not see its own files:\n%s", text)
			}
			// The attack itself is a good one: out of a mere chroot into the child's
			// tree it gets to the sandbox container's root.
			r := p.run("exec", "--env", escapeEnv+"="+way, "sb", "busybox", "chroot", "/__runsc_containers__/web", "/bin/escape")
			if strings.HasPrefix(way, "chroot") && !strings.Contains(r.Out, "i-am-sb") {
				t.Errorf("the attack fails even where it must not: %+v", r)
			}
			p.good("kill", "--all", "web", "KILL")
			p.good("delete", "--force", "sb")
			os.Remove(web.path("rootfs/bin/escape"))
		})
	}
}
