package nsmount

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// readMountTable reads where the caller's namespace has mounts, once, and only
// where an overlay stands in for a recursive bind. It is done before the
// scratch tmpfs is attached, whose own mounts are nobody's.
func (b *builder) readMountTable(list []layered) error {
	if !slices.ContainsFunc(list, func(l layered) bool { return l.step.Recursive }) {
		return nil
	}
	mounts, err := mountTable(nil)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		b.table = append(b.table, m.Mountpoint)
	}
	return nil
}

// mountTable is the calling thread's.
func mountTable(filter mountinfo.FilterFunc) ([]*mountinfo.Info, error) {
	text, err := readKernelFile("/proc/thread-self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	mounts, err := mountinfo.GetMountsFromReader(bytes.NewReader(text), filter)
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	return mounts, nil
}

// readKernelFile reads a file of /proc by its descriptor alone: an os.File would
// start the runtime's poller, which ends the program where it gets no descriptor.
func readKernelFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	text := make([]byte, 0, 4096)
	for {
		text = slices.Grow(text, 512)
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		case n == 0:
			return text, nil
		default:
			text = text[:len(text)+n]
		}
	}
}

// InUserNamespace reports whether the calling process is in a user namespace of
// somebody's making.
func InUserNamespace() bool { return inUserNamespace() }

// inUserNamespace reports whether the calling process's user namespace is not
// the initial one, as far as its map tells.
func inUserNamespace() bool {
	text, err := readKernelFile("/proc/thread-self/uid_map")
	return err == nil && string(bytes.Join(bytes.Fields(text), []byte{' '})) != "0 0 4294967295"
}
