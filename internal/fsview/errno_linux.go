package fsview

import (
	"errors"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ok is the fact of what succeeded.
const ok = "ok"

// outcome is ok, or the name of the errno.
func outcome(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return ok
	case !errors.As(err, &errno):
		return err.Error()
	}
	switch errno { // one number, two names
	case unix.EAGAIN:
		return "EAGAIN"
	case unix.EOPNOTSUPP:
		return "EOPNOTSUPP"
	case unix.EDEADLK:
		return "EDEADLK"
	}
	if name := unix.ErrnoName(errno); name != "" {
		return name
	}
	return "errno " + strconv.Itoa(int(errno))
}

// retry makes a system call again as long as signals interrupt it; the Go
// runtime sends itself some.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
