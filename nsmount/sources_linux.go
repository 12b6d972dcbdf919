package nsmount

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// checkSources holds the descriptors handed over against the plan: the root
// first, then one for each bind of config.json in spec order (C15).
func (b *builder) checkSources() error {
	if b.opts.Sources == nil {
		return nil
	}
	return CheckSources(b.plan, b.opts.Sources)
}

// CheckSources reports whether there is one descriptor for the root and one
// for each bind that plan keeps from config.json; any left over are named (C15).
func CheckSources(plan *Plan, fds []int) error {
	want := []string{"root"}
	for i := range plan.Steps {
		if s := &plan.Steps[i]; s.Op == OpBind && s.SpecIndex > 0 {
			want = append(want, s.Origin+" "+s.Destination)
		}
	}
	switch {
	case len(fds) < len(want):
		return fmt.Errorf("source descriptors: %d given, %d needed: none is left for %s (C15)", len(fds), len(want), want[len(fds)])
	case len(fds) > len(want):
		left := make([]string, 0, len(fds))
		for _, fd := range fds[len(want):] {
			left = append(left, fmt.Sprint(fd))
		}
		return fmt.Errorf("source descriptors: %d given, %d needed: left over: %s (C15)", len(fds), len(want), strings.Join(left, ", "))
	}
	for _, fd := range fds {
		if _, err := fstat(fd); err != nil {
			return fmt.Errorf("source descriptor %d: %w (C15)", fd, err)
		}
	}
	return nil
}

// detachSources turns the descriptors handed over into detached binds, which
// only the mount namespace that they come from can be asked for (C15).
func (b *booter) detachSources() error {
	if err := CheckSources(b.plan, b.opts.Sources); err != nil {
		return err
	}
	recursive := []bool{true}
	steps := slices.Clone(b.plan.Steps[1:])
	slices.SortStableFunc(steps, func(x, y Step) int { return x.SpecIndex - y.SpecIndex })
	for i := range steps {
		if steps[i].Op == OpBind && steps[i].SpecIndex > 0 {
			recursive = append(recursive, steps[i].Recursive)
		}
	}
	trees := make([]int, len(b.opts.Sources))
	b.opts.sourcePaths = make([]string, len(trees))
	for i, fd := range b.opts.Sources {
		var err error
		if b.opts.sourcePaths[i], err = pathOfSource(fd); err != nil {
			return err
		}
		tree, err := unix.OpenTree(fd, "", cloneFlags(recursive[i])|unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLOEXEC)
		if errors.Is(err, unix.EINVAL) {
			tree, err = fd, nil // a detached tree already; before 6.15 it cannot be cloned
		}
		if err != nil {
			return fmt.Errorf("source descriptor %d: %w", fd, explainClone(err))
		}
		// The clone of a shared mount is shared: what is mounted on it would be
		// mounted on the host too.
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Propagation: uint64(b.plan.propagation())}); err != nil {
			return fmt.Errorf("source descriptor %d: make private: %w", fd, err)
		}
		trees[i] = tree
	}
	b.opts.Sources = trees
	return nil
}

// handedOver finds the caller's descriptor for a step: binds are counted in
// spec order, whatever order they are mounted in.
func (b *builder) handedOver(i int) (int, bool) {
	if n, ok := b.handedOverIndex(i); ok {
		return b.opts.Sources[n], true
	}
	return -1, false
}

func (b *builder) handedOverIndex(i int) (int, bool) {
	if b.opts.Sources == nil || i == 0 {
		return 0, b.opts.Sources != nil
	}
	n := 1
	for j := range b.plan.Steps {
		s := &b.plan.Steps[j]
		if s.Op == OpBind && s.SpecIndex > 0 && s.SpecIndex < b.plan.Steps[i].SpecIndex {
			n++
		}
	}
	return n, true
}

// isDetached reports whether the step's source is a descriptor of the caller's,
// which was made a detached tree before the namespaces were entered.
func (b *builder) isDetached(i int) bool {
	_, ok := b.handedOver(i)
	return ok
}

// openSource opens the source of the root or of a bind, once: what was opened
// is what is mounted. Nothing is waited for or woken: it is an O_PATH descriptor.
func (b *builder) openSource(i int) (int, error) {
	if fd, ok := b.handedOver(i); ok {
		return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	}
	flags := unix.O_PATH | unix.O_CLOEXEC
	if i == 0 {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Open(b.plan.Steps[i].Source, flags, 0)
	if err != nil {
		return -1, explainSource(i, b.plan.Steps[i].Source, err)
	}
	return fd, nil
}

// attachSources attaches the handed-over trees that become layers on the
// scratch tmpfs: only then does the mount table tell what is mounted below them.
func (b *builder) attachSources(scratch int, list []layered) error {
	attached := false
	for _, l := range list {
		st, err := fstat(l.src)
		if err == nil && (!b.isDetached(l.index) || st.Mode&unix.S_IFMT != unix.S_IFDIR) {
			continue
		}
		var onto int
		if err == nil {
			onto, err = b.scratchDir(scratch, "source"+strconv.Itoa(l.index), 0o700)
		}
		if err == nil {
			err = b.k.attach(l.src, onto)
			unix.Close(onto)
		}
		if err != nil {
			return b.layerError(l, fmt.Errorf("attach the source descriptor: %w", err))
		}
		attached = true
	}
	if !attached {
		return nil
	}
	b.table = nil
	return b.readMountTable(list)
}

// pathOf is where a file is on the host: the one of a descriptor handed over was
// looked up before the namespaces were entered.
func (b *builder) pathOf(l layered) (string, error) {
	if i, ok := b.handedOverIndex(l.index); ok && i < len(b.opts.sourcePaths) {
		if b.opts.sourcePaths[i] == "" {
			return "", fmt.Errorf("nothing says what directory a detached file lies in: hand over a descriptor of the file itself: %w", unix.ENOENT)
		}
		return b.opts.sourcePaths[i], nil
	}
	return linkOf(l.src)
}

// pathOfSource is where a descriptor's file is in the caller's tree; empty: a
// detached tree is nowhere.
func pathOfSource(fd int) (string, error) {
	name, err := linkOf(fd)
	if err != nil {
		return "", err
	}
	want, err := fstat(fd)
	if err != nil {
		return "", err
	}
	var got unix.Stat_t
	if unix.Lstat(name, &got) != nil || got.Dev != want.Dev || got.Ino != want.Ino {
		return "", nil
	}
	return name, nil
}

// HintError is an error with one thing to do about it.
type HintError struct {
	Err      error
	HintText string
}

// Hint returns the one thing to do.
func (e *HintError) Hint() string { return e.HintText }

func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

func explainSource(i int, source string, err error) error {
	if i == 0 {
		return err
	}
	err = fmt.Errorf("bind %s: %w", source, err)
	if errors.Is(err, unix.ENOENT) {
		return &HintError{err, "the source of a bind must exist; relative sources start at the bundle"}
	}
	return err
}
