package config

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// FileName is the name of the configuration in a bundle.
const FileName = "config.json"

// Load reads the config.json at path; where path is a directory of another
// name, it is a bundle and its config.json is read. A symlink is followed.
// What is found must be a regular file of at most MaxSize bytes; a FIFO, a
// socket or a device is refused without being opened, or waited for.
func Load(path string) (*Config, error) {
	data, err := read(path)
	if isDir := errors.Is(err, unix.EISDIR); isDir && filepath.Base(path) != FileName {
		path = filepath.Join(path, FileName)
		data, err = read(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	c, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// read goes by the descriptor alone: os.File would start the runtime's poller.
func read(path string) ([]byte, error) {
	var st unix.Stat_t
	// Opening a device may act on it, so it is looked at first. What is opened
	// is checked again: the name may have been given to something else.
	if err := unix.Stat(path, &st); err != nil {
		return nil, err
	}
	if err := checkType(&st); err != nil {
		return nil, err
	}
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("stat: %w", err)
	}
	if err := checkType(&st); err != nil {
		return nil, err
	}
	if st.Size > MaxSize {
		return nil, tooLarge()
	}
	return drain(fd, st.Size)
}

// drain reads fd to its end, which need not be at size: a file may grow, and
// those of /proc have size 0.
func drain(fd int, size int64) ([]byte, error) {
	// One byte more, so that a file of that size ends with an empty read.
	buf := make([]byte, 0, max(size+1, 4096))
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := retry(func() (int, error) { return unix.Read(fd, buf[len(buf):cap(buf)]) })
		switch {
		case err != nil:
			return nil, fmt.Errorf("read: %w", err)
		case n == 0:
			return buf, nil
		case len(buf)+n > MaxSize:
			return nil, tooLarge()
		}
		buf = buf[:len(buf)+n]
	}
}

func tooLarge() error {
	return fmt.Errorf("larger than %d MiB", MaxSize>>20)
}

// retry repeats call while a signal interrupts it.
func retry(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR {
			return n, err
		}
	}
}

func checkType(st *unix.Stat_t) error {
	kind := "an unknown kind of file"
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		return fmt.Errorf("not a regular file: %w", unix.EISDIR)
	case unix.S_IFIFO:
		kind = "a FIFO"
	case unix.S_IFSOCK:
		kind = "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		kind = "a device"
	}
	return fmt.Errorf("not a regular file but %s", kind)
}
