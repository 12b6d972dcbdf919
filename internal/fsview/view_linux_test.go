package fsview

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const (
	rootEnv = "NSBOOT_FSVIEW_ROOT" // set: be the process that looks at that root
	userEnv = "NSBOOT_FSVIEW_USER" // and be that user
	stopEnv = "NSBOOT_FSVIEW_STOP" // and stop after that time
	workEnv = "NSBOOT_FSVIEW_WORK" // set: this is the mount namespace, that its directory
)

// TestMain runs the tests once more in a mount namespace of their own.
func TestMain(m *testing.M) {
	if root := os.Getenv(rootEnv); root != "" {
		os.Exit(lookFrom(root))
	}
	work := os.Getenv(workEnv)
	if work != "" || os.Geteuid() != 0 {
		os.Exit(m.Run())
	}
	work, err := os.MkdirTemp("", "nsboot-fsview-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), workEnv+"="+work)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL} // Go makes / private
	err = cmd.Run()
	os.Remove(work)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// lookFrom writes the view of a process whose root that is.
func lookFrom(root string) int {
	err := errors.Join(unix.Chroot(root), os.Chdir("/"), os.Setenv("PATH", "/bin:/usr/bin"))
	if uid, _ := strconv.Atoi(os.Getenv(userEnv)); uid != 0 {
		err = errors.Join(err, syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid))
	}
	stop := new(atomic.Bool)
	if after, err := time.ParseDuration(os.Getenv(stopEnv)); err == nil {
		time.AfterFunc(after, func() { stop.Store(true) })
	}
	if err == nil {
		err = Look(NewWriter(os.Stdout), Options{Probe: true, Skip: []string{"/skipped"}, Capabilities: []string{"CAP_CHOWN"}, Stop: stop})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// lab makes a root of its own, a tmpfs with a few things.
func lab(t *testing.T) string {
	t.Helper()
	work := os.Getenv(workEnv)
	if work == "" {
		skip(t, "mounting needs root")
	}
	must(t, unix.Mount("lab", work, "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { must(t, unix.Unmount(work, unix.MNT_DETACH)) })
	for _, d := range []string{"proc", "bin", "ro", "data/deep", "private", "noexec", "noatime", "strict", "skipped"} {
		must(t, os.MkdirAll(filepath.Join(work, d), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(work, "bin/sh"), []byte("#!"), 0o755))
	must(t, os.WriteFile(filepath.Join(work, "bin/ls"), []byte("#!"), 0o644))
	must(t, os.WriteFile(filepath.Join(work, "data/suid"), []byte("12345"), 0o644))
	must(t, os.Chmod(filepath.Join(work, "data/suid"), 0o755|os.ModeSetuid))
	must(t, os.Chown(filepath.Join(work, "data/suid"), 7, 8))
	must(t, os.Chmod(filepath.Join(work, "data/suid"), 0o755|os.ModeSetuid))
	must(t, os.Link(filepath.Join(work, "data/suid"), filepath.Join(work, "data/again")))
	must(t, os.Symlink("to\xff", filepath.Join(work, "data/odd\nname")))
	must(t, unix.Mknod(filepath.Join(work, "data/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(t, unix.Setxattr(filepath.Join(work, "data"), "trusted.mark", []byte("x"), 0))
	must(t, os.Chmod(filepath.Join(work, "private"), 0o700))
	return work
}

// snapshot is what stands below dir, with the times of directories.
func snapshot(t *testing.T, dir string) (out []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && p == filepath.Join(dir, "proc") {
			return filepath.SkipDir
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out = append(out, fmt.Sprint(p, info.Mode(), info.ModTime()))
		}
		return err
	}))
	return out
}

// see runs a view and returns its records by kind and path.
func see(t *testing.T, root string, env ...string) map[string]map[string]string {
	t.Helper()
	before := snapshot(t, root)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), append(env, rootEnv+"="+root)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("view: %v\n%s", err, stderr.String())
	}
	if d := cmp.Diff(before, snapshot(t, root)); d != "" {
		t.Errorf("the view left something behind (-before +after):\n%s", d)
	}
	got := map[string]map[string]string{}
	r := NewReader(bytes.NewReader(out))
	head, err := r.Header()
	for rec := head; err != io.EOF; rec, err = r.Next() {
		if err != nil {
			t.Fatalf("the view cannot be read: %v\n%s", err, out)
		}
		got[rec.Kind+" "+rec.Path] = rec.Facts
	}
	return got
}

func mustMount(t *testing.T, source, target, fstype string, flags uintptr, data string) {
	t.Helper()
	must(t, unix.Mount(source, target, fstype, flags, data))
}

// TestView looks at a root in which each mount does something else.
func TestView(t *testing.T) {
	root := lab(t)
	at := func(p string) string { return filepath.Join(root, p) }
	mustMount(t, "proc", at("proc"), "proc", 0, "")
	mustMount(t, at("data"), at("ro"), "", unix.MS_BIND, "")
	mustMount(t, "", at("ro"), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	mustMount(t, "x", at("noexec"), "tmpfs", unix.MS_NOEXEC|unix.MS_NODEV|unix.MS_NOSUID, "size=64k")
	mustMount(t, "x", at("noatime"), "tmpfs", unix.MS_NOATIME, "size=64k")
	mustMount(t, "x", at("strict"), "tmpfs", unix.MS_STRICTATIME, "size=64k")
	mustMount(t, "x", at("skipped"), "tmpfs", 0, "")
	mustMount(t, at("data/suid"), at("bin/ls"), "", unix.MS_BIND, "")
	got := see(t, root)
	for key, want := range map[string]map[string]string{
		"lookup sh":       {"found": "/bin/sh"},
		"lookup nosuch":   {"found": "ENOENT"},
		"process ":        {"cwd": "/", "CAP_CHOWN": "effective permitted bounding"},
		"mount /":         {"type": "tmpfs", "access": "rw", "statfs type": "tmpfs"},
		"mount /noexec":   {"nodev": "yes", "noexec": "yes", "nosuid": "yes", "atime": "relatime", "size": "65536", "statfs flags": "nosuid,nodev,noexec,relatime"},
		"mount /ro":       {"access": "ro"},
		"probe /":         {"create": "ok", "link": "ok", "rename to another mount": "EXDEV", "execute": "ok", "time of access": "moves once a day", "names in another case": "other files"},
		"probe /ro":       {"create": "EROFS", "mkdir": "EROFS", "chmod": "EROFS", "symlink": "EROFS", "link": NotTried, "mmap shared": NotTried},
		"probe /noexec":   {"create": "ok", "execute": "EACCES", "open a device": "EACCES", "mknod of a device": "ok", "sparse file of 1 TiB": "ok"},
		"probe /noatime":  {"time of access": "stands still"},
		"probe /strict":   {"time of access": "moves at each read"},
		"probe /proc":     {"mkdir": "ENOENT"},
		"probe /bin/ls":   {"open for writing": "ok", "chmod": "ok"},
		"entry /data":     {"xattrs": "trusted.mark", "type": "directory", "links": "3"},
		"entry /ro/suid":  {"mode": "4755", "uid": "7", "gid": "8", "size": "5", "links": "2", "type": "file"},
		"entry /bin/ls":   {"mode": "4755", "size": "5"},
		"entry /proc":     {"type": "directory"},
		"entry /proc/sys": {"mode": "0555"},

		"entry /data/odd\nname": {"type": "link", "target": "to\xff"},
		"entry /data/null":      {"type": "character device", "device": "1:3", "mode": "0644"},
		"end ":                  {},
	} {
		if got[key] == nil && key != "end " {
			t.Errorf("%q: no record", key)
		}
		for fact, value := range want {
			if got[key][fact] != value {
				t.Errorf("%q: %s is %q, want %q", key, fact, got[key][fact], value)
			}
		}
	}
	for _, key := range []string{"entry /skipped", "mount /skipped", "entry /proc/self/status", "entry /proc/1"} {
		if got[key] != nil {
			t.Errorf("%q is in the view", key)
		}
	}
}

// TestViewAsUser: what a process may not do is what is seen; nothing fails.
func TestViewAsUser(t *testing.T) {
	root := lab(t)
	got := see(t, root, userEnv+"=1234")
	for key, want := range map[string]string{
		"probe /: create": "EACCES", "entry /private: list": "EACCES", "process : uid": "1234 1234 1234", "lookup ls: found": "EACCES",
		"view : mounts": "found by looking: there is no mount table", "mount /: statfs type": "tmpfs",
	} {
		rec, fact, _ := strings.Cut(key, ": ")
		if got[rec][fact] != want {
			t.Errorf("%s is %q, want %q", key, got[rec][fact], want)
		}
	}
}

// TestBounds: the tree is bounded, and what is left out is said.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		must(t, os.MkdirAll(filepath.Join(dir, fmt.Sprintf("d%02d/x/y", i)), 0o755))
	}
	records := func(o Options) (out []string) {
		var b bytes.Buffer
		o.Paths = []string{dir, dir + "/d03"}
		must(t, Look(NewWriter(&b), o))
		r := NewReader(&b)
		rec, err := r.Header()
		for ; err == nil; rec, err = r.Next() {
			if rec.Kind == KindEntry || rec.Kind == KindCut {
				out = append(out, rec.Kind+strings.TrimPrefix(rec.Path, dir))
			}
		}
		if err != io.EOF {
			t.Fatal(err)
		}
		return out
	}
	if d := cmp.Diff([]string{"entry", "entry/d00", "entry/d00/x", "cut/d00/x/y"}, records(Options{MaxEntries: 3})); d != "" {
		t.Errorf("MaxEntries: -want +got:\n%s", d)
	}
	if n := len(records(Options{Depth: 1})); n != 21 {
		t.Errorf("Depth 1: %d entries, want 21", n)
	}
	if n := len(records(Options{})); n != 61 {
		t.Errorf("%d entries, want 61", n)
	}
}

// TestStopped: a view that is told to stop leaves nothing, whenever that is.
func TestStopped(t *testing.T) {
	root := lab(t)
	mustMount(t, "proc", filepath.Join(root, "proc"), "proc", 0, "")
	before := snapshot(t, root)
	for i := range 40 {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), rootEnv+"="+root, stopEnv+"="+(time.Duration(i)*50*time.Microsecond).String())
		cmd.Run()
		if after := snapshot(t, root); !slices.Equal(before, after) {
			t.Fatalf("stopped after %v: %s", time.Duration(i)*50*time.Microsecond, cmp.Diff(before, after))
		}
	}
	stop := new(atomic.Bool)
	stop.Store(true)
	if err := Look(NewWriter(io.Discard), Options{Stop: stop}); !errors.Is(err, ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
}

func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatalf("NSBOOT_MUST_RUN=1, but: %s", why)
	}
	t.Skip(why)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
