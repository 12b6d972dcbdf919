package nsmount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// copyUpTree makes one of everything in dir.
func copyUpTree(t *testing.T, dir string) {
	t.Helper()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	do(os.MkdirAll(at("sub/deep"), 0o755))
	do(os.WriteFile(at("file"), []byte("text"), 0o600))
	do(os.WriteFile(at("empty"), nil, 0o444))
	do(os.WriteFile(at("suid"), []byte("x"), 0o755))
	do(os.Chown(at("suid"), 12, 34))
	do(unix.Chmod(at("suid"), 0o6711))
	do(unix.Setxattr(at("suid"), "security.capability", []byte("\x01\x00\x00\x02\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0))
	do(unix.Setxattr(at("sub"), "trusted.mark", []byte("yes"), 0))
	do(os.Symlink("../no/where", at("sub/link")))
	do(os.Lchown(at("sub/link"), 5, 6))
	do(os.Link(at("file"), at("sub/deep/same")))
	do(os.Link(at("sub/link"), at("samelink")))
	do(unix.Mkfifo(at("fifo"), 0o622))
	do(unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	do(unix.Mknod(at("sock"), unix.S_IFSOCK|0o640, 0))
	sparse, err := os.Create(at("sparse"))
	do(err)
	_, err = sparse.WriteAt([]byte("end"), 64<<20)
	do(err)
	do(sparse.Truncate(128 << 20))
	do(sparse.Close())
	do(unix.Chmod(at("sub/deep"), 0o1777))
	old := time.Unix(1_000_000_000, 123_456_789)
	for _, name := range []string{"file", "sub/deep", "sub", "fifo", "."} {
		do(os.Chtimes(at(name), old, old))
	}
	do(unix.UtimesNanoAt(unix.AT_FDCWD, at("sub/link"), []unix.Timespec{{Sec: 5}, {Sec: 6}}, unix.AT_SYMLINK_NOFOLLOW))
}

// describeTree says all of a tree that copying keeps, a line each. Files of
// several names are told by the first of them.
func describeTree(t *testing.T, dir string) (lines []string) {
	t.Helper()
	first := map[uint64]string{}
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := p[len(dir):]
		var st syscall.Stat_t
		if err := syscall.Lstat(p, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%q %#o %d:%d mtime=%d.%09d rdev=%d", rel, st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec, st.Rdev)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" size=%d content=%.8q", st.Size, strings.Trim(string(data), "\x00"))
		case unix.S_IFLNK:
			to, _ := os.Readlink(p)
			line += " -> " + to
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			if _, ok := first[st.Ino]; !ok {
				first[st.Ino] = rel
			}
			line += fmt.Sprintf(" links=%d first=%s", st.Nlink, first[st.Ino])
		}
		for _, name := range []string{"security.capability", "trusted.mark"} {
			buf := make([]byte, 64)
			if n, err := unix.Lgetxattr(p, name, buf); err == nil {
				line += fmt.Sprintf(" %s=%q", name, buf[:n])
			}
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// copyUpBoot applies a plan of tmpfs mounts on a root whose /data has one of
// everything.
func copyUpBoot(t *testing.T, mounts ...specs.Mount) (rootfs string, err error) {
	t.Helper()
	dir := t.TempDir()
	plan, _ := faultBundle(t, dir, faultCase{profile: "oci", stubs: true, mounts: append([]specs.Mount{tmpfsAt("/dev", "mode=755")}, mounts...)})
	rootfs = filepath.Join(dir, "rootfs")
	copyUpTree(t, filepath.Join(rootfs, "data"))
	tree, err := Apply(plan, ApplyOptions{StateDir: filepath.Join(dir, "state")})
	if err == nil {
		t.Cleanup(func() {
			if err := tree.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return rootfs, err
}

// TestCopyUp: owner, mode, attributes, links, times, devices and holes are those
// of the directory that is covered, and that is left as it was.
func TestCopyUp(t *testing.T) {
	ownNamespace(t)
	want := t.TempDir()
	copyUpTree(t, want)
	if err := os.Chmod(want, 0o755); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1_000_000_000, 123_456_789)
	if err := os.Chtimes(want, old, old); err != nil {
		t.Fatal(err)
	}
	masked := func(lines []string) []string { // what was not given a time has that of its making
		for i, l := range lines {
			if !strings.Contains(l, "mtime=1000000000.123456789") && !strings.Contains(l, "mtime=6.000000000") {
				from := strings.Index(l, "mtime=")
				lines[i] = l[:from] + l[from+strings.Index(l[from:], " "):]
			}
		}
		return lines
	}
	rootfs, err := copyUpBoot(t, tmpfsAt("/data", "tmpcopyup", "nosuid"), tmpfsAt("/missing", "tmpcopyup"))
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(rootfs, "data")
	if diff := cmp.Diff(masked(describeTree(t, want)), masked(describeTree(t, data))); diff != "" {
		t.Errorf("-original +copy:\n%s", diff)
	}
	var fsst unix.Statfs_t
	if err := unix.Statfs(data, &fsst); err != nil || fsst.Type != unix.TMPFS_MAGIC || fsst.Flags&unix.ST_NOSUID == 0 {
		t.Errorf("on /data: %+v, %v", fsst, err)
	}
	if used := (fsst.Blocks - fsst.Bfree) * uint64(fsst.Bsize); used > 1<<20 {
		t.Errorf("the copy takes %d bytes: its holes are filled", used)
	}
	if err := unix.Statfs(filepath.Join(rootfs, "missing"), &fsst); err != nil || fsst.Type != unix.TMPFS_MAGIC {
		t.Errorf("on /missing: %+v, %v", fsst, err)
	}
}

// TestCopyUpOptions: what the options say wins over what the directory has, a
// read-only one is filled too, and nothing mounted below is taken along.
func TestCopyUpOptions(t *testing.T) {
	ownNamespace(t)
	rootfs, err := copyUpBoot(t, tmpfsAt("/data/sub"), tmpfsAt("/data", "tmpcopyup", "ro", "mode=0700", "uid=7", "gid=8"))
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(rootfs, "data")
	var st unix.Stat_t
	if err := unix.Stat(data, &st); err != nil || st.Mode&0o7777 != 0o700 || st.Uid != 7 || st.Gid != 8 {
		t.Errorf("%#o %d:%d %v, want 0700 7:8", st.Mode, st.Uid, st.Gid, err)
	}
	if text, err := os.ReadFile(filepath.Join(data, "file")); string(text) != "text" {
		t.Errorf("file: %q, %v", text, err)
	}
	if err := os.WriteFile(filepath.Join(data, "new"), nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Errorf("write: %v, want EROFS", err)
	}
	if _, err := os.Lstat(filepath.Join(data, "sub")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the mount on /data/sub was copied: %v", err)
	}
}

// TestCopyUpTightening: what was copied from a nodev mount is in one, unless the
// options say otherwise.
func TestCopyUpTightening(t *testing.T) {
	for _, c := range []struct {
		options []string
		want    int64
	}{
		{nil, unix.ST_NODEV | unix.ST_NOSUID},
		{[]string{"dev", "noexec"}, unix.ST_NOSUID | unix.ST_NOEXEC},
	} {
		t.Run(strings.Join(c.options, ","), func(t *testing.T) {
			ownNamespace(t)
			rootfs, err := copyUpBoot(t, bindMount("SRC/dir", "/data", "nodev", "nosuid"), tmpfsAt("/data", append(c.options, "tmpcopyup")...))
			if err != nil {
				t.Fatal(err)
			}
			var fsst unix.Statfs_t
			err = unix.Statfs(filepath.Join(rootfs, "data"), &fsst)
			if got := fsst.Flags & (unix.ST_NODEV | unix.ST_NOSUID | unix.ST_NOEXEC); err != nil || got != c.want {
				t.Errorf("flags %#x, %v, want %#x", got, err, c.want)
			}
			if _, err := os.Lstat(filepath.Join(rootfs, "data/own")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCopyUpStub: a mount point made for a read-only root says nothing about the
// mode of what is mounted on it; one that is the image's does.
func TestCopyUpStub(t *testing.T) {
	ownNamespace(t)
	dir := t.TempDir()
	plan, _ := faultBundle(t, dir, faultCase{profile: "oci", mounts: []specs.Mount{tmpfsAt("/dev", "mode=755"), tmpfsAt("/new", "tmpcopyup"), tmpfsAt("/mnt", "tmpcopyup")},
		change: func(s *specs.Spec) { s.Root.Readonly = true }})
	tree, err := Apply(plan, ApplyOptions{StateDir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, want := range map[string]uint32{"new": 0o1777, "mnt": 0o755} {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "rootfs", name), &st); err != nil || st.Mode&0o7777 != want {
			t.Errorf("/%s: mode %#o, %v, want %#o", name, st.Mode&0o7777, err, want)
		}
	}
}

// TestCopyUpFull: a tmpfs too small is an error that says so.
func TestCopyUpFull(t *testing.T) {
	ownNamespace(t)
	_, err := copyUpBoot(t, tmpfsAt("/data", "tmpcopyup", "nr_inodes=4"))
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "too small") || !strings.Contains(err.Error(), "mounts[1] /data") {
		t.Errorf("got %v", err)
	}
}

// TestCopyUpCompile: only oci honours it, and only on a tmpfs; the others warn (C9).
func TestCopyUpCompile(t *testing.T) {
	for _, profile := range ProfileNames() {
		spec := &specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: []specs.Mount{tmpfsAt("/t", "tmpcopyup")}}
		p, err := Compile(spec, Options{Profile: profile})
		if err != nil {
			t.Fatal(err)
		}
		step := p.Steps[slices.IndexFunc(p.Steps, func(s Step) bool { return s.Target == "/t" })]
		if want := profile == "oci"; step.CopyUp != want || (len(p.Warnings) == 0) != want {
			t.Errorf("%s: copyUp %v, warnings %v", profile, step.CopyUp, p.Warnings)
		}
	}
	spec := &specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: []specs.Mount{{Destination: "/t", Type: "proc", Options: []string{"tmpcopyup"}}}}
	if _, err := Compile(spec, Options{Profile: "oci"}); err == nil || !strings.Contains(err.Error(), "is for a tmpfs") {
		t.Errorf("on a procfs: %v", err)
	}
}
