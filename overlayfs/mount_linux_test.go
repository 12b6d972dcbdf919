package overlayfs_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/overlayfs"
)

// S1, S8: the tree wins, directories merge, nothing can be written.
func TestReadOnlyMerge(t *testing.T) {
	dir := scratch(t)
	tree(t, dir+"/tree", map[string]string{"etc/passwd": "tree", "data": "a file", "bin/sh": "sh"})
	tree(t, dir+"/stubs", map[string]string{"etc/passwd": "stub", "etc/new/": "", "data/": "", "proc/": "", "mnt/x": ""})
	before := openFDs(t)
	fd, err := overlayfs.Mount(overlayfs.ReadOnly(open(t, dir+"/tree"), open(t, dir+"/stubs")), overlayfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := attach(t, fd, dir+"/m")
	if got := openFDs(t); got != before+2 { // the two layers of this test
		t.Errorf("%d descriptors open, want %d", got, before+2)
	}
	want := map[string]string{
		"bin": "drwxr-xr-x 0", "bin/sh": "-rw-r--r-- 0 sh",
		"data": "-rw-r--r-- 0 a file",
		"etc":  "drwxr-xr-x 0", "etc/passwd": "-rw-r--r-- 0 tree", "etc/new": "drwxr-xr-x 0",
		"mnt": "drwxr-xr-x 0", "mnt/x": "-rw-r--r-- 0 ",
		"proc": "drwxr-xr-x 0",
	}
	if diff := cmp.Diff(want, list(t, m)); diff != "" {
		t.Errorf("merged tree (-want +got):\n%s", diff)
	}
	if err := os.Mkdir(m+"/proc/x", 0o755); !errors.Is(err, unix.EROFS) {
		t.Errorf("mkdir in a stub: %v, want EROFS (S8)", err)
	}
}

// S5, C11: writes and removals stay in the upper layer.
func TestUpper(t *testing.T) {
	dir := scratch(t)
	tree(t, dir+"/lower", map[string]string{"keep": "old", "gone": "x", "d/f": "y"})
	before := list(t, dir+"/lower")
	l := overlayfs.Layers{Lower: []int{open(t, dir+"/lower")}, Upper: open(t, dir+"/upper"), Work: open(t, dir+"/work")}
	fd, err := overlayfs.Mount(l, overlayfs.Options{Attr: unix.MOUNT_ATTR_NOSUID, Source: "nsboot", Extra: []string{"redirect_dir=nofollow"}})
	if err != nil {
		t.Fatal(err)
	}
	m := attach(t, fd, dir+"/m")
	for _, err := range []error{
		os.WriteFile(m+"/keep", []byte("new"), 0o644),
		os.Remove(m + "/gone"),
		os.Mkdir(m+"/made", 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, list(t, dir+"/lower")); diff != "" {
		t.Errorf("the lower layer changed (-before +after):\n%s", diff)
	}
	want := map[string]string{"keep": "-rw-r--r-- 0 new", "made": "drwx------ 0", "d": "drwxr-xr-x 0", "d/f": "-rw-r--r-- 0 y"}
	if diff := cmp.Diff(want, list(t, m)); diff != "" {
		t.Errorf("merged tree (-want +got):\n%s", diff)
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir+"/upper/gone", &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 {
		t.Errorf("no whiteout in the upper layer: mode %o rdev %d, %v", st.Mode, st.Rdev, err)
	}
	if line := mountLine(t, m); !strings.Contains(line, "nosuid") || !strings.Contains(line, "- overlay nsboot ") {
		t.Errorf("mount table: %s", line)
	}
}

func mountLine(t *testing.T, target string) string {
	t.Helper()
	table, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(table), "\n") {
		if f := strings.Fields(line); len(f) > 4 && f[4] == target {
			return line
		}
	}
	t.Fatalf("%s is not in the mount table", target)
	return ""
}

// The same upper or work directory in two overlays at once is refused, whoever
// uses it and through whatever mount, and free again after.
func TestUpperInUse(t *testing.T) {
	dir := scratch(t)
	l := overlayfs.Layers{Lower: []int{open(t, dir+"/lower")}, Upper: open(t, dir+"/upper"), Work: open(t, dir+"/work")}
	fd, err := overlayfs.Mount(l, overlayfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		upper, work int
		want        error
	}{
		{"both", l.Upper, l.Work, unix.EBUSY},
		{"upper", l.Upper, open(t, dir+"/work2"), unix.EBUSY},
		{"work", open(t, dir+"/upper2"), l.Work, unix.EBUSY},
		{"neither", open(t, dir+"/upper3"), open(t, dir+"/work3"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := openFDs(t)
			fd, err := overlayfs.Mount(overlayfs.Layers{Lower: l.Lower, Upper: tt.upper, Work: tt.work}, overlayfs.Options{})
			if err == nil {
				unix.Close(fd)
			}
			if os.Getenv(inUserNamespace) != "" {
				tt.want = nil // the kernel does not tell there: doc.go
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			var me *overlayfs.MountError
			if err != nil && (!errors.As(err, &me) || me.Hint == "") {
				t.Errorf("no hint with %v", err)
			}
			if got := openFDs(t); got != before {
				t.Errorf("%d descriptors open, want %d", got, before)
			}
		})
	}
	unix.Close(fd)
	if fd, err = overlayfs.Mount(l, overlayfs.Options{}); err != nil {
		t.Fatalf("after the first overlay is gone: %v", err)
	}
	unix.Close(fd)
	if got := list(t, dir+"/upper"); len(got) != 0 {
		t.Errorf("the look left something in the upper directory: %v", got)
	}
	if n, err := unix.Listxattr(dir+"/upper2", nil); err != nil || n != 0 {
		t.Errorf("the look left %d bytes of attribute names on an upper directory, %v", n, err)
	}
}

func TestManyLayers(t *testing.T) {
	dir := scratch(t)
	var l overlayfs.Layers
	for i := range overlayfs.MaxLower {
		l.Lower = append(l.Lower, open(t, dir+"/layers/"+strconv.Itoa(i)))
		tree(t, dir+"/layers/"+strconv.Itoa(i), map[string]string{"f" + strconv.Itoa(i): ""})
	}
	l.Upper, l.Work = -1, -1
	fd, err := overlayfs.Mount(l, overlayfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(list(t, attach(t, fd, dir+"/m"))); got != overlayfs.MaxLower {
		t.Errorf("%d files of %d layers", got, overlayfs.MaxLower)
	}
	l.Lower = append(l.Lower, open(t, dir+"/one-more"))
	if _, err = overlayfs.Mount(l, overlayfs.Options{}); err == nil || !strings.Contains(err.Error(), "501 lower layers, the kernel takes 500") {
		t.Errorf("501 layers: %v", err)
	}
}

// The kernel's silent EINVAL for a third level, and the upper on an overlay.
func TestStacked(t *testing.T) {
	dir := scratch(t)
	empty := open(t, dir+"/empty")
	under := open(t, dir+"/tree")
	for level := 1; level <= 3; level++ {
		fd, err := overlayfs.Mount(overlayfs.ReadOnly(under, empty), overlayfs.Options{})
		if level == 3 {
			var me *overlayfs.MountError
			if !errors.Is(err, unix.EINVAL) || !errors.As(err, &me) || !strings.Contains(me.Hint, "two levels") {
				t.Fatalf("level 3: %#v", err)
			}
			break
		}
		if err != nil {
			t.Fatalf("level %d: %v", level, err)
		}
		under = open(t, attach(t, fd, dir+"/m"+strconv.Itoa(level)))
	}
	l := overlayfs.Layers{Lower: []int{empty}, Upper: open(t, dir+"/m1"), Work: open(t, dir+"/m1")}
	l.Work, _ = unix.Dup(l.Upper)
	defer unix.Close(l.Work)
	_, err := overlayfs.Mount(l, overlayfs.Options{})
	if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "itself on an overlay") {
		t.Errorf("upper on an overlay: %v", err)
	}
}

// security.md: ',' ':' '\' and newline in layer paths; also after the name is
// gone or replaced by a link to somewhere else.
func TestHostileNames(t *testing.T) {
	dir := scratch(t)
	for _, name := range []string{"a,upperdir=b", "a:b", `a\b`, `a\:b`, "a\nb", " a ", "a=b", `"`, "\xff"} {
		t.Run(strconv.Quote(name), func(t *testing.T) {
			base := dir + "/" + strconv.Itoa(len(list(t, dir)))
			tree(t, base+"/"+name, map[string]string{"f": "right"})
			tree(t, base+"/victim", map[string]string{"f": "wrong"})
			l := overlayfs.Layers{Lower: []int{open(t, base+"/"+name)}, Upper: open(t, base+"/up"+name), Work: open(t, base+"/wk"+name)}
			if err := os.Rename(base+"/"+name, base+"/moved"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("victim", base+"/"+name); err != nil {
				t.Fatal(err)
			}
			fd, err := overlayfs.Mount(l, overlayfs.Options{})
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(attach(t, fd, base+"/m") + "/f")
			if err != nil || string(b) != "right" {
				t.Errorf("read %q, %v", b, err)
			}
		})
	}
}

func TestMountErrors(t *testing.T) {
	dir := scratch(t)
	file, err := unix.Open(dir+"/file", unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(file)
	open(t, dir+"/ro")
	if err := unix.Mount("tmpfs", dir+"/ro", "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	ro := open(t, dir+"/ro")
	other := open(t, scratch(t))
	a, u, w := open(t, dir+"/a"), open(t, dir+"/u"), open(t, dir+"/w")
	tests := []struct {
		name string
		l    overlayfs.Layers
		o    overlayfs.Options
		want string // in the error
		hint string
		is   error
	}{
		{"file as layer", overlayfs.ReadOnly(a, file), overlayfs.Options{}, "lower layer 2", "", unix.ENOTDIR},
		{"closed descriptor", overlayfs.ReadOnly(a, 9999), overlayfs.Options{}, "lower layer 2", "", unix.EBADF},
		{"same layer twice", overlayfs.ReadOnly(a, a), overlayfs.Options{}, "of 2 lower layers", "same directory", unix.ELOOP},
		{"unknown option", overlayfs.ReadOnly(a, u), overlayfs.Options{Extra: []string{"nosuch=1"}}, "Unknown parameter 'nosuch'", "", unix.EINVAL},
		{"smuggled layer", overlayfs.ReadOnly(a, u), overlayfs.Options{Extra: []string{"lowerdir=/etc"}}, "lowerdir is set by its own field", "", nil},
		{"read-only upper", overlayfs.Layers{Lower: []int{a}, Upper: ro, Work: w}, overlayfs.Options{}, "read-only mount", "", unix.EROFS},
		{"two mounts", overlayfs.Layers{Lower: []int{a}, Upper: u, Work: other}, overlayfs.Options{}, "different mounts", "", unix.EXDEV},
		{"work inside upper", overlayfs.Layers{Lower: []int{a}, Upper: u, Work: open(t, dir+"/u/in")}, overlayfs.Options{}, "creating it", "not inside", unix.EINVAL},
		{"procfs", overlayfs.ReadOnly(a, openFlags(t, "/proc", unix.O_PATH)), overlayfs.Options{}, "", "procfs", unix.EINVAL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := openFDs(t)
			fd, err := overlayfs.Mount(tt.l, tt.o)
			if err == nil {
				unix.Close(fd)
				t.Fatal("no error")
			}
			var me *overlayfs.MountError
			if !errors.As(err, &me) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(me.Hint, tt.hint) {
				t.Errorf("got %v\nhint %q", err, me.Hint)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			if got := openFDs(t); got != before {
				t.Errorf("%d descriptors open, want %d", got, before)
			}
		})
	}
}

// A full upper: ENOSPC, where the kernel would silently mount read-only.
func TestFull(t *testing.T) {
	dir := scratch(t)
	open(t, dir+"/small")
	if err := unix.Mount("tmpfs", dir+"/small", "tmpfs", 0, "nr_inodes=3"); err != nil {
		t.Fatal(err)
	}
	l := overlayfs.Layers{Lower: []int{open(t, dir+"/a")}, Upper: open(t, dir+"/small/u"), Work: open(t, dir+"/small/w")}
	_, err := overlayfs.Mount(l, overlayfs.Options{NewUpper: true})
	var me *overlayfs.MountError
	if !errors.Is(err, unix.ENOSPC) || !errors.As(err, &me) || !strings.Contains(me.Hint, "full") {
		t.Errorf("got %v", err)
	}
}
