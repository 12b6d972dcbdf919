package nsmount

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/nsboot/nsboot/internal/stubs"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// BootOptions are the choices of one Boot.
type BootOptions struct {
	ApplyOptions

	// PreserveFDs is how many descriptors from 3 on stay open in the process.
	PreserveFDs int

	// ConsoleSocket is the path of the AF_UNIX socket that the master of the
	// process's terminal goes to, where Process.Terminal asks for one. Empty, Boot
	// copies between that terminal and descriptors 0, 1 and 2; Create cannot.
	ConsoleSocket string

	// SameSession leaves the process in the caller's session, with the caller's
	// terminal as its own: for a command that is the caller's, and may type there.
	SameSession bool

	// Moments, if not nil, are called while the container comes up. There is
	// then always a child, whose pid they are told.
	Moments *Moments

	// Pod, if not nil, makes the container a child of a pod.
	Pod *Pod

	// Listener is given the listener of the process's seccomp filter, if it has
	// one, and closed when it returns. It is called in the caller's own
	// namespaces; its error ends the boot.
	Listener func(pid, fd int) error

	hold *HoldOptions // of Create
}

// Boot carries plan out in namespaces of its own and runs p in it, in the line
//
//	namespaces -> Apply -> find the executable -> switch the root -> exec
//
// Where nothing is left to do afterwards (no pid namespace, no mount points to
// remove from the host) the calling process becomes p and Boot does not
// return. Else it returns p's exit code, or 128 plus the signal that ended it;
// by then nothing of the container is left.
//
// Boot locks its goroutine to the thread, for good: call it from main, with
// the main goroutine locked in an init function, so that the process dies with
// nsboot whatever ends that.
func Boot(plan *Plan, p *Process, o BootOptions) (code int, err error) {
	b, err := newBooter(plan, p, o)
	if err != nil {
		return 0, err
	}
	l := b.launcher
	defer l.unhold()
	defer b.close()
	if err := b.construct(); err != nil {
		return 0, err
	}
	if l.pid == 0 {
		err := l.execHere(b.exe, b.cwd)
		return 0, errors.Join(err, b.undo())
	}
	if err := b.letGo(); err != nil {
		l.kill()
		return 0, errors.Join(err, b.undo())
	}
	code, err = l.wait()
	return code, errors.Join(err, b.undo())
}

// newBooter locks the thread and prepares the launch.
func newBooter(plan *Plan, p *Process, o BootOptions) (*booter, error) {
	runtime.LockOSThread()
	profile, err := ProfileByName(plan.Profile)
	if err != nil {
		return nil, err
	}
	l, err := newLauncher(p, o.PreserveFDs)
	if err != nil {
		return nil, err
	}
	if err := l.setFilter(o.Listener); err != nil {
		return nil, err
	}
	l.s.ownSession = !o.SameSession
	if l.terminal, err = newTerminal(p, o.ConsoleSocket); err != nil {
		return nil, err
	}
	b := &booter{plan: plan, process: p, profile: profile, opts: o, launcher: l, home: noHome(), cwd: -1}
	b.opts.beforeStub = l.holdSignals
	if l.terminal != nil {
		b.opts.openTerminal = l.openTerminal
	}
	if l.keptGroups && o.Report != nil {
		o.Report("process.user.additionalGids: the caller's groups stay: the user namespace lets nobody drop them")
	}
	return b, nil
}

// construct makes namespaces, tree and waiting child, and switches the root;
// after an error nothing of it is left.
func (b *booter) construct() error {
	if err := b.prepare(); err != nil {
		b.launcher.kill()
		return err
	}
	if err := b.build(); err != nil {
		b.launcher.kill()
		return errors.Join(err, b.undo())
	}
	return nil
}

// fork makes the child that waits for the file system.
func (b *booter) fork(newPID, wantProc bool) error {
	if err := b.launcher.fork(newPID, wantProc); err != nil {
		return err
	}
	if b.opts.hold == nil {
		return nil
	}
	var err error
	if b.startTime, _, err = stubs.ProcessStart(b.launcher.pid); err != nil {
		return fmt.Errorf("start time of the process: %w", err)
	}
	if b.opts.hold.Forked == nil {
		return nil
	}
	return b.opts.hold.Forked(b.launcher.pid, b.startTime)
}

// booter is the state of one Boot.
type booter struct {
	plan     *Plan
	process  *Process
	profile  Profile
	opts     BootOptions
	launcher *launcher
	home     home
	pod      *podMember // nil if it is of no pod
	tree     *Tree
	exe      string
	cwd      int // descriptor of process.cwd in the container
	switched bool

	startTime uint64 // of the process, for Create
}

// prepare does what needs the caller's namespaces, and enters the new ones.
func (b *booter) prepare() error {
	ns, err := openNamespaces(b.process)
	if err != nil {
		return err
	}
	defer ns.close()
	b.launcher.s.prepareTime(ns, b.process.TimeOffsets)
	if b.opts.Sources != nil {
		if err := b.detachSources(); err != nil {
			return err
		}
	}
	if b.opts.idmaps, err = openIDMaps(b.plan, &kernel{before: b.opts.before}); err != nil {
		return err
	}
	if b.home, err = openHome(); err != nil {
		return err
	}
	if b.opts.Pod != nil {
		if err := b.openPod(); err != nil {
			return err
		}
	}
	if b.opts.hold != nil {
		if err := b.launcher.openHold(b.opts.hold); err != nil {
			return err
		}
	}
	if b.opts.Cgroups != nil && ns.newFlags&unix.CLONE_NEWCGROUP != 0 {
		// Its root is the cgroup that its maker is in: the child's business.
		ns.newFlags &^= unix.CLONE_NEWCGROUP
		b.launcher.s.newCgroup = true
	}
	enter := ns.enter
	if ns.ofUser() {
		enter = func() error { return b.enterUser(ns) }
	}
	if err := enter(); err != nil {
		return err
	}
	if err := setSysctls(b.process.Sysctls); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|b.plan.propagation(), ""); err != nil {
		return fmt.Errorf("make / private: %w", nsError(err))
	}
	if !ns.needsChild() || ns.ofUser() {
		return nil
	}
	return b.forkWithProc(ns.newPID)
}

// forkWithProc makes the child, and with it the procfs of its pid namespace.
func (b *booter) forkWithProc(newPID bool) error {
	proc := b.procStep()
	if proc != nil {
		b.launcher.procData = append([]string{"source=" + proc.Source}, proc.Data...)
	}
	if err := b.fork(newPID, proc != nil); err != nil {
		return err
	}
	b.opts.procErr = b.launcher.procErr
	if fd := b.launcher.procFD; fd >= 0 {
		b.opts.ProcFD = fd + 1
	}
	return nil
}

func (b *booter) procStep() *Step {
	i := slices.IndexFunc(b.plan.Steps, func(s Step) bool { return s.Op == OpMount && s.Type == "proc" })
	if i < 0 {
		return nil
	}
	return &b.plan.Steps[i]
}

// build makes the container's tree and switches to it.
func (b *booter) build() error {
	var err error
	if b.tree, err = Apply(b.plan, b.opts.ApplyOptions); err != nil {
		return err
	}
	cwd := b.process.Cwd
	if b.exe, err = pathres.LookPath(b.tree.Root, b.process.Args[0], cwd, b.process.Env, b.profile.Lookup); err != nil {
		return fmt.Errorf("process.args[0]: %w", err)
	}
	if b.cwd, err = b.tree.Root.Open(cwd, unix.O_PATH|unix.O_DIRECTORY, false); err != nil {
		return fmt.Errorf("process.cwd %s: %w", visible(cwd), err)
	}
	if b.launcher.pid == 0 && b.needsParent() {
		if err := b.fork(false, false); err != nil {
			return err
		}
	}
	if err := b.launcher.setOOM(); err != nil {
		return err
	}
	if err := b.launcher.schedule(); err != nil {
		return err
	}
	if err := b.opts.Moments.built(b.launcher.pid); err != nil {
		return err
	}
	if err := b.switchRoot(); err != nil {
		return err
	}
	if b.pod == nil {
		return b.rootPropagation()
	}
	// In between, for a mount that is unbindable by now has no second view.
	if err := b.copyForPod(); err != nil {
		return err
	}
	if err := b.rootPropagation(); err != nil {
		return err
	}
	return b.publish()
}

// needsParent reports whether the process cannot be nsboot itself, though it is in
// no pid namespace of its own: something is left to do, or it must have a session
// of its own, which nsboot, often the leader of its process group, cannot make. Nor
// may its scheduling be nsboot's: the Go runtime ends a program that cannot have
// another thread, and under SCHED_DEADLINE none can be made.
func (b *booter) needsParent() bool {
	return b.tree.HasStubs() || b.opts.hold != nil || b.opts.Moments != nil || b.process.Terminal || b.process.Scheduler != nil || b.launcher.s.filter.listener ||
		!b.opts.SameSession && controllingTerminal()
}
