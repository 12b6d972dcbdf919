package nsmount

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// takeShared makes a detached replica for each shared mount of the plan.
func (b *booter) takeShared() error {
	b.opts.shared = make(map[int]int)
	for i := range b.plan.Steps {
		s := &b.plan.Steps[i]
		if s.Op != OpShared {
			continue
		}
		fd, err := openInRoot(unix.AT_FDCWD, sharedDir+"/"+s.Source)
		if err == nil {
			err = needMountPoint(fd)
		}
		if err != nil {
			closeFD(fd)
			err = fmt.Errorf("the sandbox container has no shared mount %s: %w", s.Source, err)
			return &HintError{&StepError{s.Origin, s.Destination, err}, "the sandbox container's annotations, profile and --overlay decide which mounts the pod shares"}
		}
		b.opts.shared[i], err = (&kernel{before: b.opts.before}).clone(fd, true)
		unix.Close(fd)
		if err != nil {
			delete(b.opts.shared, i)
			return &StepError{s.Origin, s.Destination, explainClone(err)}
		}
	}
	return nil
}

// shared mounts a replica of one of the pod's mounts: a child's was taken from
// the sandbox container beforehand, the sandbox container has its own.
func (b *builder) shared(i int, s *Step) error {
	tree, ok := b.opts.shared[i]
	var err error
	if ok {
		tree, err = unix.FcntlInt(uintptr(tree), unix.F_DUPFD_CLOEXEC, 3)
	} else {
		tree, err = b.replica(s)
	}
	if err != nil {
		return err
	}
	return b.attachBind(s, tree, &place{})
}

func (b *builder) replica(s *Step) (int, error) {
	if b.plan.Sandbox() != "" {
		return -1, fmt.Errorf("%s is shared in the pod: there is no sandbox container to take it from", s.Source)
	}
	const noLinks = true
	fd, err := b.tree.Root.Open(sharedDir+"/"+s.Source, unix.O_PATH, noLinks)
	if err != nil {
		return -1, fmt.Errorf("the shared mount %s: %w", s.Source, err)
	}
	defer unix.Close(fd)
	tree, err := b.k.clone(fd, true)
	if err != nil {
		return -1, explainClone(err)
	}
	return tree, nil
}
