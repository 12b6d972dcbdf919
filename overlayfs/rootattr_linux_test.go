package overlayfs_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/overlayfs"
)

// rootAttr is what must be the same on a merged root as on the real one.
type rootAttr struct {
	Mode         uint32
	UID, GID     uint32
	Atime, Mtime unix.Timespec
	Xattrs       map[string]string
}

func attrOf(t *testing.T, dir string) rootAttr {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	a := rootAttr{st.Mode, st.Uid, st.Gid, st.Atim, st.Mtim, map[string]string{}}
	for _, name := range []string{"user.x", "trusted.x", "system.posix_acl_access", "system.posix_acl_default"} {
		buf := make([]byte, 4096)
		if n, err := unix.Getxattr(dir, name, buf); err == nil {
			a.Xattrs[name] = string(buf[:n])
		}
	}
	return a
}

// An ACL of rwx for the owner, r-x for group and user 7, mask rwx, none for others.
const acl = "\x02\x00\x00\x00" +
	"\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x05\x00\x07\x00\x00\x00" + "\x04\x00\x05\x00\xff\xff\xff\xff" +
	"\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"

// The merged root keeps the real root's mode, owner, times, ACL and attributes.
func TestCopyRootAttr(t *testing.T) {
	if os.Getenv(inUserNamespace) != "" {
		skip(t, "needs root: other users and trusted attributes")
	}
	dir := scratch(t)
	src := open(t, dir+"/src")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	big := string(make([]byte, 2000)) // larger than the first buffer
	for name, v := range map[string]string{"user.x": "1" + big, "trusted.x": "2", "trusted.overlay.opaque": "y", "user.overlay.opaque": "y",
		"system.posix_acl_access": acl, "system.posix_acl_default": acl} {
		must(unix.Setxattr(dir+"/src", name, []byte(v), 0))
	}
	must(os.Chown(dir+"/src", 12, 34))
	must(unix.Chmod(dir+"/src", 0o3771))
	must(unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/src", []unix.Timespec{{Sec: 11, Nsec: 12}, {Sec: 13, Nsec: 14}}, 0))
	want := attrOf(t, dir+"/src")

	l := overlayfs.Layers{Lower: []int{src}, Upper: open(t, dir+"/u"), Work: open(t, dir+"/w")}
	must(overlayfs.CopyRootAttr(l.Upper, src))
	if n, err := unix.Getxattr(dir+"/u", "user.overlay.opaque", nil); err == nil {
		t.Errorf("the overlay's own attribute was copied (%d bytes)", n)
	}
	if n, err := unix.Getxattr(dir+"/u", "trusted.overlay.opaque", nil); err == nil {
		t.Errorf("the overlay's own attribute was copied (%d bytes)", n)
	}
	fd, err := overlayfs.Mount(l, overlayfs.Options{NewUpper: true})
	must(err)
	if diff := cmp.Diff(want, attrOf(t, attach(t, fd, dir+"/m"))); diff != "" {
		t.Errorf("merged root (-real +merged):\n%s", diff)
	}
	if diff := cmp.Diff(want, attrOf(t, dir+"/src")); diff != "" {
		t.Errorf("the real root changed (-before +after):\n%s", diff)
	}
	if len(want.Xattrs) != 4 {
		t.Errorf("the test set %d attributes", len(want.Xattrs))
	}
}

// EOPNOTSUPP of an attribute is passed over: ramfs has none.
func TestCopyRootAttrUnsupported(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "needs root")
	}
	dir := scratch(t)
	open(t, dir+"/ram")
	if err := unix.Mount("ramfs", dir+"/ram", "ramfs", 0, ""); err != nil {
		skip(t, "no ramfs: "+err.Error())
	}
	src := open(t, dir+"/src")
	if err := unix.Setxattr(dir+"/src", "user.x", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Chmod(dir+"/src", 0o711); err != nil {
		t.Fatal(err)
	}
	if err := overlayfs.CopyRootAttr(open(t, dir+"/ram"), src); err != nil {
		t.Fatal(err)
	}
	if got := attrOf(t, dir+"/ram"); got.Mode&0o7777 != 0o711 {
		t.Errorf("mode %o", got.Mode)
	}
}
