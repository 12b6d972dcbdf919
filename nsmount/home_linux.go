package nsmount

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// home is the caller's own view: its mount namespace, root and directory.
type home struct{ ns, root, cwd int }

// noHome is one that is not opened.
func noHome() home { return home{-1, -1, -1} }

// openHome opens it. Root of a user namespace may not come back to a mount
// namespace that belongs to another one: home is a copy of that then.
func openHome() (home, error) {
	h, err := openView()
	if err != nil {
		return h, err
	}
	owner, err := unix.IoctlRetInt(h.ns, unix.NS_GET_USERNS)
	if err == nil {
		unix.Close(owner)
	}
	if !errors.Is(err, unix.EPERM) {
		return h, nil
	}
	h.close()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return h, fmt.Errorf("a mount namespace to come back to: %w", nsError(err))
	}
	return openView()
}

func openView() (home, error) {
	h := noHome()
	for _, o := range []struct {
		fd   *int
		path string
		flag int
	}{{&h.ns, "/proc/thread-self/ns/mnt", unix.O_RDONLY}, {&h.root, "/", unix.O_PATH}, {&h.cwd, ".", unix.O_PATH}} {
		fd, err := unix.Open(o.path, o.flag|unix.O_CLOEXEC, 0)
		if err != nil {
			h.close()
			return h, fmt.Errorf("%s: %w", o.path, err)
		}
		*o.fd = fd
	}
	return h, nil
}

// enter takes the calling thread back. setns sets root and directory to the
// namespace's own, so those follow.
func (h *home) enter() error {
	if err := unix.Setns(h.ns, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("return to the host's mount namespace: %w", err)
	}
	if err := unix.Fchdir(h.root); err != nil {
		return fmt.Errorf("return to the host's root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("return to the host's root: %w", err)
	}
	if err := unix.Fchdir(h.cwd); err != nil {
		return fmt.Errorf("return to the caller's directory: %w", err)
	}
	return nil
}

func (h *home) close() {
	closeFD(h.ns)
	closeFD(h.root)
	closeFD(h.cwd)
	h.ns, h.root, h.cwd = -1, -1, -1
}
