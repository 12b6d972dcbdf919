package stubs

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/pathres"
)

// CVE-2024-23652: the payload swaps a stub's parent for a link before clean-up.
func TestSwappedParent(t *testing.T) {
	for _, target := range []string{"../victim", "/"} {
		p := newPlace(t)
		p.do(os.MkdirAll(p.dir+"/victim/data", 0o755))
		p.do(os.Mkdir(p.base+"/srv", 0o755))
		j := p.open(true)
		p.make(j, "/srv/data", false)
		p.do(os.Rename(p.base+"/srv", p.base+"/moved"))
		if target == "/" {
			target = p.dir + "/victim"
		}
		p.do(os.Symlink(target, p.base+"/srv"))
		p.close(j)
		if _, err := os.Stat(p.dir + "/victim/data"); err != nil {
			t.Errorf("the victim is gone: %v", err)
		}
		p.want(false, "moved", "moved/data", "srv")
	}
}

// Not even the directories of the journals stay (S5).
func TestNothingStays(t *testing.T) {
	p := newPlace(t)
	j := p.open(true)
	p.make(j, "/data", false)
	p.close(j)
	for _, dir := range []string{p.state, filepath.Dir(p.state)} {
		if _, err := os.Lstat(dir); !os.IsNotExist(err) {
			t.Errorf("%s: %v, want it gone", dir, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *place, file string)
		want string
	}{
		{"state directory of all", func(p *place, _ string) {
			p.do(os.RemoveAll(p.state))
			p.do(os.Mkdir(p.state, 0))
			p.do(os.Chmod(p.state, 0o777))
		}, "writable by others"},
		{"journal writable by others", func(p *place, file string) { p.do(os.WriteFile(file, nil, 0)); p.do(os.Chmod(file, 0o666)) }, "writable by others"},
		{"journal is a link", func(p *place, file string) { p.do(os.Symlink("/etc/passwd", file)) }, "too many levels"},
		{"journal is a FIFO", func(p *place, file string) { p.do(unix.Mkfifo(file, 0o600)) }, "not a regular file"},
		{"other version", func(p *place, file string) { p.do(os.WriteFile(file, []byte(headerWord+" 9 \"/x\"\n"), 0o600)) }, "another version"},
		{"state directory is a file", func(p *place, _ string) { p.do(os.RemoveAll(p.state)); p.do(os.WriteFile(p.state, nil, 0o600)) }, "not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			j := p.open(true)
			p.close(j)
			p.do(os.MkdirAll(p.state, 0o700))
			tt.do(p, j.file)
			j, err := Open(p.state, p.root, p.base, true)
			if err == nil {
				p.close(j)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), p.base) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// inMountNamespace runs f on a thread with a mount namespace of its own, which
// dies with it.
func inMountNamespace(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		if os.Getenv("NSBOOT_MUST_RUN") == "1" {
			t.Fatalf("must run, but no mount namespace is to be had: %v", err)
		}
		t.Skipf("no mount namespace to be had: %v", err)
	}
}

func TestReadOnlyStateDir(t *testing.T) {
	p := newPlace(t)
	inMountNamespace(t, func() {
		if err := unix.Mount("tmpfs", p.dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
			t.Error(err)
			return
		}
		if j, err := Open(p.state, p.root, p.base, false); j != nil || err != nil {
			t.Errorf("without create: %v, %v", j, err)
		}
		_, err := Open(p.state, p.root, p.base, true)
		if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), p.dir+"/run") || !strings.Contains(err.Error(), "stubs made in "+p.base) {
			t.Errorf("with create: %v", err)
		}
	})
}

// A stub that is still mounted on in this namespace is not given up: the next
// boot removes it.
func TestStillMounted(t *testing.T) {
	p := newPlace(t)
	inMountNamespace(t, func() {
		root, err := pathres.Open(p.base) // the base as this namespace has it
		if err != nil {
			t.Error(err)
			return
		}
		defer root.Close()
		p := *p
		p.root = root
		j, err := Open(p.state, p.root, p.base, true)
		if err != nil {
			t.Error(err)
			return
		}
		fd, _, err := root.Make("/a", pathres.MakeOptions{DirMode: 0o755, Before: j.Before, Made: j.Made})
		if err != nil {
			t.Error(err)
			return
		}
		unix.Close(fd)
		if err := unix.Mount("tmpfs", p.base+"/a", "tmpfs", 0, ""); err != nil {
			t.Error(err)
			return
		}
		if err := j.Close(); !errors.Is(err, unix.EBUSY) {
			t.Errorf("Close: %v, want EBUSY", err)
		}
		if err := unix.Unmount(p.base+"/a", 0); err != nil {
			t.Error(err)
		}
		p.want(true, "a")
	})
	if !t.Skipped() {
		p.close(p.open(false))
		p.want(false)
	}
}
