package lifecycle

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// commands are all that take a container's ID.
func commands(id string) [][]string {
	return [][]string{{"create", id}, {"start", id}, {"state", id}, {"kill", id}, {"kill", "--all", id, "KILL"}, {"delete", id}, {"delete", "--force", id},
		{"ps", id}, {"verify", id}, {"exec", id, "true"}, {"run", "--detach", id}, {"state", "--plan", id}}
}

// TestHostileIDs: what is no name for a directory, or none that can be typed, is
// refused by every command before anything is looked at.
func TestHostileIDs(t *testing.T) {
	l := newLab(t)
	for _, id := range []string{"", ".", "..", "../x", "/abs", "a/b", "a b", "a\nb", "\x1b[2J", "ä", strings.Repeat("a", 256), strings.Repeat("a", 100_000)} {
		for _, args := range commands(id) {
			l.bad(125, []string{"nsboot: ID \"", "letters, digits and _ . + -"}, args...)
		}
	}
	long := strings.Repeat("a", 255)
	l.good("create", long)
	l.good("delete", "--force", long)
	l.clean()
}

// TestCorruptState: a state that makes no sense is an error that says so and what
// to do. delete --force ends the process and takes away what it needed.
func TestCorruptState(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		for _, text := range []string{"", "{", "null", "[]", "{}", `{"id":"other"}`, `{"id":"web","pid":"one"}`, "\x00", strings.Repeat("[", 1000)} {
			l.good("run", "--detach", "web")
			file := filepath.Join(l.root, "containers/web/state.json")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range commands("web") {
				switch {
				case args[0] == "create", args[0] == "run":
					l.bad(125, []string{"container web: already exists"}, args...)
				case args[1] != "--force" && args[1] != "--plan":
					l.bad(125, []string{"container web: state.json: not a state", "hint: nsboot delete --force"}, args...)
				}
			}
			l.bad(125, []string{"container web: state.json"}, "list")
			l.good("delete", "--force", "web")
			l.clean()
		}
	})
}

// TestReplacedFIFOs: what stands in the place of a FIFO is not waited for.
func TestReplacedFIFOs(t *testing.T) {
	l := newLab(t)
	for _, name := range []string{"start", "outcome"} {
		for what, make := range map[string]func(path string) error{
			"nothing":      func(string) error { return nil },
			"file":         func(p string) error { return os.WriteFile(p, nil, 0o600) },
			"directory":    func(p string) error { return os.Mkdir(p, 0o700) },
			"link":         func(p string) error { return os.Symlink("/etc/passwd", p) },
			"another FIFO": func(p string) error { return unix.Mkfifo(p, 0o600) },
		} {
			l.good("create", "web")
			path := filepath.Join(l.root, "containers/web", name)
			if err := errors.Join(os.Remove(path), make(path)); err != nil {
				t.Fatal(err)
			}
			if name == "start" || what != "another FIFO" { // of that nobody can tell
				begin := time.Now()
				l.bad(125, []string{"container web"}, "start", "web")
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("%s, %s: start took %v", name, what, d)
				}
			}
			l.good("delete", "--force", "web")
			l.clean()
		}
	}
}

// stateOn mounts a small tmpfs as --root.
func (l *lab) stateOn(data string) {
	l.t.Helper()
	if err := os.MkdirAll(l.root, 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := unix.Mount("small", l.root, "tmpfs", 0, data); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { unix.Unmount(l.root, unix.MNT_DETACH) })
}

// TestFullDisk: the disk of --root fills up at each step of a create: an error
// that says so, and nothing of it stays.
func TestFullDisk(t *testing.T) {
	l := newLab(t)
	l.stateOn("size=256k")
	fill := filepath.Join(l.root, "fill")
	made := 0
	for free := int64(0); free <= 64<<10; free += 4 << 10 {
		if err := os.WriteFile(fill, make([]byte, 512<<10), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("not full: %v", err)
		}
		st, err := os.Stat(fill)
		if err == nil {
			err = os.Truncate(fill, st.Size()-free)
		}
		if err != nil {
			t.Fatal(err)
		}
		if r := l.run("create", "web"); r.Code == 0 {
			made++
			l.good("delete", "--force", "web")
		} else if !strings.Contains(r.Err, "no space left on device") {
			t.Errorf("%d bytes free: %+v", free, r)
		}
		if err := os.Remove(fill); err != nil {
			t.Fatal(err)
		}
		l.clean()
	}
	if made == 0 || made > 16 {
		t.Errorf("%d creates found enough room: none or all of them", made)
	}
}

// TestNoInodes is the same with as many files as there may be.
func TestNoInodes(t *testing.T) {
	l := newLab(t)
	made := 0
	for inodes := 2; inodes < 16; inodes++ {
		l.stateOn("nr_inodes=" + strconv.Itoa(inodes))
		if r := l.run("create", "web"); r.Code == 0 {
			made++
			l.good("delete", "--force", "web")
		} else if !strings.Contains(r.Err, "no space left on device") {
			t.Errorf("%d inodes: %+v", inodes, r)
		}
		l.clean()
		if err := unix.Unmount(l.root, 0); err != nil {
			t.Fatal(err)
		}
	}
	if made == 0 || made > 12 {
		t.Errorf("%d creates found enough inodes: none or all of them", made)
	}
}

// TestReadOnlyState: nothing new is recorded on a read-only file system; what
// runs there can be looked at and ended, and goes once it is writable again.
func TestReadOnlyState(t *testing.T) {
	l := newLab(t)
	l.stateOn("")
	l.good("run", "--detach", "web")
	l.good("create", "waits")
	remount := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", l.root, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	l.bad(125, []string{"container new", "read-only file system"}, "create", "new")
	l.is("web", "running")
	l.good("exec", "web", "true")
	l.good("verify", "web")
	l.good("start", "waits")
	l.good("kill", "web", "KILL")
	l.becomes("web", "stopped")
	l.bad(125, []string{"container web", "read-only file system"}, "delete", "web")
	l.bad(125, []string{"container waits", "read-only file system"}, "delete", "--force", "waits")
	remount(0)
	l.good("delete", "web")
	l.good("delete", "--force", "waits")
	l.clean()
}

// TestStateIsNoDirectory: a file in the place of --root, or of what is below it.
func TestStateIsNoDirectory(t *testing.T) {
	l := newLab(t)
	for _, path := range []string{l.root, filepath.Join(l.root, "containers"), filepath.Join(l.root, "containers/web")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range append(commands("web"), []string{"list"}) {
			r := l.run(args...)
			if r.Code != 125 || !strings.Contains(r.Err, "not a directory") && !strings.Contains(r.Err, "already exists") {
				t.Errorf("%s is a file: %v: %+v", path, args, r)
			}
		}
		if err := os.RemoveAll(l.root); err != nil {
			t.Fatal(err)
		}
		l.clean()
	}
}
