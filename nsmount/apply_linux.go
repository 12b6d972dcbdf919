package nsmount

import (
	"errors"
	"fmt"
	"slices"

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
	// Cgroups are the directories of the container's own cgroup, by controller
	// as /proc/PID/cgroup names it ("cpu", "" for the unified hierarchy): what
	// a cgroup mount shows. The caller has made them, and moves the process
	// there in Moments.Runtime; nil: it stays in the caller's.
	Cgroups map[string]string
	// Report, if not nil, is told of each fallback and each thing found out
	// about the kernel, a line each.
	Report func(string)

	openTerminal func(pathres.Root) (slave int, err error) // makes the process's terminal in the tree

	beforeStub  func()      // called before a mount point is made on the host
	sourcePaths []string    // where Sources were, as far as /proc tells; empty: nowhere
	ids         *ids        // of the container's user namespace
	shared      map[int]int // replicas of the pod's mounts, by step: detached trees
	idmaps      []mapped    // user namespaces of the plan's id mappings; nil: made by Apply
	procErr     error       // why there is no procfs of the container's pid namespace

	before func(call string) error // fault injection of the tests
}

// builder carries one plan out.
type builder struct {
	k         *kernel
	plan      *Plan
	profile   Profile
	opts      ApplyOptions
	tree      *Tree
	mounted   map[string]*place // what is mounted, by resolved target
	count     int               // how many were
	layers    map[int]int       // overlays made beforehand: step index -> detached tree
	subs      map[int][]submount
	binds     map[string]int  // the last bind at a target, once it is asked for
	lacked    map[string]bool // mount points that are there only for a layer made them: nothing to copy up
	table     []string        // the mount points of the caller's namespace, where they are needed
	empty     int             // the shared empty directory of masked paths
	null      int             // the container's /dev/null, checked
	hold      bool            // the journals are held from the start
	seen      journalsSeen    // how the journals of all boots stood when last looked at
	slave     int             // the process's terminal; the launcher's
	saidOwner bool            // told that the owner of a layer's tree is not mapped
	raced     bool            // another boot's came or went
	remounts  bool            // some step is a remount
	made      map[uint64]bool // devices of the file systems that a remount may change
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
	if opts.idmaps == nil {
		if opts.idmaps, err = openIDMaps(plan, &kernel{before: opts.before}); err != nil {
			return nil, err
		}
		defer closeIDMaps(opts.idmaps)
	}
	// A mount point that another boot has made goes when that one ends, unless
	// this one holds the journal too (S5). To ask for a journal at each mount
	// would cost a call each. So it is noticed if any came or went meanwhile, and
	// then all is done again, with the journals held from the start.
	hold, first := opts.Sources != nil || opts.shared != nil, opts // sources handed over can be mounted once only
	if opts.ProcFD > 0 && !hold {
		// So can the procfs; before 6.15 there is no second one to be had of it.
		again, err := unix.OpenTree(opts.ProcFD-1, "", cloneFlags(false)|unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLOEXEC)
		if hold = err != nil; !hold {
			defer unix.Close(again)
			first.ProcFD = again + 1
		}
	}
	tree, raced, err := applyOnce(plan, profile, first, hold)
	if err != nil || !raced || hold {
		return tree, err
	}
	if err := tree.Close(); err != nil {
		return nil, err
	}
	tree, _, err = applyOnce(plan, profile, opts, true)
	return tree, err
}

// applyOnce carries the plan out. With hold, the journal of every host tree that
// mounts need mount points in is held from the start, whether or not one is missing.
// raced tells that other boots' journals came or went.
func applyOnce(plan *Plan, profile Profile, opts ApplyOptions, hold bool) (tree *Tree, raced bool, err error) {
	b := &builder{
		k: &kernel{before: opts.before, ids: opts.ids}, plan: plan, profile: profile, opts: opts, empty: -1, hold: hold,
		mounted: make(map[string]*place), layers: make(map[int]int),
		subs: make(map[int][]submount), null: -1, slave: -1,
		remounts: slices.ContainsFunc(plan.Steps, func(s Step) bool { return s.Op == OpRemount }),
	}
	b.tree = &Tree{Root: pathres.At(-1), target: -1}
	b.seen = seenJournals(opts.StateDir)
	old := unix.Umask(0) // modes are exact
	err = b.run()
	unix.Umask(old)
	b.release()
	if err != nil {
		b.tree.Close()
		return nil, false, err
	}
	return b.tree, b.raced || seenJournals(opts.StateDir) != b.seen, nil
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
	return b.terminal()
}

// terminal makes the process's terminal, wherever /dev is.
func (b *builder) terminal() error {
	if b.opts.openTerminal == nil {
		return nil
	}
	_, err := b.openTerminal()
	return err
}

// openTerminal makes the process's terminal, once.
func (b *builder) openTerminal() (slave int, err error) {
	if b.slave < 0 {
		if err = b.k.ask("openat2"); err == nil {
			b.slave, err = b.opts.openTerminal(b.tree.Root)
		}
		if err != nil {
			return -1, fmt.Errorf("process.terminal: %w", err)
		}
	}
	return b.slave, nil
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

func (e *StepError) Error() string {
	return visible(e.Origin + " " + e.Destination + ": " + e.Err.Error())
}

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

// step carries out one step after the root.
func (b *builder) step(i int) error {
	s := &b.plan.Steps[i]
	switch s.Op {
	case OpBind:
		return b.bind(i, s)
	case OpMount:
		return b.mount(i, s)
	case OpShared:
		return b.shared(i, s)
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
	case OpLink:
		return b.link(s)
	case OpDevice:
		return b.device(s)
	case OpMask:
		return b.mask(s)
	case OpReadonly:
		return b.readonly(s)
	case OpSeal:
		return b.seal(s)
	case OpConsole:
		return b.console(s)
	case OpRemount:
		return b.remount(s)
	}
	return fmt.Errorf("unknown operation %q", s.Op)
}

func (b *builder) report(format string, args ...any) {
	if b.opts.Report != nil {
		b.opts.Report(fmt.Sprintf(format, args...))
	}
}
