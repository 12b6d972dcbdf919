package nsmount

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	remountAtime = atimeMask | unix.MOUNT_ATTR_NODIRATIME
	remountAttrs = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC |
		unix.MOUNT_ATTR_NOSYMFOLLOW
)

// remount gives what is mounted at the target other flags, and its file system
// other parameters.
func (b *builder) remount(s *Step) error {
	fd, err := b.tree.Root.Open(s.Target, unix.O_PATH, s.NoLinks)
	if err != nil {
		return fmt.Errorf("remount: %w", err)
	}
	defer unix.Close(fd)
	mounted, err := isMountPoint(fd)
	if err == nil && !mounted {
		err = fmt.Errorf("nothing is mounted there: %w", unix.EINVAL)
	}
	if err == nil {
		err = b.reconfigure(s, fd)
	}
	if err == nil {
		err = b.remountFlags(s, fd)
	}
	if err != nil {
		return fmt.Errorf("remount: %w", err)
	}
	return b.propagate(s, fd)
}

// remountFlags sets the mount's flags to those listed. What the kernel keeps
// locked in a user namespace stays, unless the options ask to clear it.
func (b *builder) remountFlags(s *Step, fd int) error {
	a, err := parseAttrs(s.Flags)
	if err != nil {
		return err
	}
	clr := uint64(remountAttrs)
	if (a.set|a.clr)&remountAtime != 0 {
		clr |= remountAtime
	}
	clr = (clr | a.clr) &^ a.set
	if err := b.k.setattr(fd, false, a.set, clr, 0); errors.Is(err, unix.EPERM) {
		err = b.remountLocked(s, fd, a, clr)
		if err != nil {
			return err
		}
	} else if err != nil {
		return fmt.Errorf("set mount flags: %w", err)
	}
	if a.recSet|a.recClr != 0 {
		if err := b.k.setattr(fd, true, a.recSet, a.recClr, 0); err != nil {
			return explainAttr(err)
		}
	}
	return nil
}

// remountLocked tries again with the flags that the mount has: one of them is
// locked, as the mount is of a user namespace above this one.
func (b *builder) remountLocked(s *Step, fd int, a attrs, clr uint64) error {
	have, err := mountAttrs(fd)
	if err != nil {
		return err
	}
	if lost := have & a.clr; lost != 0 {
		return fmt.Errorf("clear %s: %w: in a user namespace a flag that the mount came with stays", strings.Join(attrNames(lost), ", "), unix.EPERM)
	}
	if a.set&remountAtime == 0 && a.clr&remountAtime == 0 {
		clr &^= remountAtime
	}
	keep := have & clr
	if err := b.k.setattr(fd, false, a.set|keep, clr&^keep, 0); err != nil {
		return explainAttr(err)
	}
	b.report("%s: the mount keeps %s, which the kernel has locked", s.Origin, strings.Join(attrNames(keep), ", "))
	return nil
}

// mountAttrs are the flags of the mount that fd lies in, those of the access
// times left out.
func mountAttrs(fd int) (attr uint64, err error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, fmt.Errorf("statfs: %w", err)
	}
	for _, f := range [...]struct{ st, attr uint64 }{
		{unix.ST_RDONLY, unix.MOUNT_ATTR_RDONLY}, {unix.ST_NOSUID, unix.MOUNT_ATTR_NOSUID},
		{unix.ST_NODEV, unix.MOUNT_ATTR_NODEV}, {unix.ST_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
	} {
		if uint64(fs.Flags)&f.st != 0 {
			attr |= f.attr
		}
	}
	return attr, nil
}

// reconfigure hands new parameters to the file system, if it is one that this
// boot has made: what a link of the root leads to may be the host's.
func (b *builder) reconfigure(s *Step, fd int) error {
	if len(s.Data) == 0 {
		return nil
	}
	st, err := fstat(fd)
	if err != nil {
		return err
	}
	if !b.made[uint64(st.Dev)] {
		return fmt.Errorf("option %q: the file system there (%s) is not one that this boot has made", s.Data[0], fsName(fd))
	}
	return b.k.reconfigure(fd, s.Data)
}

// madeFS keeps in mind that a file system is this boot's own, where that is asked.
func (b *builder) madeFS(s *Step, tree int) {
	if !b.remounts || !ownedType(s.Type) {
		return
	}
	if st, err := fstat(tree); err == nil {
		if b.made == nil {
			b.made = make(map[uint64]bool)
		}
		b.made[uint64(st.Dev)] = true
	}
}

// reconfigure is fspick(2) and fsconfig(2) of what is mounted at fd.
func (k *kernel) reconfigure(fd int, data []string) error {
	if err := k.ask("fspick"); err != nil {
		return err
	}
	fs, err := unix.Fspick(fd, "", unix.FSPICK_EMPTY_PATH|unix.FSPICK_CLOEXEC)
	if err != nil {
		return fmt.Errorf("change the file system: %w", err)
	}
	defer unix.Close(fs)
	if data, err = k.outside(fsName(fd), data); err != nil {
		return err
	}
	if err := fsParameters(fs, data); err != nil {
		return err
	}
	if err := k.ask("fsconfig"); err != nil {
		return err
	}
	if err := unix.FsconfigReconfigure(fs); err != nil {
		return &fsError{"change the file system", fsLog(fs), err}
	}
	return nil
}
