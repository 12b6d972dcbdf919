package tmpdetect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

func rootOf(t testing.TB, dir string) pathres.Root {
	t.Helper()
	r, err := pathres.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestProbe makes every case on a real file system. "d/" is a directory, "l -> x" a
// link, anything else an empty file.
func TestProbe(t *testing.T) {
	tests := []struct {
		rule string
		tree []string
		path string // "" = /tmp
		want Found
		err  error
	}{
		{"T2", nil, "", Absent, nil},
		{"T3", []string{"tmp/"}, "", Empty, nil},
		{"T3", []string{"tmp/"}, "/tmp/", Empty, nil},
		{"T4 dotfile", []string{"tmp/", "tmp/.x"}, "", Occupied, nil},
		{"T4 directory", []string{"tmp/lost+found/"}, "", Occupied, nil},
		{"T4 many", []string{"tmp/", "tmp/a", "tmp/b", "tmp/c"}, "", Occupied, nil},
		{"T4 longest name", []string{"tmp/", "tmp/" + strings.Repeat("n", 255)}, "", Occupied, nil},
		{"T4 names like dots", []string{"tmp/", "tmp/..."}, "", Occupied, nil},
		{"T4 a dangling link in it", []string{"tmp/", "tmp/l -> no"}, "", Occupied, nil},
		{"T6 absolute", []string{"var/tmp/", "tmp -> /var/tmp"}, "", LinkEmpty, nil},
		{"T6 relative", []string{"var/tmp/", "tmp -> var/tmp"}, "", LinkEmpty, nil},
		{"T6 out of the root and in again", []string{"var/tmp/", "tmp -> ../../../../var/tmp"}, "", LinkEmpty, nil},
		{"T7", []string{"var/tmp/", "var/tmp/x", "tmp -> var/tmp"}, "", LinkOccupied, nil},
		{"T7 the root itself", []string{"tmp -> /"}, "", LinkOccupied, nil},
		{"T8", []string{"tmp -> /no/where"}, "", LinkDangling, nil},
		{"T8 by dot-dot", []string{"tmp -> no/../x"}, "", LinkDangling, nil},
		{"T9", []string{"tmp"}, "", NotDir, nil},
		{"T9 through a link", []string{"f", "tmp -> f"}, "", LinkNotDir, nil},
		{"T9 through a link", []string{"f", "tmp -> f/x"}, "", LinkNotDir, nil},
		{"P3", []string{"tmp -> tmp"}, "", LinkLoop, nil},
		{"not /tmp: below a file", []string{"f"}, "/f/tmp", Absent, unix.ENOTDIR},
		{"not /tmp: NUL", nil, "/tmp\x00", Absent, unix.EINVAL},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		for _, e := range tt.tree {
			var err error
			if name, to, ok := strings.Cut(e, " -> "); ok {
				err = os.Symlink(to, filepath.Join(dir, name))
			} else if strings.HasSuffix(e, "/") {
				err = os.MkdirAll(filepath.Join(dir, e), 0o755)
			} else {
				err = os.WriteFile(filepath.Join(dir, e), nil, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if tt.path == "" {
			tt.path = "/tmp"
		}
		got, err := Probe(rootOf(t, dir), tt.path)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s %v: %v, %v, want %v, %v", tt.rule, tt.tree, got, err, tt.want, tt.err)
		}
	}
}

// TestProbeStaysInside: a link that names a directory of the host is looked up in the
// root, where there is none.
func TestProbeStaysInside(t *testing.T) {
	host, dir := t.TempDir(), t.TempDir()
	rel, err := filepath.Rel(dir, host)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{host, rel} {
		os.Remove(dir + "/covered")
		if err := os.Symlink(to, dir+"/covered"); err != nil {
			t.Fatal(err)
		}
		if got, err := Probe(rootOf(t, dir), "/covered"); got != LinkDangling || err != nil {
			t.Errorf("link to %s: %v, %v, want %v", to, got, err, LinkDangling)
		}
	}
	// A magic link, on the host's own procfs.
	if got, err := Probe(rootOf(t, "/"), "/proc/self/cwd"); got != LinkLoop || err != nil {
		t.Errorf("magic link: %v, %v", got, err)
	}
}

// scratch is a directory in memory where there is one: 100,000 files on a disk take
// seconds.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "tmpdetect")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestProbeCost: a directory of 100,000 entries costs as many reads, of as many bytes,
// as one of three.
func TestProbeCost(t *testing.T) {
	count := func(entries int) (calls, bytes int) {
		dir := scratch(t)
		for i := range entries {
			if err := unix.Mknod(fmt.Sprintf("%s/%d", dir, i), unix.S_IFREG|0o644, 0); err != nil {
				t.Fatal(err)
			}
		}
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		more, err := hasEntry(func(buf []byte) (int, error) {
			calls++
			bytes += len(buf)
			return unix.Getdents(fd, buf)
		})
		if !more || err != nil {
			t.Fatalf("%d entries: %v, %v", entries, more, err)
		}
		return calls, bytes
	}
	calls3, bytes3 := count(3)
	calls, bytes := count(100_000)
	if calls != calls3 || bytes != bytes3 || calls > 2 || bytes > 2*direntBuf {
		t.Errorf("100000 entries: %d calls, %d bytes; 3 entries: %d calls, %d bytes", calls, bytes, calls3, bytes3)
	}
}

// record is one directory entry as getdents64 gives it.
func record(name string) []byte {
	size := (19 + len(name) + 1 + 7) &^ 7
	b := make([]byte, size)
	binary.NativeEndian.PutUint16(b[16:], uint16(size))
	copy(b[19:], name)
	return b
}

// TestHasEntry: file systems that list the dots late, never, or in pieces, and reads
// that fail.
func TestHasEntry(t *testing.T) {
	join := func(names ...string) (b []byte) {
		for _, n := range names {
			b = append(b, record(n)...)
		}
		return b
	}
	eio, eintr := error(unix.EIO), error(unix.EINTR)
	damaged := join(".", "x")
	damaged[24+16], damaged[24+17] = 0, 0
	tests := []struct {
		name  string
		reads []any // []byte or error; the end is 0 bytes
		want  bool
		err   error
		calls int
	}{
		{"empty without dots", nil, false, nil, 1},
		{"dots", []any{join(".", "..")}, false, nil, 2},
		{"dots one by one", []any{join("."), join("..")}, false, nil, 3},
		{"no dots, an entry", []any{join("x"), join("y")}, true, nil, 1},
		{"an entry before the dots", []any{join("x", ".", "..")}, true, nil, 1},
		{"an entry after the dots", []any{join(".", ".."), join("x"), join("y")}, true, nil, 2},
		{"interrupted", []any{eintr, join(".", "..", "x")}, true, nil, 2},
		{"EIO", []any{join("."), eio}, false, unix.EIO, 2},
		{"damaged", []any{damaged}, false, unix.EIO, 1},
		{"cut off", []any{join(".")[:20]}, false, unix.EIO, 1},
	}
	for _, tt := range tests {
		calls := 0
		got, err := hasEntry(func(buf []byte) (int, error) {
			calls++
			if calls > len(tt.reads) {
				return 0, nil
			}
			if err, ok := tt.reads[calls-1].(error); ok {
				return -1, err
			}
			return copy(buf, tt.reads[calls-1].([]byte)), nil
		})
		if got != tt.want || !errors.Is(err, tt.err) || calls != tt.calls {
			t.Errorf("%s: %v, %v after %d calls, want %v, %v, %d", tt.name, got, err, calls, tt.want, tt.err, tt.calls)
		}
	}
}
