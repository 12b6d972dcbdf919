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
	"pgregory.net/rapid"
)

// tree builds entries below a fresh directory: "d/" a directory, "l -> x" a link,
// "f" a file, "f = text" a file of mode 0755 with that text.
func tree(t testing.TB, entries ...string) (Root, string) {
	t.Helper()
	dir := t.TempDir()
	for _, e := range entries {
		var err error
		if name, to, ok := strings.Cut(e, " -> "); ok {
			err = os.Symlink(to, filepath.Join(dir, name))
		} else if name, text, ok := strings.Cut(e, " = "); ok {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755)
		} else if strings.HasSuffix(e, "/") {
			err = os.MkdirAll(filepath.Join(dir, e), 0o755)
		} else {
			err = os.WriteFile(filepath.Join(dir, e), nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, dir
}

// listing is every path below dir with its type, mode, size and link text.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.Walk(dir, func(p string, fi os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		to, _ := os.Readlink(p)
		rel, _ := filepath.Rel(dir, p)
		size := fi.Size()
		if fi.IsDir() {
			size = 0
		}
		out = append(out, fmt.Sprintf("%s %v %d %s", rel, fi.Mode(), size, to))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// openFDs counts this process's descriptors.
func openFDs(t testing.TB) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

var lookupTree = []string{
	"a/b/", "a/f", "out/",
	"abs -> /a", "rel -> a/b", "up -> ../../../../a", "self -> .", "slash -> /", "toFile -> a/f", "toFileSlash -> a/f/",
	"dangling -> /gone/x", "a/near -> b", "gap -> nothing/../a",
	"loop1 -> loop2", "loop2 -> loop1", "me -> me",
}

// TestLookup is rules P1 to P3 and S6.
func TestLookup(t *testing.T) {
	r, _ := tree(t, lookupTree...)
	tests := []struct {
		path     string
		want     string
		existing string // "" = want
		err      error
		says     string
	}{
		{path: "/", want: "/"},
		{path: ".", want: "/"},
		{path: "///", want: "/"},
		{path: "/a//b/./", want: "/a/b"},
		{path: "a/b", want: "/a/b"}, // relative = from the root
		{path: "/a/../a/b/..", want: "/a"},
		{path: "/../../a", want: "/a"}, // P2: '..' never leaves
		{path: "/abs/b", want: "/a/b"}, // P2: an absolute link restarts at the root
		{path: "/rel", want: "/a/b"},
		{path: "/up/b", want: "/a/b"},
		{path: "/self/self/slash/self/a", want: "/a"},
		{path: "/a/near/..", want: "/a"},
		{path: "/toFile", want: "/a/f"},
		{path: "/a/new", want: "/a/new", existing: "/a"},
		{path: "/abs/x/y/z/", want: "/a/x/y/z", existing: "/a"},
		{path: "/dangling", want: "/gone/x", existing: "/"},
		{path: "/dangling/y", want: "/gone/x/y", existing: "/"},
		{path: "/x/./y", want: "/x/y", existing: "/"},

		{path: "/a/f/x", err: unix.ENOTDIR, says: "lookup /a/f/x: /a/f: not a directory"}, // S6
		{path: "/toFile/x", err: unix.ENOTDIR, says: "lookup /toFile/x: /a/f: not a directory"},
		{path: "/a/f/", err: unix.ENOTDIR},
		{path: "/a/f/.", err: unix.ENOTDIR},
		{path: "/a/f/..", err: unix.ENOTDIR},
		{path: "/toFileSlash", err: unix.ENOTDIR},
		{path: "/loop1", err: unix.ELOOP}, // P3
		{path: "/me/x", err: unix.ELOOP},
		{path: "/x/../a", err: unix.ENOENT, says: "'..' after"},
		{path: "/gap", err: unix.ENOENT},
		{path: "", err: unix.ENOENT, says: `lookup "": an empty path`},
		{path: "/a\x00b", err: unix.EINVAL, says: `lookup "/a\x00b": a NUL byte in the path`},
		{path: "/" + strings.Repeat("n", 256), err: unix.ENAMETOOLONG},
		{path: strings.Repeat("/a/..", 1000), err: unix.ENAMETOOLONG},
	}
	for _, tt := range tests {
		before := openFDs(t)
		f, err := r.Lookup(tt.path, false)
		if !errors.Is(err, tt.err) {
			t.Errorf("Lookup(%.40q) = %v, want %v", tt.path, err, tt.err)
			continue
		}
		if tt.says != "" && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("Lookup(%q) says %q, want %q", tt.path, err, tt.says)
		}
		if tt.existing == "" {
			tt.existing = tt.want
		}
		if f.Path != tt.want || f.Existing != tt.existing || f.Exists() != (tt.want == tt.existing) {
			t.Errorf("Lookup(%q) = %q (%q), want %q (%q)", tt.path, f.Path, f.Existing, tt.want, tt.existing)
		}
		if after := openFDs(t); after != before {
			t.Errorf("Lookup(%.40q) left %d descriptors open", tt.path, after-before)
		}
		// Root.Open, which is the kernel's own walk, must agree on success and errno.
		fd, kerr := r.Open(tt.path, unix.O_PATH, false)
		if kerr == nil {
			unix.Close(fd)
		}
		want := tt.err
		if want == nil && !f.Exists() {
			want = unix.ENOENT
		}
		if !errors.Is(kerr, want) {
			t.Errorf("Open(%.40q) = %v, want %v", tt.path, kerr, want)
		}
	}
}

// TestLinkLimit: 40 links are followed, 41 are not (P1, P3).
func TestLinkLimit(t *testing.T) {
	r, dir := tree(t, "end/")
	prev := "end"
	for i := 1; i <= 41; i++ {
		name := fmt.Sprint("l", i)
		if err := os.Symlink(prev, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		prev = name
	}
	if f, err := r.Lookup("/l40", false); err != nil || f.Path != "/end" {
		t.Errorf("40 links: %+v, %v", f, err)
	}
	if _, err := r.Lookup("/l41", false); !errors.Is(err, unix.ELOOP) {
		t.Errorf("41 links: %v, want ELOOP", err)
	}
	for path, want := range map[string]error{"/l40": nil, "/l41": unix.ELOOP} {
		fd, _, err := r.Make(path, MakeOptions{DirMode: 0o755})
		if !errors.Is(err, want) {
			t.Errorf("Make(%s) = %v, want %v", path, err, want)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
}

// TestNoLinks is rule P1 of runsc-2019, for all three entries.
func TestNoLinks(t *testing.T) {
	r, dir := tree(t, lookupTree...)
	before := listing(t, dir)
	for _, p := range []string{"/abs", "/abs/b", "/rel", "/dangling", "/dangling/x", "/a/near", "/me"} {
		_, lerr := r.Lookup(p, true)
		_, oerr := r.Open(p, unix.O_PATH, true)
		_, _, merr := r.Make(p, MakeOptions{DirMode: 0o755, NoLinks: true})
		for op, err := range map[string]error{"Lookup": lerr, "Open": oerr, "Make": merr} {
			if !errors.Is(err, unix.ELOOP) {
				t.Errorf("%s(%s) = %v, want ELOOP", op, p, err)
			}
		}
	}
	if f, err := r.Lookup("/a/b/new", true); err != nil || f.Path != "/a/b/new" {
		t.Errorf("without a link: %+v, %v", f, err)
	}
	if d := cmp.Diff(before, listing(t, dir)); d != "" {
		t.Errorf("the tree changed (-before +after):\n%s", d)
	}
}

// TestMagicLinks: the host's own procfs, seen through a root that is "/".
func TestMagicLinks(t *testing.T) {
	r, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, p := range []string{"/proc/self/exe", "/proc/self/root/etc", "/proc/thread-self/cwd", "/proc/self/fd/0", "/proc/self/ns/mnt"} {
		if _, err := r.Lookup(p, false); !errors.Is(err, ErrMagicLink) || !errors.Is(err, unix.ELOOP) {
			t.Errorf("Lookup(%s) = %v, want ErrMagicLink", p, err)
		}
		if _, err := r.Open(p, unix.O_PATH, false); !errors.Is(err, unix.ELOOP) {
			t.Errorf("Open(%s) = %v, want ELOOP", p, err)
		}
		if _, _, err := r.Make(p, MakeOptions{File: true}); !errors.Is(err, ErrMagicLink) {
			t.Errorf("Make(%s) = %v, want ErrMagicLink", p, err)
		}
	}
	// The others on procfs are plain texts.
	f, err := r.Lookup("/proc/mounts", false)
	if want := fmt.Sprintf("/proc/%d/mounts", os.Getpid()); err != nil || f.Path != want {
		t.Errorf("Lookup(/proc/mounts) = %q, %v, want %q", f.Path, err, want)
	}
}

// TestLookupAgreesWithKernel: wherever a random path exists, the walk ends at the
// inode that openat2 ends at, and nowhere else.
func TestLookupAgreesWithKernel(t *testing.T) {
	r, _ := tree(t, lookupTree...)
	names := []string{"a", "b", "f", "..", ".", "", "abs", "rel", "up", "self", "slash", "toFile", "dangling", "near", "gap", "loop1", "gone"}
	rapid.Check(t, func(rt *rapid.T) {
		p := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(names), 1, 8).Draw(rt, "names"), "/")
		f, err := r.Lookup(p, false)
		fd, kerr := r.Open(p, unix.O_PATH, false)
		if kerr != nil {
			var errno unix.Errno
			errors.As(kerr, &errno)
			if err == nil && (errno != unix.ENOENT || f.Exists()) || err != nil && !errors.Is(err, errno) {
				rt.Fatalf("%s: kernel %v, walk %+v %v", p, kerr, f, err)
			}
			return
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if e := unix.Fstat(fd, &st); e != nil {
			rt.Fatal(e)
		}
		if err != nil || !f.Exists() || f.Ino != st.Ino || f.Dev != uint64(st.Dev) || f.Mode != st.Mode {
			rt.Fatalf("%s: kernel has inode %d, walk %+v %v", p, st.Ino, f, err)
		}
	})
}

func TestOpen(t *testing.T) {
	r, _ := tree(t, "d/", "l -> /d")
	if fd, err := r.Open("/l", unix.O_RDONLY, false); err != nil {
		t.Error(err)
	} else {
		if fl, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || fl&unix.FD_CLOEXEC == 0 {
			t.Errorf("flags %x, %v: not close-on-exec", fl, err)
		}
		unix.Close(fd)
	}
	for _, flags := range []int{unix.O_CREAT | unix.O_WRONLY, unix.O_TMPFILE | unix.O_RDWR} {
		if _, err := r.Open("/d", flags, false); !errors.Is(err, unix.EINVAL) {
			t.Errorf("Open with flags %#x: %v, want EINVAL", flags, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("Open of a missing root: %v", err)
	}
	if f, err := At(r.FD()).Lookup("/l", false); err != nil || f.Path != "/d" {
		t.Errorf("At: %+v, %v", f, err)
	}
}
