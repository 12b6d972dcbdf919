package nsmount

import (
	"errors"
	"fmt"

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
	binds   map[string]int // the last bind at a target, once it is asked for
	table   []string       // the mount points of the caller's namespace, where they are needed
	empty   int            // the shared empty directory of masked paths
	null    int            // the container's /dev/null, checked
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

func (b *builder) report(format string, args ...any) {
	if b.opts.Report != nil {
		b.opts.Report(fmt.Sprintf(format, args...))
	}
}
