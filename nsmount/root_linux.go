package nsmount

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// root makes the container's root and mounts it on the target: a bind of the
// real tree, or one overlay of it (S1, C11).
func (b *builder) root() error {
	s := b.plan.Root()
	if s.Type == "tmpfs" {
		return b.emptyRoot(s)
	}
	src, err := b.openSource(0)
	if err != nil {
		return err
	}
	if err := checkRootDir(src); err != nil {
		unix.Close(src)
		return err
	}
	target := src
	if b.opts.Target != "" {
		if target, err = unix.Open(b.opts.Target, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			unix.Close(src)
			return fmt.Errorf("target %s: %w", b.opts.Target, err)
		}
	} else if target, err = unix.FcntlInt(uintptr(src), unix.F_DUPFD_CLOEXEC, 3); err != nil {
		unix.Close(src)
		return err
	}
	b.tree.target = target
	b.tree.hosts = append(b.tree.hosts, src)
	if err := b.prepare(src); err != nil {
		return err
	}
	tree, overlaid := b.layers[0]
	if !overlaid {
		if tree, err = b.bindTree(s, src, b.isDetached(0)); err != nil {
			return err
		}
	}
	delete(b.layers, 0)
	if err := b.attachRoot(tree); err != nil {
		unix.Close(tree)
		return err
	}
	if err := b.attachSubmounts(0, tree); err != nil {
		return err
	}
	p := &place{}
	if !overlaid {
		p = b.newPlace(0, src)
	}
	b.enter("/", p)
	return b.join(s, p)
}

// emptyRoot mounts a fresh tmpfs as the root: for a tree that is put together
// from parts of the host.
func (b *builder) emptyRoot(s *Step) error {
	target := b.opts.Target
	if target == "" {
		target = "/"
	}
	var err error
	if b.tree.target, err = unix.Open(target, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("target %s: %w", target, err)
	}
	if err := b.prepare(b.tree.target); err != nil {
		return err
	}
	a, err := parseAttrs(s.Flags)
	if err != nil {
		return err
	}
	tree, err := b.k.newFS("tmpfs", "tmpfs", s.Data, a.set|a.recSet)
	if err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	if err := b.attachRoot(tree); err != nil {
		unix.Close(tree)
		return err
	}
	b.enter("/", &place{})
	return nil
}

func (b *builder) attachRoot(tree int) error {
	target := b.tree.target
	if b.isDetached(0) && b.opts.Target == "" {
		return fmt.Errorf("a root handed over as a descriptor needs a directory to be mounted on")
	}
	if err := b.propagate(b.plan.Root(), tree); err != nil {
		return err
	}
	if err := b.k.attach(tree, target); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	b.tree.Root = pathres.At(tree)
	return nil
}

// newPlace describes the tree of a root or bind that is no overlay.
func (b *builder) newPlace(i, host int) *place {
	s := &b.plan.Steps[i]
	ro := slices.Contains(s.Flags, "ro") || slices.Contains(s.Flags, "rro")
	source := s.Source
	if n, ok := b.handedOverIndex(i); ok && n < len(b.opts.sourcePaths) {
		source = b.opts.sourcePaths[n]
	}
	return &place{writable: !ro, host: host, source: source}
}

// join sweeps the mount points that a dead boot left in a writable host tree,
// or joins a living boot that has some there, so that neither removes the
// other's (S5).
func (b *builder) join(s *Step, p *place) error {
	if !p.writable {
		return nil
	}
	return b.openJournal(p, "", b.hold && len(s.Stubs) > 0)
}

// checkRootDir refuses a root that is not a directory.
func checkRootDir(fd int) error {
	st, err := fstat(fd)
	if err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return nil
	case unix.S_IFLNK:
		return fmt.Errorf("a symbolic link: name the directory itself: %w", unix.ENOTDIR)
	}
	return fmt.Errorf("not a directory: %w", unix.ENOTDIR)
}

// bindTree is a detached bind of src with the step's attributes. A descriptor
// that is itself a detached tree is used as it is.
func (b *builder) bindTree(s *Step, src int, detached bool) (int, error) {
	var tree int
	var err error
	if detached {
		tree, err = unix.FcntlInt(uintptr(src), unix.F_DUPFD_CLOEXEC, 3)
	} else {
		tree, err = b.k.clone(src, s.Recursive)
	}
	if err != nil {
		return -1, explainClone(err)
	}
	if err = b.idmap(s, tree); err == nil {
		err = b.attributes(s, tree, s.Op == OpRoot)
	}
	if err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

func explainClone(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("bind: %w: mounting needs CAP_SYS_ADMIN in the mount namespace", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("bind: %w: the source is unbindable, or is mounted in another namespace", err)
	}
	return fmt.Errorf("bind: %w", err)
}

// attributes applies a step's flags to a detached tree; all is applied to the
// whole tree where the step is the root (a read-only root is read-only all
// over).
func (b *builder) attributes(s *Step, tree int, all bool) error {
	a, err := parseAttrs(s.Flags)
	if err != nil {
		return err
	}
	if a.recSet|a.recClr != 0 {
		if err := b.k.setattr(tree, true, a.recSet, a.recClr, 0); err != nil {
			return explainAttr(err)
		}
	}
	if a.set|a.clr != 0 {
		if err := b.k.setattr(tree, all, a.set, a.clr, 0); err != nil {
			return explainAttr(err)
		}
	}
	return nil
}

func explainAttr(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("set mount flags: %w: in a user namespace a flag that the source's mount has (ro, nosuid, nodev, noexec, atime) cannot be cleared", err)
	}
	return fmt.Errorf("set mount flags: %w", err)
}
