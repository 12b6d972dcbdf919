package pathres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestMake is rules P1, P2, P4 and S6: what is created where, and what is told.
func TestMake(t *testing.T) {
	entries := []string{"a/", "a/f", "abs -> /a", "dangling -> /gone/x", "up -> ../../../new", "deep -> dangling/y", "toFile -> a/f", "slash -> q/", "loop -> loop"}
	tests := []struct {
		path     string
		file     bool
		resolved string
		told     string // "?" before, "+" made; a trailing slash for directories
		err      error
		says     string
	}{
		{path: "/a", resolved: ""}, // the fast path
		{path: "/", resolved: ""},
		{path: "/a/f", file: true, resolved: ""},
		{path: "/x/y/z", resolved: "/x/y/z", told: "?/x/ +/x/ ?/x/y/ +/x/y/ ?/x/y/z/ +/x/y/z/"},
		{path: "/a/n", file: true, resolved: "/a/n", told: "?/a/n +/a/n"},
		{path: "/p/n", file: true, resolved: "/p/n", told: "?/p/ +/p/ ?/p/n +/p/n"},
		{path: "abs//n/./", resolved: "/a/n", told: "?/a/n/ +/a/n/"},
		{path: "/dangling", resolved: "/gone/x", told: "?/gone/ +/gone/ ?/gone/x/ +/gone/x/"},
		{path: "/dangling", file: true, resolved: "/gone/x", told: "?/gone/ +/gone/ ?/gone/x +/gone/x"},
		{path: "/up/y", resolved: "/new/y", told: "?/new/ +/new/ ?/new/y/ +/new/y/"}, // P2
		{path: "/deep", resolved: "/gone/x/y", told: "?/gone/ +/gone/ ?/gone/x/ +/gone/x/ ?/gone/x/y/ +/gone/x/y/"},
		{path: "/slash", resolved: "/q", told: "?/q/ +/q/"},
		{path: "/x/..", resolved: "/", told: "?/x/ +/x/"},

		{path: "/a/f", err: unix.ENOTDIR, says: "create /a/f: not a directory"}, // P4
		{path: "/toFile", err: unix.ENOTDIR, says: "create /toFile: /a/f: not a directory"},
		{path: "/a", file: true, err: unix.EISDIR},                                                // P4
		{path: "/a/f/sub/x", err: unix.ENOTDIR, says: "create /a/f/sub/x: /a/f: not a directory"}, // S6
		{path: "/slash", file: true, err: unix.EISDIR},
		{path: "/new/", file: true, err: unix.EISDIR},
		{path: "/loop", err: unix.ELOOP}, // P3
		{path: "/a\x00", err: unix.EINVAL},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.path, tt.file), func(t *testing.T) {
			r, dir := tree(t, entries...)
			fds := openFDs(t)
			var told []string
			suffix := map[bool]string{true: "/"}
			fd, resolved, err := r.Make(tt.path, MakeOptions{
				File: tt.file, DirMode: 0o755, FileMode: 0o644,
				Before: func(p string, d bool) error {
					if _, err := os.Lstat(dir + p); err == nil {
						t.Errorf("Before(%s): it exists", p)
					}
					told = append(told, "?"+p+suffix[d])
					return nil
				},
				Made: func(m Made) error {
					var st unix.Stat_t
					if err := unix.Lstat(dir+m.Path, &st); err != nil || st.Ino != m.Ino || uint64(st.Dev) != m.Dev {
						t.Errorf("Made(%+v): inode %d, %v", m, st.Ino, err)
					}
					told = append(told, "+"+m.Path+suffix[m.Dir])
					return nil
				},
			})
			if !errors.Is(err, tt.err) || tt.says != "" && err.Error() != tt.says {
				t.Errorf("error %v, want %v %q", err, tt.err, tt.says)
			}
			if d := cmp.Diff(tt.told, strings.Join(told, " ")); d != "" {
				t.Errorf("told (-want +got):\n%s", d)
			}
			if resolved != tt.resolved {
				t.Errorf("resolved %q, want %q", resolved, tt.resolved)
			}
			if err == nil {
				checkFD(t, r, fd, tt.path)
				unix.Close(fd)
			}
			if n := openFDs(t); n != fds {
				t.Errorf("%d descriptors left open", n-fds)
			}
		})
	}
}

// checkFD: fd is an O_PATH descriptor of what path now leads to.
func checkFD(t *testing.T, r Root, fd int, path string) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	f, err := r.Lookup(path, false)
	if err != nil || f.Ino != st.Ino || !f.Exists() {
		t.Errorf("descriptor of inode %d, %s is %+v, %v", st.Ino, path, f, err)
	}
	if fl, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || fl&unix.O_PATH == 0 {
		t.Errorf("flags %#x, %v: no O_PATH", fl, err)
	}
	if fl, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); fl&unix.FD_CLOEXEC == 0 {
		t.Error("not close-on-exec")
	}
}

// TestMakeModes: the modes are exact, whatever the umask (S4).
func TestMakeModes(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		if umask == 0o777 && os.Geteuid() != 0 {
			continue // an ordinary user may not enter a directory of mode 0 to change it
		}
		for _, mode := range []uint32{0o555, 0o755, 0o700, 0o1777, 0o2755} {
			r, dir := tree(t)
			old := unix.Umask(umask)
			fd, _, err := r.Make("/d/e/f", MakeOptions{File: true, DirMode: mode, FileMode: mode &^ 0o111})
			unix.Umask(old)
			if os.Geteuid() != 0 && mode == 0o555 && errors.Is(err, unix.EACCES) {
				continue // its own directory is read-only to it
			}
			if err != nil {
				t.Errorf("umask %o mode %o: %v", umask, mode, err)
				continue
			}
			unix.Close(fd)
			for p, want := range map[string]uint32{"/d": mode, "/d/e": mode, "/d/e/f": mode &^ 0o111} {
				var st unix.Stat_t
				if err := unix.Lstat(dir+p, &st); err != nil || st.Mode&0o7777 != want {
					t.Errorf("umask %o: %s has mode %o, want %o (%v)", umask, p, st.Mode&0o7777, want, err)
				}
			}
		}
	}
}

// TestMakeStops: an error of Before creates nothing, one of Made nothing more.
func TestMakeStops(t *testing.T) {
	stop := errors.New("stop")
	r, dir := tree(t)
	o := MakeOptions{DirMode: 0o755, Before: func(p string, _ bool) error {
		if p == "/a/b" {
			return stop
		}
		return nil
	}}
	if _, _, err := r.Make("/a/b/c", o); !errors.Is(err, stop) || err.Error() != "create /a/b/c: /a/b: stop" {
		t.Errorf("Before's error: %v", err)
	}
	o = MakeOptions{DirMode: 0o755, Made: func(Made) error { return stop }}
	if _, _, err := r.Make("/x/y", o); !errors.Is(err, stop) {
		t.Errorf("Made's error: %v", err)
	}
	want := []string{". drwxr-xr-x 0 ", "a drwxr-xr-x 0 ", "x drwxr-xr-x 0 "}
	if d := cmp.Diff(want, listing(t, dir)); d != "" {
		t.Errorf("tree (-want +got):\n%s", d)
	}
}

// TestMakeRace: somebody else makes the same thing between the look and the
// mkdir. It is taken as it is, and not told as made.
func TestMakeRace(t *testing.T) {
	for _, file := range []bool{false, true} {
		r, dir := tree(t)
		var made []string
		fd, resolved, err := r.Make("/a/b", MakeOptions{
			File: file, DirMode: 0o755, FileMode: 0o644,
			Before: func(p string, d bool) error {
				if d {
					return os.Mkdir(dir+p, 0o700)
				}
				return os.WriteFile(dir+p, []byte("theirs"), 0o600)
			},
			Made: func(m Made) error { made = append(made, m.Path); return nil },
		})
		if err != nil || resolved != "/a/b" || made != nil {
			t.Errorf("file %v: resolved %q, made %v, %v", file, resolved, made, err)
			continue
		}
		unix.Close(fd)
		if fi, err := os.Lstat(dir + "/a"); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("the other's directory: %v, %v", fi, err)
		}
	}
	// The same with a link to the host: it is followed inside the root.
	r, dir := tree(t)
	victim := t.TempDir()
	fd, resolved, err := r.Make("/a/b", MakeOptions{DirMode: 0o755, Before: func(p string, _ bool) error {
		if p == "/a" {
			return os.Symlink(victim, dir+p)
		}
		return nil
	}})
	if err != nil || resolved != victim+"/b" {
		t.Errorf("link: resolved %q, %v, want %q", resolved, err, victim+"/b")
	} else {
		unix.Close(fd)
	}
	if e, _ := os.ReadDir(victim); len(e) != 0 {
		t.Errorf("created on the host: %v", e)
	}
	if _, err := os.Stat(filepath.Join(dir, victim, "b")); err != nil {
		t.Errorf("not created inside the root: %v", err)
	}
}
