package overlayfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrOwner is wrapped by [CopyRootAttr]'s error when everything was copied but
// the owner, because it is not mapped in this user namespace or the caller may
// not give it away.
var ErrOwner = errors.New("owner not copied")

// CopyRootAttr gives directory dst the mode, owner, extended attributes (POSIX
// ACLs, user.*, trusted.*, security labels) and times of directory src. A merged
// root shows those of its top layer: call it with the upper directory and the
// real root before mounting, and before anything that should not change src's
// times on dst. The overlay's own attributes (trusted.overlay.*, user.overlay.*)
// are left out, as src may be a layer of another overlay. An attribute that
// dst's file system does not know (EOPNOTSUPP) is passed over. Both may be
// O_PATH descriptors.
func CopyRootAttr(dst, src int) error {
	var st unix.Stat_t
	if err := unix.Fstat(src, &st); err != nil {
		return fmt.Errorf("attributes of the root: stat: %w", err)
	}
	out, err := unix.Openat(dst, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("attributes of the upper root: open: %w", err)
	}
	defer unix.Close(out)

	owner := unix.Fchown(out, int(st.Uid), int(st.Gid))
	if owner != nil && owner != unix.EINVAL && owner != unix.EPERM {
		return fmt.Errorf("owner of the upper root: %w", owner)
	}
	if err := copyXattrs(out, src); err != nil {
		return err
	}
	// After chown and the ACL: both may change the mode.
	if err := unix.Fchmod(out, st.Mode&0o7777); err != nil {
		return fmt.Errorf("mode of the upper root: %w", err)
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	if err := unix.UtimesNanoAt(out, "", times, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("times of the upper root: %w", err)
	}
	if owner != nil {
		return fmt.Errorf("%w: %d:%d: %w", ErrOwner, st.Uid, st.Gid, owner)
	}
	return nil
}

// copyXattrs copies the attributes of src that are not an overlay's own.
func copyXattrs(out, src int) error {
	// An O_PATH descriptor has no attributes (EBADF), and the link in /proc is
	// needed only for a directory that may not be read.
	list, get := unix.Flistxattr, unix.Fgetxattr
	in, err := unix.Openat(src, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	switch {
	case err == unix.EACCES:
		in = src
		list = func(fd int, b []byte) (int, error) { return unix.Listxattr(link(fd), b) }
		get = func(fd int, name string, b []byte) (int, error) { return unix.Getxattr(link(fd), name, b) }
	case err != nil:
		return fmt.Errorf("attributes of the root: open: %w", err)
	default:
		defer unix.Close(in)
	}
	names, err := grow(func(b []byte) (int, error) { return list(in, b) })
	if err == unix.EOPNOTSUPP {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the extended attributes of the root: %w", err)
	}
	for _, name := range strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if !copied(name) {
			continue
		}
		value, err := grow(func(b []byte) (int, error) { return get(in, name, b) })
		if err == unix.ENODATA || err == unix.EOPNOTSUPP {
			continue
		}
		if err != nil {
			return fmt.Errorf("extended attribute %q of the root: %w", name, err)
		}
		err = unix.Fsetxattr(out, name, value, 0)
		label := strings.HasPrefix(name, "security.") && (err == unix.EPERM || err == unix.EINVAL)
		if err != nil && err != unix.EOPNOTSUPP && !label {
			return fmt.Errorf("extended attribute %q of the upper root: %w", name, err)
		}
	}
	return nil
}

// copied reports whether an attribute belongs to the directory itself: not the
// overlay's marks, nor a checksum bound to one inode.
func copied(name string) bool {
	switch {
	case name == "", name == "security.ima", name == "security.evm":
		return false
	}
	return !strings.HasPrefix(name, "trusted.overlay.") && !strings.HasPrefix(name, "user.overlay.")
}

// grow calls f with a buffer that is large enough.
func grow(f func([]byte) (int, error)) ([]byte, error) {
	buf := make([]byte, 256)
	for {
		n, err := f(buf)
		switch {
		case err == unix.ERANGE && len(buf) < 1<<20:
			buf = make([]byte, 4*len(buf))
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		default:
			return buf[:n], nil
		}
	}
}
