package pathres

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func mustMake(t testing.TB, r Root, path string, file bool) []Made {
	t.Helper()
	var made []Made
	fd, _, err := r.Make(path, MakeOptions{
		File: file, DirMode: 0o755, FileMode: 0o644,
		Made: func(m Made) error { made = append(made, m); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	return made
}

// TestRemove is rule S5: only the same inode, only if empty.
func TestRemove(t *testing.T) {
	do := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		file bool
		// between is done to the last thing made, whose host path is p.
		between func(p string)
		want    bool
	}{
		{"directory", false, func(string) {}, true},
		{"file", true, func(string) {}, true},
		{"mode changed", false, func(p string) { do(os.Chmod(p, 0o500)) }, true},
		{"gone", false, func(p string) { do(os.Remove(p)) }, false},
		{"parent gone", false, func(p string) { do(os.RemoveAll(filepath.Dir(p))) }, false},
		{"not empty", false, func(p string) { do(os.Mkdir(p+"/x", 0o755)) }, false},
		{"file written", true, func(p string) { do(os.WriteFile(p, []byte("x"), 0o644)) }, false},
		{"replaced by a directory", false, func(p string) { do(os.Rename(p, p+"2")); do(os.Mkdir(p, 0o755)) }, false},
		{"replaced by a file", true, func(p string) { do(os.Rename(p, p+"2")); do(os.WriteFile(p, nil, 0o644)) }, false},
		{"replaced by a link to it", false, func(p string) { do(os.Rename(p, p+"2")); do(os.Symlink(p+"2", p)) }, false},
		{"file for directory", false, func(p string) { do(os.Remove(p)); do(os.WriteFile(p, nil, 0o644)) }, false},
		// CVE-2024-23652: the parent becomes a link, even to the very same directory.
		{"parent is a link", false, func(p string) {
			d := filepath.Dir(p)
			do(os.Rename(d, d+"2"))
			do(os.Symlink(filepath.Base(d)+"2", d))
		}, false},
		{"parent is a file", false, func(p string) {
			d := filepath.Dir(p)
			do(os.RemoveAll(d))
			do(os.WriteFile(d, nil, 0o644))
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, dir := tree(t)
			made := mustMake(t, r, "/a/b", tt.file)
			tt.between(dir + "/a/b")
			before, fds := listing(t, dir), openFDs(t)
			got, err := r.Remove(made[1])
			if err != nil || got != tt.want {
				t.Errorf("Remove = %v, %v, want %v", got, err, tt.want)
			}
			if d := cmp.Diff(before, listing(t, dir)); (d != "") != tt.want {
				t.Errorf("changed (-before +after):\n%s", d)
			}
			if n := openFDs(t); n != fds {
				t.Errorf("%d descriptors left open", n-fds)
			}
			if again, err := r.Remove(made[1]); again || err != nil {
				t.Errorf("a second Remove = %v, %v", again, err)
			}
		})
	}
}

// TestRemoveReverse: what Make told, taken away from the end, leaves the tree as it
// was.
func TestRemoveReverse(t *testing.T) {
	r, dir := tree(t, "keep/", "l -> /keep/new")
	before := listing(t, dir)
	made := mustMake(t, r, "/l/a/b/f", true)
	if len(made) != 4 {
		t.Fatalf("made %v", made)
	}
	for i := len(made) - 1; i >= 0; i-- {
		if ok, err := r.Remove(made[i]); !ok || err != nil {
			t.Errorf("Remove(%v) = %v, %v", made[i], ok, err)
		}
	}
	if d := cmp.Diff(before, listing(t, dir)); d != "" {
		t.Errorf("not restored (-before +after):\n%s", d)
	}
}

func TestRemoveBadPath(t *testing.T) {
	r, dir := tree(t, "a/")
	for _, p := range []string{"", "/", "a", "/a/", "//a", "/./a", "/x/../a", "/a\x00"} {
		if ok, err := r.Remove(Made{Path: p, Dir: true}); ok || !errors.Is(err, unix.EINVAL) {
			t.Errorf("Remove(%q) = %v, %v, want EINVAL", p, ok, err)
		}
	}
	if _, err := os.Stat(dir + "/a"); err != nil {
		t.Error(err)
	}
}

// TestRemoveBusy: what is mounted on is left, and so is the mount.
func TestRemoveBusy(t *testing.T) {
	r, dir := tree(t)
	made := mustMake(t, r, "/a/b", false)
	inMountNS(t, func() error {
		if err := unix.Mount("tmpfs", dir+"/a/b", "tmpfs", 0, "mode=0755"); err != nil {
			return err
		}
		// Another root descriptor: r's belongs to the mounts of before.
		r, err := Open(dir)
		if err != nil {
			return err
		}
		defer r.Close()
		if ok, err := r.Remove(made[1]); ok || err != nil {
			t.Errorf("mounted on: Remove = %v, %v", ok, err)
		}
		// Even by one who knows the inode on top.
		f, err := r.Lookup("/a/b", false)
		if err != nil {
			return err
		}
		if ok, err := r.Remove(Made{Path: "/a/b", Dev: f.Dev, Ino: f.Ino, Dir: true}); ok || !errors.Is(err, unix.EBUSY) {
			t.Errorf("the mount's own root: Remove = %v, %v", ok, err)
		}
		return unix.Unmount(dir+"/a/b", unix.MNT_DETACH)
	})
	if ok, err := r.Remove(made[1]); !ok || err != nil {
		t.Errorf("after the umount: Remove = %v, %v", ok, err)
	}
}

// TestMakeReadOnly: EROFS is an error that names the component, and makes nothing.
func TestMakeReadOnly(t *testing.T) {
	_, dir := tree(t, "m/")
	inMountNS(t, func() error {
		if err := unix.Mount("tmpfs", dir+"/m", "tmpfs", unix.MS_RDONLY, ""); err != nil {
			return err
		}
		r, err := Open(dir)
		if err != nil {
			return err
		}
		defer r.Close()
		_, _, err = r.Make("/m/x/y", MakeOptions{DirMode: 0o755})
		if !errors.Is(err, unix.EROFS) || err.Error() != "create /m/x/y: /m/x: read-only file system" {
			t.Errorf("Make = %v, want EROFS naming /m/x", err)
		}
		return unix.Unmount(dir+"/m", unix.MNT_DETACH)
	})
}

// inMountNS runs f on a thread with a private mount namespace, which ends with it.
// Only an ordinary user is excused.
func inMountNS(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
			done <- err
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	err := <-done
	if err == unix.EPERM && os.Geteuid() != 0 && os.Getenv("NSBOOT_MUST_RUN") == "" {
		t.Skip("needs root to make a mount namespace")
	}
	if err != nil {
		t.Fatal(err)
	}
}
