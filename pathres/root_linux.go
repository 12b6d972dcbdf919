package pathres

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Root is a directory that paths are resolved in: an
// O_PATH|O_DIRECTORY|O_CLOEXEC descriptor taken as "/". Make one with [Open] or
// [At]; the zero Root is descriptor 0 and of no use. It may be copied, and used
// by several goroutines at once, until Close.
type Root struct{ fd int }

const (
	// resolveFlags hold for every openat2 of this package that takes a path of
	// the caller's.
	resolveFlags = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

	// maxRetries bounds a loop that only a rename by somebody else keeps going.
	maxRetries = 128
)

// Open opens the host directory dir as a root. Symbolic links in dir are
// followed: the host's paths are the caller's own.
func Open(dir string) (Root, error) {
	fd, err := openat(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return Root{-1}, &PathError{Op: "open root", Path: dir, Err: err}
	}
	return Root{fd}, nil
}

// At takes the open directory fd as a root. It is not duplicated: Close closes
// fd itself, and a caller that goes on using fd leaves Close alone.
func At(fd int) Root { return Root{fd} }

// FD returns the root's descriptor, which stays the root's.
func (r Root) FD() int { return r.fd }

// Close closes the descriptor.
func (r Root) Close() error {
	if err := unix.Close(r.fd); err != nil {
		return &PathError{Op: "close root", Path: "/", Err: err}
	}
	return nil
}

// Open opens path inside the root and returns its descriptor, which the caller
// closes. A relative path starts at the root too. flags are those of open(2);
// O_CLOEXEC is always added, and O_CREAT and O_TMPFILE are refused with EINVAL
// ([Root.Make] creates). The last component is followed unless flags has
// O_NOFOLLOW. noLinks refuses any symbolic link on the way with ELOOP (rule P1 of
// runsc-2019).
//
// The error is a *[PathError]; of magic links, loops and noLinks openat2 says
// ELOOP without telling them apart, [Root.Lookup] names the component.
func (r Root) Open(path string, flags int, noLinks bool) (int, error) {
	if err := checkPath(path); err != nil {
		return -1, &PathError{Op: "open", Path: path, Err: err}
	}
	if flags&unix.O_CREAT != 0 || flags&unix.O_TMPFILE == unix.O_TMPFILE {
		return -1, &PathError{Op: "open", Path: path, Err: reasonError{"O_CREAT and O_TMPFILE are not for Open", unix.EINVAL}}
	}
	resolve := uint64(resolveFlags)
	if noLinks {
		resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	fd, err := openat2(r.fd, path, flags, resolve)
	if err != nil {
		return -1, &PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// checkPath refuses what no walk should meet: a NUL would cut the path short in
// the kernel, and the walks, which see one component at a time, would not notice
// a path that is too long.
func checkPath(path string) error {
	switch {
	case strings.IndexByte(path, 0) >= 0:
		return reasonError{"a NUL byte in the path", unix.EINVAL}
	case path == "":
		return reasonError{"an empty path", unix.ENOENT}
	case len(path) >= maxPath:
		return unix.ENAMETOOLONG
	}
	return nil
}

// openat2 retries what the kernel asks to be retried: EINTR, and the EAGAIN of a
// ".." during a rename anywhere on the system.
func openat2(dir int, path string, flags int, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	for try := 0; ; try++ {
		fd, err := unix.Openat2(dir, path, &how)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR && (err != unix.EAGAIN || try == maxRetries) {
			return -1, err
		}
	}
}

func openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
