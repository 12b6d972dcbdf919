package nsmount

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/nsboot/nsboot/internal/stubs"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// HoldOptions say how a created process waits to be started. StartFIFO and
// OutcomeFIFO are FIFOs that the caller has made; Start takes the same two.
type HoldOptions struct {
	StartFIFO, OutcomeFIFO string

	// Forked, if not nil, is told the process's pid and start time as soon as
	// there is one: long before Create returns, so that it can be recorded.
	// Its error fails the boot.
	Forked func(pid int, startTime uint64) error
}

// Created is a process that waits to be started. It outlives the caller.
type Created struct {
	Pid       int      // as the caller sees it
	StartTime uint64   // in clock ticks since the machine's boot: tells it from a recycled pid
	Stubs     []string // host directories in which mount points were made (S5)
}

// errNoSocket is a process with a terminal of its own that outlives nsboot, and
// nobody to take the other side.
var errNoSocket = errors.New("process.terminal: no console socket to hand the terminal to, and nobody here to copy")

// Create is Boot up to the exec: everything is mounted, the root is switched,
// and the process waits, with none of nsboot's code but system calls and none
// of its descriptors, for Start. It lives on when the caller ends. Mount points
// made on the host stay as long as it lives; SweepStubs removes them then.
func Create(plan *Plan, p *Process, o BootOptions, hold HoldOptions) (*Created, error) {
	o.hold = &hold
	if p.Terminal && o.ConsoleSocket == "" {
		return nil, errNoSocket
	}
	b, err := newBooter(plan, p, o)
	if err != nil {
		return nil, err
	}
	l := b.launcher
	defer l.unhold()
	defer b.close()
	if err := b.construct(); err != nil {
		return nil, err
	}
	fail := func(err error) (*Created, error) {
		l.kill()
		return nil, errors.Join(err, b.undo())
	}
	c := &Created{Pid: l.pid, StartTime: b.startTime}
	for _, j := range b.tree.journals {
		if err := j.HoldFor(stubs.Holder{Pid: c.Pid, StartTime: c.StartTime}); err != nil {
			return fail(err)
		}
		if j.BasePath() == "" {
			return fail(fmt.Errorf("mount points are missing in a tree that was handed over detached: nothing says where it is, so they could not be removed when the container is gone: hand over a descriptor of the directory, or make it read-only"))
		}
		c.Stubs = append(c.Stubs, j.BasePath())
	}
	if err := b.letGo(); err != nil {
		return fail(err)
	}
	for _, j := range b.tree.journals {
		j.Release()
	}
	l.abandon()
	return c, nil
}

// openHold opens the FIFOs for the child. Opened for both directions they never
// block and never end.
func (l *launcher) openHold(o *HoldOptions) error {
	for _, f := range []struct {
		path string
		fd   *uintptr
	}{{o.StartFIFO, &l.s.startFD}, {o.OutcomeFIFO, &l.s.outcomeFD}} {
		fd, err := unix.Open(f.path, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			fd, err = l.raise(fd)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		*f.fd = uintptr(fd)
		l.childEnds = append(l.childEnds, fd)
	}
	l.s.hold = true
	return nil
}

// raise moves a descriptor far above the places that a held process keeps its
// own in.
func (l *launcher) raise(fd int) (int, error) {
	up, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 64+int(l.s.preserve))
	unix.Close(fd)
	return up, err
}

// Start lets a created process go and waits until it has become the program,
// which exe names for the error.
func Start(startFIFO, outcomeFIFO, exe string) error {
	outcome, err := openFIFO(outcomeFIFO, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(outcome)
	start, err := openFIFO(startFIFO, unix.O_WRONLY)
	if errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("start: nobody waits to be started: %w", unix.ESRCH)
	}
	if err != nil {
		return err
	}
	defer unix.Close(start)
	if _, err := unix.Write(start, []byte{1}); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := awaitOutcome(outcome, exe); err != nil {
		return err
	}
	// Exec lets go of the two in no certain order. Whoever asks next whether the
	// process still waits looks at the start FIFO, which must be free by then.
	left := []unix.PollFd{{Fd: int32(start)}} // an error, once it has no reader
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		if n, err := unix.Poll(left, 100); err == nil && n > 0 {
			break
		}
	}
	return nil
}

// openFIFO opens one end, which blocks for nothing. What is no FIFO would be
// waited for without end.
func openFIFO(path string, flags int) (int, error) {
	fd, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("start: %s: %w", path, err)
	}
	st, err := fstat(fd)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFIFO {
		err = errors.New("something else than the FIFO that the process waits by")
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("start: %s: %w", path, err)
	}
	return fd, nil
}

// awaitOutcome reads until the process has closed its end, which exec does, or
// has told of a failure.
func awaitOutcome(outcome int, exe string) error {
	fds := []unix.PollFd{{Fd: int32(outcome), Events: unix.POLLIN}}
	var r record
	for {
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("start: poll: %w", err)
		} else if err != nil {
			continue
		}
		n, err := unix.Read(outcome, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)))
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return fmt.Errorf("start: %w", err)
		case n == 0:
			return nil
		}
		l := launcher{p: &Process{}, s: &script{}}
		copy(l.s.msg.exe[:], exe)
		return l.launchError(r)
	}
}

// SweepStubs removes the mount points that were made in the host directory base
// for processes that have ended (S5); those of the living stay.
func SweepStubs(stateDir, base string) error {
	if stateDir == "" {
		stateDir = DefaultStateDir()
	}
	root, err := pathres.Open(base)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil // and with the directory, what was made in it
	}
	if err != nil {
		return err
	}
	defer root.Close()
	j, err := stubs.Open(stateDir, root, base, false)
	if err != nil {
		return err
	}
	return j.Close()
}
