package trial

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKeeper: what a runtime made is removed if it is nobody's, and the times are
// put back; what was there, or is in use, stays.
func TestKeeper(t *testing.T) {
	dir := t.TempDir()
	at := func(p string) string { return filepath.Join(dir, p) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(at("rootfs/there"), 0o755))
	must(os.MkdirAll(at("outside"), 0o755))
	must(os.Symlink(at("outside"), at("rootfs/link")))
	must(os.Symlink("there", at("rootfs/in")))
	must(os.Symlink("../run/dangling", at("rootfs/there/link")))
	old := time.Unix(1e9, 0)
	for _, p := range []string{"rootfs/there", "rootfs"} {
		must(os.Chtimes(at(p), old, old))
	}
	l := &layout{cwd: "/new/cwd"}
	for _, d := range []string{"/there", "/a/b", "/file", "/used", "/link/x", "/in/y", "/in/link/z"} {
		l.trees = append(l.trees, tree{destination: d})
	}
	l.trees = append([]tree{{"/", at("rootfs")}}, l.trees...)
	k := newKeeper(l, "/dev/program")

	for _, p := range []string{"a/b", "used/by", "new/cwd", "dev/pts", "there/y", "run/dangling/z"} {
		must(os.MkdirAll(at("rootfs/"+p), 0o755))
	}
	must(os.MkdirAll(at("outside/x"), 0o755))
	for _, p := range []string{"file", "dev/program"} {
		must(os.WriteFile(at("rootfs/"+p), nil, 0o755))
	}
	must(unix.Mkfifo(at("rootfs/dev/null"), 0o600))
	k.restore()

	for _, p := range []string{"rootfs/a", "rootfs/file", "rootfs/new", "rootfs/dev", "rootfs/there/y", "rootfs/run"} {
		if _, err := os.Lstat(at(p)); err == nil {
			t.Errorf("%s was left behind", p)
		}
	}
	for _, p := range []string{"rootfs/there", "rootfs/used/by", "rootfs/link", "outside/x"} {
		if _, err := os.Lstat(at(p)); err != nil {
			t.Errorf("%s was removed", p)
		}
	}
	for _, p := range []string{"rootfs/there", "rootfs"} {
		if st, err := os.Stat(at(p)); err != nil || !st.ModTime().Equal(old) {
			t.Errorf("%s: the times were not put back: %v", p, err)
		}
	}
}

// TestSweep removes what a killed program left, and nothing through a link.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"tree/.probe/dir", "other/dir", "linked"} {
		if err := os.MkdirAll(filepath.Join(dir, p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "tree/.probe/file"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../other", filepath.Join(dir, "linked/.probe")); err != nil {
		t.Fatal(err)
	}
	k := &keeper{trees: []string{filepath.Join(dir, "tree"), filepath.Join(dir, "linked")}}
	k.sweep(".probe")
	if _, err := os.Lstat(filepath.Join(dir, "tree/.probe")); err == nil {
		t.Error("it was left behind")
	}
	if _, err := os.Lstat(filepath.Join(dir, "other/dir")); err != nil {
		t.Error("what a link led to was removed")
	}
}
