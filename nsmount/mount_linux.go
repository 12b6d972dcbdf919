package nsmount

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// bind mounts a host directory or file, or the overlay made of it (C5, C12).
func (b *builder) bind(i int, s *Step) error {
	if tree, ok := b.layers[i]; ok {
		delete(b.layers, i)
		keep, err := unix.FcntlInt(uintptr(tree), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			unix.Close(tree)
			return err
		}
		defer unix.Close(keep)
		if err := b.mountOn(s, tree, nil); err != nil {
			return err
		}
		return b.attachSubmounts(i, keep)
	}
	if s.Optional && s.Overlay != nil {
		return nil // there was nothing to lay over
	}
	if len(s.Stubs) > 0 || b.isDetached(i) {
		return b.bindOpened(i, s)
	}
	tree, err := b.k.openTree(unix.AT_FDCWD, s.Source, cloneFlags(s.Recursive))
	if err != nil {
		if s.Optional && errors.Is(err, unix.ENOENT) {
			b.report("%s: %s is gone", s.Origin, s.Source)
			return nil
		}
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
			return explainClone(err)
		}
		return explainSource(i, s.Source, err)
	}
	return b.attachBind(s, tree, b.newPlace(i, -1))
}

// bindOpened is a bind that mount points may be made in, or one of a
// descriptor: its source is kept open.
func (b *builder) bindOpened(i int, s *Step) error {
	src, err := b.openSource(i)
	if err != nil {
		return err
	}
	b.tree.hosts = append(b.tree.hosts, src)
	tree, err := b.bindTree(s, src, b.isDetached(i))
	if err != nil {
		return err
	}
	p := b.newPlace(i, src)
	if err := b.join(s, p); err != nil {
		unix.Close(tree)
		return err
	}
	return b.mountOn(s, tree, p)
}

func (b *builder) attachBind(s *Step, tree int, p *place) error {
	err := b.idmap(s, tree)
	if err == nil {
		err = b.attributes(s, tree, false)
	}
	if err != nil {
		unix.Close(tree)
		return err
	}
	return b.mountOn(s, tree, p)
}

// mount mounts a new instance of a file system (D3 for what the kernel refuses).
func (b *builder) mount(i int, s *Step) error {
	a, err := parseAttrs(s.Flags)
	if err != nil {
		return err
	}
	set := a.set | a.recSet
	var tree int
	if s.Type == "proc" && b.opts.ProcFD > 0 {
		tree, err = b.ownProc(i, s, set, a.clr)
	} else if s.CopyUp {
		tree, err = b.filled(s, a)
	} else if s.Layers != nil {
		tree, err = b.overlayMount(i, s, set)
	} else {
		tree, err = b.k.newFS(s.Type, s.Source, b.modeOfPlace(s), set)
	}
	if s.Type == "devpts" && errors.Is(err, unix.EINVAL) && inUserNamespace() {
		tree, err = b.devptsOwnGroup(s, set, err)
	}
	if s.Type == "proc" && b.opts.procErr != nil && err == nil {
		// What can be made from here shows the caller's processes, not the container's.
		closeFD(tree)
		tree, err = -1, b.opts.procErr
	}
	if err != nil {
		closeFD(tree)
		if host := hostOf(s.Type); host != "" && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EBUSY)) {
			return b.hostBind(s, host, a, err)
		}
		return fmt.Errorf("mount %s: %w", s.Type, err)
	}
	if s.Layers == nil {
		if err := b.idmap(s, tree); err != nil {
			closeFD(tree)
			return err
		}
	}
	b.madeFS(s, tree)
	if tree, err = b.kernelStubs(i, s, tree); err != nil {
		return err
	}
	return b.mountOn(s, tree, nil)
}

// modeOfPlace are the parameters of a new file system. Where the profile leaves a
// tmpfs as the config has it (C10), one without a mode has that of the directory it
// is mounted on, as runc has it: a directory that keeps others out goes on to.
func (b *builder) modeOfPlace(s *Step) []string {
	if s.Type != "tmpfs" || b.profile.TmpfsMode != "" || slices.ContainsFunc(s.Data, func(o string) bool { return strings.HasPrefix(o, "mode=") }) || b.lacked[s.Target] {
		return s.Data
	}
	fd, err := b.tree.Root.Open(s.Target, unix.O_PATH|unix.O_DIRECTORY, s.NoLinks)
	if err != nil {
		return s.Data // to be made
	}
	defer unix.Close(fd)
	st, err := fstat(fd)
	if err != nil {
		return s.Data
	}
	return append(slices.Clip(s.Data), fmt.Sprintf("mode=%#o", st.Mode&0o7777))
}

// devptsOwnGroup mounts a devpts without the group of its terminals, which the
// user namespace may not have (gid=5): they are of the group of whoever opens
// them then, and no more people may write to them.
func (b *builder) devptsOwnGroup(s *Step, set uint64, why error) (int, error) {
	data := slices.DeleteFunc(slices.Clone(s.Data), func(o string) bool { return strings.HasPrefix(o, "gid=") })
	if len(data) == len(s.Data) {
		return -1, why
	}
	b.report("%s: the user namespace does not have the group of the terminals (%v): they are their opener's", s.Origin, why)
	return b.k.newFS(s.Type, s.Source, data, set)
}

// ownProc is the procfs that was made in the container's pid namespace, or for a
// second proc mount another view of it.
func (b *builder) ownProc(i int, s *Step, set, clr uint64) (tree int, err error) {
	first := slices.IndexFunc(b.plan.Steps, func(s Step) bool { return s.Op == OpMount && s.Type == "proc" })
	if i == first {
		tree, err = unix.FcntlInt(uintptr(b.opts.ProcFD-1), unix.F_DUPFD_CLOEXEC, 3)
	} else {
		if !slices.Equal(s.Data, b.plan.Steps[first].Data) {
			return -1, fmt.Errorf("options %q: a second procfs has those of the first, %s", s.Data, b.plan.Steps[first].Origin)
		}
		clr |= unix.MOUNT_ATTR_RDONLY &^ set // the first may be read-only
		tree, err = b.k.clone(b.opts.ProcFD-1, false)
	}
	if err == nil {
		err = b.k.setattr(tree, false, set, clr, 0)
	}
	return tree, err
}

// hostBind takes the caller's own /proc or /sys where the kernel refuses a
// fresh one: in a user namespace, or in a container whose own is masked (D3).
// Its flags are the step's, all over.
func (b *builder) hostBind(s *Step, host string, a attrs, why error) error {
	b.report("%s: the kernel refuses a new %s (%v): a recursive bind of %s stands in", s.Origin, s.Type, why, host)
	tree, err := b.k.openTree(unix.AT_FDCWD, host, cloneFlags(true))
	if err != nil {
		return fmt.Errorf("bind %s, for the kernel refuses a new %s (%w): %w", host, s.Type, why, err)
	}
	if err := b.k.setattr(tree, true, a.set|a.recSet, 0, unix.MS_PRIVATE); err != nil {
		unix.Close(tree)
		return explainAttr(err)
	}
	return b.mountOn(s, tree, nil)
}

// tmp covers /tmp, if what is there may be covered (section 3).
func (b *builder) tmp(s *Step) error {
	cover, err := b.tmpCovers(s)
	if err != nil || !cover {
		return err
	}
	tree, err := b.k.newFS("tmpfs", "tmpfs", s.Data, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	return b.mountOn(s, tree, nil)
}

// stub makes the mount point of a mount that is skipped, where it can be made
// (C6), or a missing process.cwd (P5).
func (b *builder) stub(s *Step) error {
	onto, _, err := b.mountPoint(s, false)
	if err == nil {
		return unix.Close(onto)
	}
	if s.Origin == originCwd {
		return err
	}
	b.report("%s: %s is not made: %v", s.Origin, s.Target, err)
	return nil
}

// link makes a symbolic link.
func (b *builder) link(s *Step) error {
	dir, err := b.tree.Root.Open(path.Dir(s.Target), unix.O_PATH|unix.O_DIRECTORY, true)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if err := b.k.symlink(s.Source, dir, path.Base(s.Target)); err != nil {
		return fmt.Errorf("symlink: %w", err)
	}
	return nil
}

// seal makes a mounted file system read-only, now that all is made inside.
func (b *builder) seal(s *Step) error {
	fd, err := b.tree.Root.Open(s.Target, unix.O_PATH, false)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := b.k.setattr(fd, false, unix.MOUNT_ATTR_RDONLY, 0, 0); err != nil {
		return explainAttr(err)
	}
	return nil
}
