package nsmount

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// mountOn attaches the detached tree fd on the step's target, whose mount
// point is made if it is missing, and closes fd.
func (b *builder) mountOn(s *Step, fd int, p *place) error {
	defer unix.Close(fd)
	st, err := fstat(fd)
	if err != nil {
		return err
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	onto, resolved, err := b.mountPoint(s, !isDir)
	if err != nil {
		return err
	}
	defer unix.Close(onto)
	if err := b.k.attach(fd, onto); err != nil {
		return explainAttach(err, onto, isDir)
	}
	if p == nil {
		p = &place{}
	}
	b.enter(resolved, p)
	return b.propagate(s, fd)
}

// explainAttach turns the famous refusals of move_mount into their causes (P4, D2).
func explainAttach(err error, onto int, isDir bool) error {
	// move_mount says EINVAL where mount(2) says ENOTDIR.
	if st, serr := fstat(onto); serr == nil && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTDIR)) {
		switch ontoDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
		case isDir && !ontoDir:
			return fmt.Errorf("a directory cannot be mounted over a file on this kernel (P4, D2): %w", err)
		case !isDir && ontoDir:
			return fmt.Errorf("a file cannot be mounted over a directory (P4): %w", err)
		}
	}
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("no more mounts: the limit is in /proc/sys/fs/mount-max: %w", err)
	}
	return fmt.Errorf("attach: %w", err)
}
