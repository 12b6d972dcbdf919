package overlayfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Check tells, without mounting, what is wrong with l: the number of layers,
// descriptors that are no directories, an upper without a work directory or on
// another mount than it, an upper that is read-only or itself on an overlay.
// Most of these are EINVAL without a reason when the kernel meets them. Errors
// are *[MountError]. [Mount] does this first.
func Check(l Layers) error {
	if err := l.limits(); err != nil {
		return err
	}
	refuse := func(hint, format string, args ...any) error {
		return &MountError{Op: "checking the layers", Hint: hint, Err: fmt.Errorf(format, args...)}
	}
	for i, fd := range l.Lower {
		if err := isDir(fd); err != nil {
			return refuse("", "lower layer %d%s: %w", i+1, nameOf(fd), err)
		}
	}
	if l.Upper < 0 {
		return nil
	}
	if err := isDir(l.Upper); err != nil {
		return refuse("", "upper directory%s: %w", nameOf(l.Upper), err)
	}
	if err := isDir(l.Work); err != nil {
		return refuse("", "work directory%s: %w", nameOf(l.Work), err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(l.Upper, &fs); err != nil {
		return refuse("", "upper directory: statfs: %w", err)
	}
	if fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return refuse("put the upper directory on a tmpfs or on a volume of the container",
			"the upper directory%s is itself on an overlay, which the kernel does not take: %w", nameOf(l.Upper), unix.EINVAL)
	}
	if fs.Flags&unix.ST_RDONLY != 0 {
		return refuse("", "the upper directory%s is on a read-only mount: %w", nameOf(l.Upper), unix.EROFS)
	}
	return sameMount(l, refuse)
}

// sameMount checks that upper and work are different directories of one mount.
func sameMount(l Layers, refuse func(hint, format string, args ...any) error) error {
	const mask = unix.STATX_INO | unix.STATX_MNT_ID
	var u, w unix.Statx_t
	if err := unix.Statx(l.Upper, "", unix.AT_EMPTY_PATH, mask, &u); err != nil {
		return refuse("", "upper directory: statx: %w", err)
	}
	if err := unix.Statx(l.Work, "", unix.AT_EMPTY_PATH, mask, &w); err != nil {
		return refuse("", "work directory: statx: %w", err)
	}
	sameDev := u.Dev_major == w.Dev_major && u.Dev_minor == w.Dev_minor
	if sameDev && u.Ino == w.Ino {
		return refuse("give an empty directory beside the upper one", "upper and work are the same directory")
	}
	if !sameDev || u.Mask&w.Mask&unix.STATX_MNT_ID != 0 && u.Mnt_id != w.Mnt_id {
		return refuse("make both on one file system and open them through one mount",
			"upper%s and work directory%s are on different mounts: %w", nameOf(l.Upper), nameOf(l.Work), unix.EXDEV)
	}
	return nil
}

func isDir(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	return nil
}

// nameOf is where a descriptor leads, in brackets behind a blank, as far as /proc
// tells; only failures ask.
func nameOf(fd int) string {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(link(fd), buf)
	if err != nil {
		return fmt.Sprintf(" (descriptor %d)", fd)
	}
	return fmt.Sprintf(" (%q)", buf[:n])
}
