package nsmount

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// filled is a new tmpfs with what it is to cover; its attributes apply once that
// is in it. A device or a setuid file that was of no use where it was copied from
// is of none in the copy, unless the options say dev, suid or exec.
func (b *builder) filled(s *Step, a attrs) (int, error) {
	tree, err := b.k.newFS(s.Type, s.Source, s.Data, 0)
	if err != nil {
		return -1, err
	}
	kept, err := b.copyUp(s, tree)
	if err == nil {
		err = b.k.setattr(tree, false, a.set|a.recSet|kept&^(a.clr|a.recClr), 0, 0)
	}
	if err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// copyUp fills a new tmpfs, not yet attached, with what the directory it is to
// be mounted on holds (tmpcopyup). Where there is no such directory there is
// nothing to copy. What is mounted below that directory is not copied. It returns
// the nosuid, nodev and noexec of the mount that it copied from.
//
// The directory's own mode and owner are taken over too, but for those that the
// mount's options give: a tmpfs is open to all if nothing is said.
func (b *builder) copyUp(s *Step, tree int) (kept uint64, err error) {
	from, err := b.tree.Root.Open(s.Target, unix.O_RDONLY|unix.O_DIRECTORY, s.NoLinks)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return 0, nil // made as a mount point, or refused there
	}
	if err != nil {
		return 0, fmt.Errorf("tmpcopyup: %w", err)
	}
	defer unix.Close(from)
	if len(b.lacked) > 0 {
		if at, err := b.tree.Root.Lookup(s.Target, s.NoLinks); err == nil && b.lacked[at.Path] {
			return 0, nil // nsboot's own directory
		}
	}
	c := copier{k: b.k, to: tree, links: make(map[inode]string)}
	if err := c.dir(from, tree, "."); err != nil {
		return 0, fmt.Errorf("tmpcopyup: %w", explainFull(err))
	}
	st, err := fstat(from)
	if err == nil {
		err = c.top(s, &st, from, tree)
	}
	if err == nil {
		kept, err = tightening(from)
	}
	if err != nil {
		return 0, fmt.Errorf("tmpcopyup: %w", err)
	}
	return kept, nil
}

// tightening is what the mount that fd is in keeps its files from.
func tightening(fd int) (attr uint64, err error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, fmt.Errorf("statfs: %w", err)
	}
	for _, f := range [...]struct{ st, attr uint64 }{
		{unix.ST_NOSUID, unix.MOUNT_ATTR_NOSUID}, {unix.ST_NODEV, unix.MOUNT_ATTR_NODEV}, {unix.ST_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
	} {
		if uint64(fs.Flags)&f.st != 0 {
			attr |= f.attr
		}
	}
	return attr, nil
}

func explainFull(err error) error {
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("the tmpfs is too small for what is there (option size): %w", err)
	}
	return err
}

// inode is what makes two names the same file.
type inode struct{ dev, ino uint64 }

// copier copies one tree, by descriptor and a file at a time.
type copier struct {
	k     *kernel
	to    int              // the new root
	links map[inode]string // where, below to, a file of several names is already
}

// top gives the new root what the options of the mount leave open.
func (c *copier) top(s *Step, st *unix.Stat_t, from, to int) error {
	given := func(key string) bool {
		return slices.ContainsFunc(s.Data, func(o string) bool { return strings.HasPrefix(o, key+"=") })
	}
	uid, gid := int(st.Uid), int(st.Gid)
	if given("uid") {
		uid = -1
	}
	if given("gid") {
		gid = -1
	}
	if err := unix.Fchownat(to, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("owner: %w", err)
	}
	if !given("mode") {
		if err := copyXattrs(from, to); err != nil {
			return err
		}
		if err := unix.Fchmodat(to, ".", st.Mode&0o7777, 0); err != nil {
			return fmt.Errorf("mode: %w", err)
		}
	}
	return setTimes(to, st)
}

// dir copies the entries of the directory from, which is open for reading, to
// the directory to, which is at rel below the new root.
func (c *copier) dir(from, to int, rel string) error {
	names, err := entries(from)
	if err != nil {
		return fmt.Errorf("read %s: %w", rel, err)
	}
	for _, name := range names {
		if err := c.entry(from, to, name, path.Join(rel, name)); err != nil {
			return err
		}
	}
	return nil
}

// entry copies one name. It is opened once, without following it and without
// leaving the mount; all else is done with that descriptor.
func (c *copier) entry(fromDir, toDir int, name, rel string) error {
	from, err := unix.Openat2(fromDir, name, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_MAGICLINKS,
	})
	switch {
	case errors.Is(err, unix.ENOENT): // removed meanwhile
		return nil
	case errors.Is(err, unix.EXDEV):
		return nil
	case err != nil:
		return fmt.Errorf("open %s: %w", rel, err)
	}
	defer unix.Close(from)
	st, err := fstat(from)
	if err == nil {
		err = c.k.ask("copy " + rel)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", rel, err)
	}
	id := inode{uint64(st.Dev), st.Ino}
	if old, ok := c.links[id]; ok {
		if err := unix.Linkat(c.to, old, toDir, name, 0); err != nil {
			return fmt.Errorf("link %s: %w", rel, err)
		}
		return nil
	}
	if err := c.make(from, toDir, name, rel, &st); err != nil {
		return fmt.Errorf("%s: %w", rel, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR && st.Nlink > 1 {
		c.links[id] = rel
	}
	return nil
}

// make makes the copy and gives it all that the original has.
func (c *copier) make(from, toDir int, name, rel string, st *unix.Stat_t) error {
	var err error
	switch kind := st.Mode & unix.S_IFMT; kind {
	case unix.S_IFDIR:
		err = unix.Mkdirat(toDir, name, 0o700)
	case unix.S_IFLNK:
		err = copyLink(from, toDir, name)
	case unix.S_IFREG:
		err = unix.Mknodat(toDir, name, unix.S_IFREG|0o600, 0)
	default:
		err = unix.Mknodat(toDir, name, kind|0o600, int(st.Rdev))
	}
	if err != nil {
		return err
	}
	to, err := unix.Openat(toDir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(to)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		err = c.into(from, to, rel)
	case unix.S_IFREG:
		err = copyData(from, to, st.Size)
	}
	if err != nil {
		return err
	}
	return copyAttributes(from, to, st)
}

// into copies a directory that is below the first.
func (c *copier) into(from, to int, rel string) error {
	open, err := unix.Openat(from, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(open)
	return c.dir(open, to, rel)
}
