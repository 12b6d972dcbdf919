package nsmount

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// entries lists a directory that is open for reading.
func entries(fd int) ([]string, error) {
	var names []string
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// copyLink makes a symbolic link like the one that from refers to.
func copyLink(from, toDir int, name string) error {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(from, "", buf)
	if err != nil {
		return err
	}
	return unix.Symlinkat(string(buf[:n]), toDir, name)
}

// copyData copies a regular file's content, and leaves its holes holes. Both
// are O_PATH descriptors of what was seen to be regular files.
func copyData(from, to int, size int64) error {
	in, err := unix.Open(fdPath(from), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer unix.Close(in)
	out, err := unix.Open(fdPath(to), unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the copy: %w", err)
	}
	defer unix.Close(out)
	for at := int64(0); at < size; {
		data, end := at, size
		if off, err := unix.Seek(in, at, unix.SEEK_DATA); err == nil {
			data = off
			if off, err = unix.Seek(in, data, unix.SEEK_HOLE); err == nil {
				end = off
			}
		} else if errors.Is(err, unix.ENXIO) {
			break // only a hole is left
		}
		if data >= size {
			break
		}
		if err := copyRange(in, out, data, min(end, size)-data); errors.Is(err, io.ErrUnexpectedEOF) {
			break // it has shrunk meanwhile
		} else if err != nil {
			return err
		}
		at = end
	}
	return unix.Ftruncate(out, size)
}

// copyRange copies n bytes at off, through the kernel alone.
func copyRange(in, out int, off, n int64) error {
	if _, err := unix.Seek(out, off, unix.SEEK_SET); err != nil {
		return err
	}
	for n > 0 {
		done, err := unix.Sendfile(out, in, &off, int(min(n, 1<<30)))
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return fmt.Errorf("copy: %w", err)
		case done == 0:
			return io.ErrUnexpectedEOF
		}
		n -= int64(done)
	}
	return nil
}

// copyAttributes gives a copy its owner, attributes, mode and times: in that
// order, for each of them may undo what comes after it.
func copyAttributes(from, to int, st *unix.Stat_t) error {
	if err := unix.Fchownat(to, "", int(st.Uid), int(st.Gid), unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	if err := copyXattrs(from, to); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Chmod(fdPath(to), st.Mode&0o7777); err != nil {
			return fmt.Errorf("mode: %w", err)
		}
	}
	return setTimes(to, st)
}

func setTimes(fd int, st *unix.Stat_t) error {
	if err := unix.UtimesNanoAt(fd, "", []unix.Timespec{st.Atim, st.Mtim}, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("times: %w", err)
	}
	return nil
}

// copyXattrs copies the extended attributes that a tmpfs has room for: neither
// the marks of an overlay nor a checksum bound to one inode, nor those that the
// kernel has not for a tmpfs or refuses to the caller as labels.
func copyXattrs(from, to int) error {
	list, err := xattr(func(b []byte) (int, error) { return unix.Listxattr(fdPath(from), b) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list extended attributes: %w", err)
	}
	for raw := range bytes.SplitSeq(list, []byte{0}) {
		name := string(raw)
		if !xattrCopied(name) {
			continue
		}
		value, err := xattr(func(b []byte) (int, error) { return unix.Getxattr(fdPath(from), name, b) })
		if err == nil {
			err = unix.Setxattr(fdPath(to), name, value, 0)
		}
		label := strings.HasPrefix(name, "security.") && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL))
		if err != nil && !label && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENODATA) {
			return fmt.Errorf("extended attribute %q: %w", name, err)
		}
	}
	return nil
}

func xattrCopied(name string) bool {
	switch {
	case name == "", name == "security.ima", name == "security.evm":
		return false
	}
	return !strings.HasPrefix(name, "trusted.overlay.") && !strings.HasPrefix(name, "user.overlay.")
}

// xattr calls f with a buffer that is large enough.
func xattr(f func([]byte) (int, error)) ([]byte, error) {
	for buf := make([]byte, 256); ; buf = make([]byte, 4*len(buf)) {
		n, err := f(buf)
		if !errors.Is(err, unix.ERANGE) || len(buf) > 1<<20 {
			return buf[:max(n, 0)], err
		}
	}
}
