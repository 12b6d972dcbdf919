package nsmount

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// aloneInNamespace runs the calling test once more, in a process in a mount
// namespace of its own, and reports whether this is that process.
func aloneInNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("NSBOOT_TEST_ALONE") == t.Name() {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "NSBOOT_TEST_ALONE="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // which makes / private
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM) && os.Getenv("NSBOOT_MUST_RUN") != "1":
		t.Skip("a mount namespace needs root")
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("it did not run:\n%s", out)
	}
	return false
}

// livingTree is a root file system, a target and the directories of state.
type livingTree struct {
	plan           *Plan
	rootfs, target string
	opts           MountOptions
}

func newLivingTree(t *testing.T, readonly bool) *livingTree {
	t.Helper()
	dir := t.TempDir()
	l := &livingTree{rootfs: dir + "/rootfs", target: dir + "/target",
		opts: MountOptions{StateDir: dir + "/state/stubs", RecordDir: dir + "/state/mounts"}}
	t.Cleanup(func() { // before the directory is removed: nothing is to be removed through a mount
		for unix.Unmount(l.target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
		}
	})
	for _, d := range []string{l.rootfs + "/etc", l.target} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := Compile(&specs.Spec{Root: &specs.Root{Path: l.rootfs, Readonly: readonly}, Mounts: []specs.Mount{
		{Destination: "/data/in", Type: "tmpfs"}, {Destination: "/etc", Type: "bind", Source: l.rootfs + "/etc", Options: []string{"ro"}},
	}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.plan = plan
	return l
}

// points lists the mount points below the target, and at it.
func (l *livingTree) points(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], filepath.Dir(l.target)) {
			out = append(out, strings.TrimPrefix(f[4], l.target))
		}
	}
	return out
}

// K5: down as a whole, twice is fine.
func TestMountAtUnmount(t *testing.T) {
	if !aloneInNamespace(t) {
		return
	}
	l := newLivingTree(t, true)
	if err := MountAt(l.plan, l.target, l.opts); err != nil {
		t.Fatal(err)
	}
	want := []string{"", "/sys", "/dev", "/dev/pts", "/etc", "/proc", "/data/in", "/tmp"}
	if diff := cmp.Diff(want, l.points(t), sortedStrings()); diff != "" {
		t.Errorf("mounted (-want +got):\n%s", diff)
	}
	var hint *HintError
	if err := MountAt(l.plan, l.target, l.opts); !errors.As(err, &hint) {
		t.Errorf("a second MountAt: %v", err)
	}
	for _, want := range []bool{true, false, false} {
		mounted, err := unmount(l.target, l.opts.RecordDir)
		if err != nil || mounted != want {
			t.Errorf("Unmount: %v, %v, want %v", mounted, err, want)
		}
	}
	if got := l.points(t); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

func sortedStrings() cmp.Option {
	return cmp.Transformer("sorted", func(in []string) map[string]int {
		out := map[string]int{}
		for _, s := range in {
			out[s]++
		}
		return out
	})
}

// A failure of any step leaves nothing mounted, made or recorded, and reports
// itself.
func TestMountAtFaults(t *testing.T) {
	if !aloneInNamespace(t) {
		return
	}
	injected := errors.New("injected")
	for _, readonly := range []bool{true, false} {
		l := newLivingTree(t, readonly)
		for k := 0; ; k++ {
			n := 0
			l.opts.before = func(string) error {
				if n++; n == k+1 {
					return injected
				}
				return nil
			}
			err := MountAt(l.plan, l.target, l.opts)
			if n <= k {
				if err != nil {
					t.Fatal(err)
				}
				if k < 20 {
					t.Errorf("only %d calls", k)
				}
				break
			}
			if !errors.Is(err, injected) {
				t.Errorf("call %d: error %v", k, err)
			}
			if got := l.points(t); len(got) != 0 {
				t.Fatalf("call %d: mounted: %q", k, got)
			}
			names, _ := os.ReadDir(l.rootfs)
			records, _ := os.ReadDir(l.opts.RecordDir)
			if len(names) != 1 || len(records) != 0 {
				t.Fatalf("call %d: made: %v, recorded: %v", k, names, records)
			}
		}
		if _, err := unmount(l.target, l.opts.RecordDir); err != nil {
			t.Error(err)
		}
	}
}

// What nsboot did not mount is refused and stays.
func TestUnmountRefuses(t *testing.T) {
	if !aloneInNamespace(t) {
		return
	}
	l := newLivingTree(t, true)
	if mounted, err := unmount(l.target, l.opts.RecordDir); mounted || err != nil {
		t.Errorf("nothing mounted: %v, %v", mounted, err)
	}
	if mounted, err := unmount(l.target+"/no/such", l.opts.RecordDir); mounted || err != nil {
		t.Errorf("no such directory: %v, %v", mounted, err)
	}
	if err := unix.Mount("t", l.target, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/", l.target, l.target + "/../target/."} {
		if mounted, err := unmount(target, l.opts.RecordDir); mounted || err == nil || !strings.Contains(err.Error(), "not mounted by nsboot") {
			t.Errorf("%s: %v, %v", target, mounted, err)
		}
	}
	if len(l.points(t)) != 1 {
		t.Errorf("the tmpfs is gone: %q", l.points(t))
	}
	if err := MountAt(l.plan, "/", l.opts); err == nil {
		t.Error("MountAt / is not refused")
	}
	if err := MountAt(l.plan, l.target+"/none", l.opts); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("MountAt on nothing: %v", err)
	}
}

// A record that somebody else could have written, or that is not one, is not
// believed.
func TestUnmountBadRecord(t *testing.T) {
	if !aloneInNamespace(t) {
		return
	}
	for name, spoil := range map[string]func(file string) error{
		"writable by all": func(file string) error { return os.Chmod(file, 0o666) },
		"another owner":   func(file string) error { return os.Chown(file, 65534, 0) },
		"cut off":         func(file string) error { return os.Truncate(file, 10) },
		"a link": func(file string) error {
			return errors.Join(os.Rename(file, file+".x"), os.Symlink(file+".x", file))
		},
		"a fifo": func(file string) error { return errors.Join(os.Remove(file), unix.Mkfifo(file, 0o600)) },
	} {
		l := newLivingTree(t, true)
		if err := MountAt(l.plan, l.target, l.opts); err != nil {
			t.Fatal(err)
		}
		if err := spoil(recordFile(l.opts.RecordDir, l.target)); err != nil {
			t.Fatal(err)
		}
		if _, err := unmount(l.target, l.opts.RecordDir); err == nil {
			t.Errorf("%s: believed", name)
		}
		if len(l.points(t)) == 0 {
			t.Errorf("%s: taken down", name)
		}
	}
}

// A tree that could not be recorded could not be taken down: it does not stay.
func TestMountAtWithoutRecord(t *testing.T) {
	if !aloneInNamespace(t) {
		return
	}
	l := newLivingTree(t, false)
	if err := os.MkdirAll(l.opts.RecordDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("ro", l.opts.RecordDir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(l.opts.RecordDir, unix.MNT_DETACH) })
	if err := MountAt(l.plan, l.target, l.opts); !errors.Is(err, unix.EROFS) {
		t.Errorf("error %v, want EROFS", err)
	}
	if got := l.points(t); len(got) != 1 { // the record's tmpfs
		t.Errorf("mounted: %q", got)
	}
	if names, _ := os.ReadDir(l.rootfs); len(names) != 1 {
		t.Errorf("made on the host: %v", names)
	}
}
