package pathres

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Remove removes one thing that [Root.Make] or the caller made, and reports
// whether it did. The parent is opened without crossing a single link, and the
// name in it must still be the same inode: an empty directory, an empty regular
// file, a symbolic link, a device node or a FIFO. What is gone, replaced or not
// empty is left alone: false, and no error (S5).
// Remove what was made last first.
//
// The error, a *[PathError], is for what should have worked: EROFS, EACCES, a
// Path that Make does not give; and EBUSY for what is a mount point in this
// namespace: it may be removed later.
func (r Root) Remove(m Made) (bool, error) {
	fail := func(err error) (bool, error) {
		return false, &PathError{Op: "remove", Path: m.Path, Err: err}
	}
	dir, name, ok := splitClean(m.Path)
	if !ok {
		return fail(reasonError{"not a resolved path below the root", unix.EINVAL})
	}
	const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS
	parent, err := openat2(r.fd, dir, unix.O_PATH|unix.O_DIRECTORY, resolve)
	if err != nil {
		if leave(err) {
			return false, nil
		}
		return fail(err)
	}
	defer unix.Close(parent)

	var st unix.Stat_t
	if err := unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		if leave(err) {
			return false, nil
		}
		return fail(err)
	}
	if uint64(st.Dev) != m.Dev || st.Ino != m.Ino {
		return false, nil
	}
	flags := 0
	switch kind := st.Mode & unix.S_IFMT; {
	case m.Dir && kind == unix.S_IFDIR:
		flags = unix.AT_REMOVEDIR // refuses by itself what is not empty
	case !m.Dir && kind == unix.S_IFREG && st.Size == 0:
	case !m.Dir && (kind == unix.S_IFLNK || kind == unix.S_IFCHR || kind == unix.S_IFBLK || kind == unix.S_IFIFO):
	default:
		return false, nil
	}
	if err := unix.Unlinkat(parent, name, flags); err != nil {
		if leave(err) {
			return false, nil
		}
		return fail(err)
	}
	return true, nil
}

// leave reports whether err means that the thing is not (any more) what Make left:
// gone, below a link or a file by now, or filled.
func leave(err error) bool {
	switch err {
	case unix.ENOENT, unix.ENOTDIR, unix.EISDIR, unix.ELOOP, unix.EXDEV, unix.ENOTEMPTY, unix.EEXIST:
		return true
	}
	return false
}

// splitClean splits an absolute clean path into its parent, relative to the root,
// and its last name. Anything else is not ok: a list of what was made may come from
// a file.
func splitClean(path string) (dir, name string, ok bool) {
	if len(path) < 2 || path[0] != '/' || checkPath(path) != nil {
		return "", "", false
	}
	for _, n := range strings.Split(path[1:], "/") {
		if n == "" || n == "." || n == ".." {
			return "", "", false
		}
	}
	i := strings.LastIndexByte(path, '/')
	if i == 0 {
		return ".", path[1:], true
	}
	return path[1:i], path[i+1:], true
}
