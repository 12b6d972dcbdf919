package nsmount

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/nsboot/nsboot/internal/stubs"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// ApplyOptions are the choices of one Apply.
type ApplyOptions struct {
	// Target is the host directory that the container's root is mounted on;
	// empty: the directory of root.path itself.
	Target string
	// Sources are descriptors handed over by the caller (C15): the root, then
	// one for each bind of config.json in spec order. Detached trees are taken
	// as they are; nil: sources are opened by path.
	Sources []int
	// ProcFD is a detached procfs of the container's pid namespace plus one;
	// 0: a fresh one is mounted from here.
	ProcFD int
	// StateDir holds the journals of mount points made on the host (S5);
	// empty: /run/nsboot/stubs, or below XDG_RUNTIME_DIR for an ordinary user.
	StateDir string
	// Report, if not nil, is told of each fallback and each thing found out
	// about the kernel, a line each.
	Report func(string)

	beforeStub  func()   // called before a mount point is made on the host
	sourcePaths []string // where Sources were, as far as /proc tells
	procErr     error    // why there is no procfs of the container's pid namespace

	before func(call string) error // fault injection of the tests
}

// Tree is a mounted container root. It is of use until Close.
type Tree struct {
	// Root is the container's root, a descriptor of the mount.
	Root pathres.Root

	journals []*stubs.Journal
	hosts    []int // descriptors of host trees that may hold stubs
	target   int   // what the root was mounted on
}

// HasStubs reports whether mount points were made on the host, so that somebody
// must stay to remove them (S5).
func (t *Tree) HasStubs() bool { return len(t.journals) > 0 }

// builder carries one plan out.
type builder struct {
	k       *kernel
	plan    *Plan
	profile Profile
	opts    ApplyOptions
	tree    *Tree
	mounted map[string]*place // what is mounted, by resolved target
	count   int               // how many were
	layers  map[int]int       // overlays made beforehand: step index -> detached tree
	subs    map[int][]submount
	table   []string // the mount points of the caller's namespace, where they are needed
	empty   int      // the shared empty directory of masked paths
	null    int      // the container's /dev/null, checked
}

// place is one mounted tree, as far as making mount points in it goes.
type place struct {
	writable bool   // what is made in it is made on the host
	host     int    // descriptor of the host's tree; -1: not opened yet
	source   string // the host's path, for the journal
	journal  *stubs.Journal
	order    int // which mount it is
}

// Apply carries plan out in the calling thread's mount namespace: the root on
// opts.Target, everything else below it, in the plan's order. The caller has
// locked the thread; for a namespace of its own it has unshared and made / recursively
// private or slave beforehand (Boot does both).
//
// On an error, what was mounted is detached and what was made on the host is
// removed; the first error is returned. It names the step's origin.
func Apply(plan *Plan, opts ApplyOptions) (*Tree, error) {
	profile, err := ProfileByName(plan.Profile)
	if err != nil {
		return nil, err
	}
	if opts.StateDir == "" {
		opts.StateDir = DefaultStateDir()
	}
	b := &builder{
		k: &kernel{opts.before}, plan: plan, profile: profile, opts: opts, empty: -1,
		mounted: make(map[string]*place), layers: make(map[int]int),
		subs: make(map[int][]submount), null: -1,
	}
	b.tree = &Tree{Root: pathres.At(-1), target: -1}
	old := unix.Umask(0) // modes are exact
	err = b.run()
	unix.Umask(old)
	b.release()
	if err != nil {
		b.tree.Close()
		return nil, err
	}
	return b.tree, nil
}

func (b *builder) run() error {
	if err := b.checkSources(); err != nil {
		return err
	}
	if err := b.root(); err != nil {
		return b.fail(b.plan.Root(), err)
	}
	for i := 1; i < len(b.plan.Steps); i++ {
		if err := b.step(i); err != nil {
			return b.fail(&b.plan.Steps[i], err)
		}
	}
	return nil
}

// fail wraps an error with the place in config.json that it comes from.
func (b *builder) fail(s *Step, err error) error {
	if step := (*StepError)(nil); errors.As(err, &step) {
		return err // an overlay of a later step, made with the root's
	}
	if s.Op == OpRoot {
		return &StepError{Origin: "root.path", Destination: s.Source, Err: err}
	}
	return &StepError{Origin: s.Origin, Destination: s.Destination, Err: err}
}

// StepError is a failure of one step of a plan.
type StepError struct {
	Origin      string // the place in config.json
	Destination string // as it stands there
	Err         error
}

func (e *StepError) Error() string { return e.Origin + " " + e.Destination + ": " + e.Err.Error() }
func (e *StepError) Unwrap() error { return e.Err }

// release closes what was needed only while building.
func (b *builder) release() {
	for _, fd := range b.layers {
		closeFD(fd)
	}
	for _, list := range b.subs {
		for _, m := range list {
			unix.Close(m.tree)
		}
	}
	closeFD(b.empty)
	closeFD(b.null)
}

// Close detaches the tree with all that is mounted on it and removes the mount
// points that were made on the host, unless something is in them. It is called
// where the tree was mounted and where the host's paths are what they were.
func (t *Tree) Close() error {
	var first error
	if t.Root.FD() >= 0 {
		if t.target >= 0 {
			if err := unix.Unmount(fdPath(t.Root.FD()), unix.MNT_DETACH); err != nil && !gone(err) {
				first = fmt.Errorf("detach the container's root: %w", err)
			}
		}
		t.Root.Close()
		t.Root = pathres.At(-1)
	}
	closeFD(t.target)
	t.target = -1
	if err := t.RemoveStubs(); first == nil {
		first = err
	}
	return first
}

// RemoveStubs removes the mount points that were made on the host: by
// descriptor, only what is still the same inode and empty (S5). Nothing may be
// running in the tree any more.
func (t *Tree) RemoveStubs() error {
	var first error
	for _, j := range t.journals {
		if err := j.Close(); err != nil && first == nil {
			first = fmt.Errorf("remove mount points: %w", err)
		}
	}
	for _, fd := range t.hosts {
		closeFD(fd)
	}
	t.journals, t.hosts = nil, nil
	return first
}

// leave lets go of the mounts without detaching them: they live on with the
// processes that are in their namespace.
func (t *Tree) leave() {
	closeFD(t.Root.FD())
	closeFD(t.target)
	t.Root, t.target = pathres.At(-1), -1
}

// DefaultStateDir is where the journals of mount points are kept: for root
// /run/nsboot/stubs, else below XDG_RUNTIME_DIR.
func DefaultStateDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && os.Geteuid() != 0 {
		return path.Join(dir, "nsboot", "stubs")
	}
	return "/run/nsboot/stubs"
}

// gone are the answers of umount2 for what is not mounted any more (K5).
func gone(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) }

// step carries out one step after the root.
func (b *builder) step(i int) error {
	s := &b.plan.Steps[i]
	switch s.Op {
	case OpBind:
		return b.bind(i, s)
	case OpMount:
		return b.mount(i, s)
	case OpDev:
		return b.dev(s)
	case OpNodes:
		return b.nodes(s)
	case OpCgroup:
		return b.cgroup(s)
	case OpTmp:
		return b.tmp(s)
	case OpStub:
		return b.stub(s)
	case OpDevice:
		return b.device(s)
	case OpMask:
		return b.mask(s)
	case OpReadonly:
		return b.readonly(s)
	case OpSeal:
		return b.seal(s)
	}
	return fmt.Errorf("unknown operation %q", s.Op)
}

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

// propagate applies the propagation that the options ask for. A bind that asks
// for none is private, though another one has made the namespace a slave.
func (b *builder) propagate(s *Step, fd int) error {
	if len(s.Propagation) == 0 && (s.Op == OpBind || s.Op == OpRoot) && b.plan.hearsHost() {
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

// mountPoint resolves the step's target inside the root and returns it as a
// descriptor, made first if it is missing (section 2, section 4).
func (b *builder) mountPoint(s *Step, file bool) (fd int, resolved string, err error) {
	const noLinks = true
	if fd, err := b.tree.Root.Open(s.Target, unix.O_PATH, noLinks); err == nil {
		return fd, s.Target, nil
	}
	fd, resolved, err = b.tree.Root.Make(s.Target, pathres.MakeOptions{
		File: file, DirMode: 0o755, FileMode: 0o644, NoLinks: s.NoLinks,
		Before: b.beforeMake, Made: b.afterMake,
	})
	if err != nil {
		return -1, "", b.explainMake(s, err)
	}
	if resolved == "" { // all of it is there, by way of a link
		if resolved, err = b.whereIs(s, fd); err != nil {
			unix.Close(fd)
			return -1, "", fmt.Errorf("mount point: %w", err)
		}
	}
	if !inProc(s.Target) && (inProc(resolved) || isFSMagic(fd, unix.PROC_SUPER_MAGIC)) {
		unix.Close(fd)
		return -1, "", fmt.Errorf("the path leads to %s: nothing is mounted on what the kernel says there", resolved)
	}
	return fd, resolved, nil
}

func inProc(p string) bool { return p == "/proc" || below(p, "/proc") }

// whereIs resolves the target of a step, which fd was opened by.
func (b *builder) whereIs(s *Step, fd int) (string, error) {
	found, err := b.tree.Root.Lookup(s.Target, s.NoLinks)
	if err != nil {
		return "", err
	}
	st, err := fstat(fd)
	if err != nil {
		return "", err
	}
	if !found.Exists() || found.Dev != uint64(st.Dev) || found.Ino != st.Ino {
		return "", fmt.Errorf("%s changed while it was being opened: %w", s.Target, unix.ESTALE)
	}
	return found.Path, nil
}

func (b *builder) explainMake(s *Step, err error) error {
	switch {
	case s.NoLinks && errors.Is(err, unix.ELOOP):
		return fmt.Errorf("%w: %s does not follow symbolic links here (P1)", err, b.profile.Name)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("the mount point is missing and cannot be made: %w", err)
	case below(s.Target, "/proc") || below(s.Target, "/sys"):
		return fmt.Errorf("the mount point is missing, and a kernel file system holds none but its own: %w", err)
	}
	return fmt.Errorf("mount point: %w", err)
}

// beforeMake journals a mount point that is about to be made, if the place it
// is made in is the host's.
func (b *builder) beforeMake(target string, dir bool) error {
	if err := b.k.ask("mkdirat"); err != nil {
		return err
	}
	p, at := b.placeOf(target)
	if p == nil || !p.writable {
		return nil
	}
	if b.opts.beforeStub != nil {
		b.opts.beforeStub()
	}
	if p.journal == nil {
		if err := b.openJournal(p, at, true); err != nil {
			return err
		}
	}
	return p.journal.Before(relTo(at, target), dir)
}

func (b *builder) afterMake(m pathres.Made) error {
	p, at := b.placeOf(m.Path)
	if p == nil || p.journal == nil {
		return nil
	}
	m.Path = relTo(at, m.Path)
	return p.journal.Made(m)
}

// openJournal opens the journal of the tree mounted at. With create it is made;
// else it is joined if there is one.
func (b *builder) openJournal(p *place, at string, create bool) error {
	if p.host < 0 {
		fd, err := b.tree.Root.Open(at, unix.O_PATH|unix.O_DIRECTORY, true)
		if err != nil {
			return err
		}
		p.host = fd
		b.tree.hosts = append(b.tree.hosts, fd)
	}
	j, err := stubs.Open(b.opts.StateDir, pathres.At(p.host), p.source, create)
	if err != nil || j == nil {
		return err
	}
	p.journal = j
	b.tree.journals = append(b.tree.journals, j)
	return nil
}

// placeOf finds the mounted tree that a resolved path lies in, and where that
// is mounted: of all at or above the path, the one mounted last.
func (b *builder) placeOf(target string) (p *place, at string) {
	for dir := target; ; dir = path.Dir(dir) {
		if q, ok := b.mounted[dir]; ok && (p == nil || q.order > p.order) {
			p, at = q, dir
		}
		if dir == "/" {
			return p, at
		}
	}
}

// enter records that p is mounted at the resolved path at.
func (b *builder) enter(at string, p *place) {
	b.count++
	p.order = b.count
	b.mounted[at] = p
}

func (b *builder) report(format string, args ...any) {
	if b.opts.Report != nil {
		b.opts.Report(fmt.Sprintf(format, args...))
	}
}
