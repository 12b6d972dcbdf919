package nsmount

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// propagation is what / gets before the first mount: private, so that nothing
// reaches the host; a slave where a mount is to hear of the host's mounts.
func (p *Plan) propagation() uintptr {
	if p.hearsHost() {
		return unix.MS_SLAVE
	}
	return unix.MS_PRIVATE
}

// hearsHost reports whether some mount is to hear of the host's mounts.
func (p *Plan) hearsHost() bool {
	for i := range p.Steps {
		for _, opt := range p.Steps[i].Propagation {
			// A shared root is a peer group of its own; a shared mount hears of its source.
			if strings.HasSuffix(opt, "slave") || i > 0 && strings.HasSuffix(opt, "shared") {
				return true
			}
		}
	}
	return false
}

func (b *booter) rootPropagation() error {
	return (&kernel{before: b.opts.before}).rootPropagation(b.plan, b.tree.Root.FD())
}

// rootPropagation applies linux.rootfsPropagation to the container's root, as
// runc does: last, when the root is the container's alone, so that nothing of it
// was ever a peer of the host's. It is private until then, and stays so if
// nothing else is asked for.
func (k *kernel) rootPropagation(plan *Plan, root int) error {
	for _, p := range plan.Root().Propagation {
		flag, rec := propagationFlag(p)
		if flag == unix.MS_PRIVATE {
			continue
		}
		if err := k.setattr(root, rec, 0, 0, flag); err != nil {
			return fmt.Errorf("linux.rootfsPropagation %s: %w", p, err)
		}
	}
	return nil
}

// propagate applies the propagation that the options ask for. A bind that asks
// for none is private, though another one has made the namespace a slave.
func (b *builder) propagate(s *Step, fd int) error {
	if s.Op == OpRoot {
		return b.propagateRoot(s, fd)
	}
	if len(s.Propagation) == 0 && s.Op == OpBind && b.plan.hearsHost() && !slices.Contains(b.plan.Root().Propagation, "rslave") {
		if err := b.k.setattr(fd, true, 0, 0, unix.MS_PRIVATE); err != nil {
			return fmt.Errorf("make private: %w", err)
		}
	}
	for _, p := range s.Propagation {
		flag, rec := propagationFlag(p)
		if err := b.k.setattr(fd, rec, 0, 0, flag); err != nil {
			return fmt.Errorf("propagation %s: %w", p, err)
		}
	}
	return nil
}

// propagateRoot has the root hear of the host's mounts only where
// linux.rootfsPropagation says so. Anything else that it says is applied when the
// root is switched to.
func (b *builder) propagateRoot(s *Step, fd int) error {
	hears := slices.ContainsFunc(s.Propagation, func(p string) bool { return strings.HasSuffix(p, "slave") })
	if hears && isFSMagic(fd, unix.OVERLAYFS_SUPER_MAGIC) && !isFSMagic(b.tree.target, unix.OVERLAYFS_SUPER_MAGIC) {
		b.report("linux.rootfsPropagation: the root is an overlay: it hears nothing of what is mounted on the host")
	}
	if hears || !b.plan.hearsHost() {
		return nil
	}
	if err := b.k.setattr(fd, true, 0, 0, unix.MS_PRIVATE); err != nil {
		return fmt.Errorf("make private: %w", err)
	}
	return nil
}

func propagationFlag(p string) (flag uint64, recursive bool) {
	if p[0] == 'r' {
		p, recursive = p[1:], true
	}
	switch p {
	case "shared":
		flag = unix.MS_SHARED
	case "slave":
		flag = unix.MS_SLAVE
	case "unbindable":
		flag = unix.MS_UNBINDABLE
	default:
		flag = unix.MS_PRIVATE
	}
	return flag, recursive
}
