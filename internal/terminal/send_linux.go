package terminal

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// masterName is the message that the master travels with: runc sends the name
// that it opened it by, and engines show it at most.
const masterName = "/dev/ptmx"

// Dial connects to an engine's console socket. The descriptor is for Send.
func Dial(path string) (int, error) {
	var addr unix.RawSockaddrUnix
	if len(path) >= len(addr.Path) {
		return -1, fmt.Errorf("console socket %s: a path of %d bytes, the kernel takes %d", path, len(path), len(addr.Path)-1)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("console socket: %w", err)
	}
	for {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, explainDial(path, err)
	}
	return fd, nil
}

func explainDial(path string, err error) error {
	why := fmt.Errorf("console socket %s: %w", path, err)
	if errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%w: nobody listens there", why)
	}
	return why
}

// Send hands the master over, as runc does: a descriptor by SCM_RIGHTS with a
// name as the data. The caller's own stays open.
func Send(socket, master int) error {
	for {
		// A peer that has gone away is an error, not a signal.
		err := unix.Sendmsg(socket, []byte(masterName), unix.UnixRights(master), nil, unix.MSG_NOSIGNAL)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("send the terminal over the console socket: %w", err)
		default:
			return nil
		}
	}
}
