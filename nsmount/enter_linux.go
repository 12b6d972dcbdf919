package nsmount

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// switchRoot makes the tree the root of the mount namespace and lets go of the
// old one. The waiting child, if there is one, is moved along by the kernel.
func (b *booter) switchRoot() error {
	if err := b.ask("fchdir"); err != nil {
		return err
	}
	if err := unix.Fchdir(b.tree.Root.FD()); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	if err := b.ask("pivot_root"); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		if errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("pivot_root: %w: the caller's root is no mount point (a chroot, or the first ramdisk)", err)
		}
		return fmt.Errorf("pivot_root: %w", err)
	}
	b.switched = true
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach the old root: %w", err)
	}
	return nil
}

func (b *booter) ask(call string) error {
	if b.opts.before == nil {
		return nil
	}
	return b.opts.before(call)
}

// letGo takes this thread back to the host's view and has the child become the
// process: the container's mounts live as long as its processes, no longer.
func (b *booter) letGo() error {
	if b.opts.ProcFD > 0 {
		closeFD(b.opts.ProcFD - 1)
		b.opts.ProcFD = 0
	}
	b.tree.leave()
	if err := b.home.enter(); err != nil {
		return err
	}
	l, m := b.launcher, b.opts.Moments
	if b.opts.hold != nil {
		m = nil // its caller's
	}
	if err := m.start(l.pid); err != nil {
		return err
	}
	if err := l.terminal.handOver(); err != nil {
		return fmt.Errorf("process.terminal: %w", err)
	}
	if err := l.release(b.exe, b.cwd); err != nil {
		return err
	}
	closeFD(b.cwd)
	b.cwd = -1
	if err := l.attach(); err != nil {
		return fmt.Errorf("process.terminal: %w", err)
	}
	return m.started(l.pid)
}

// undo removes what a boot left on the host. On the way out after a failure
// the mounts go too, should this thread live on.
func (b *booter) undo() error {
	if b.tree == nil {
		return nil
	}
	if b.switched {
		works := b.tree.works
		b.tree.works = nil
		b.tree.leave()
		b.tree.works = works
		if err := b.home.enter(); err != nil {
			return err
		}
	}
	return errors.Join(b.unpublish(), b.tree.Close())
}

func (b *booter) close() {
	closeFD(b.cwd)
	b.closePod()
	closeIDMaps(b.opts.idmaps)
	b.home.close()
	if b.opts.ProcFD > 0 {
		closeFD(b.opts.ProcFD - 1)
	}
	if b.opts.Sources != nil {
		for _, fd := range b.opts.Sources {
			closeFD(fd)
		}
	}
}
