package nsmount

import (
	"bytes"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/nsboot/nsboot/internal/terminal"
	"golang.org/x/sys/unix"
)

// rareSignals is how long after fork the less usual signals are collected.
const rareSignals = 5 * time.Millisecond

// watchSignals collects what is to be passed on. Left to nsboot itself are
// those that job control sends to a whole process group (TTIN, TTOU, and TSTP
// unless the process is out of it, in a session of its own), those about nsboot's
// own doings (CHLD, PIPE, URG, PROF), and those that the caller had it ignore,
// which the process ignores as well.
//
// os/signal takes 30 to 80 µs for each signal, more for all of them than the
// rest of a boot. So another thread does it while the file system is built:
// first what people send, which release waits for (awaitSignals), then, unless
// the process has ended already, the rest.
func (l *launcher) watchSignals() {
	const last = 64
	var first, rest []os.Signal
	for s := unix.Signal(1); s <= last; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG, unix.SIGPIPE, unix.SIGPROF,
			unix.SIGTTIN, unix.SIGTTOU, 32, 33: // 32 and 33 are the C library's
		case unix.SIGTSTP:
			if l.s.ownSession && !signal.Ignored(s) {
				rest = append(rest, s)
			}
		case unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT:
			if !signal.Ignored(s) {
				first = append(first, s)
			}
		default:
			rest = append(rest, s)
		}
	}
	collected, ready, watched, stop := l.signals, make(chan struct{}), make(chan struct{}), make(chan struct{})
	if collected == nil {
		collected = make(chan os.Signal, last)
	}
	l.signals, l.ready, l.watched, l.unwatch = collected, ready, watched, stop
	go func() {
		if len(first) > 0 {
			signal.Notify(collected, first...)
		}
		close(ready)
		// Not a timer of the runtime's: its first one opens an epoll descriptor,
		// and where there is none to be had that ends the program.
		if l.terminal == nil { // the caller's is not to be raw before
			wait := unix.NsecToTimespec(int64(rareSignals))
			unix.Nanosleep(&wait, nil)
		}
		select {
		case <-stop:
		default:
			signal.Notify(collected, rest...)
			close(watched)
			<-stop
		}
		signal.Stop(collected)
	}()
}

// holdSignals keeps what people send from ending nsboot while there are mount
// points on the host to be removed: it is collected for the process from now on,
// and until unhold it ends nothing. Unlike watchSignals it returns only when that
// is so; a boot that makes no stub is spared the time.
func (l *launcher) holdSignals() {
	if l.held != nil {
		return
	}
	l.held = make(chan os.Signal, 1)
	watched := l.ready != nil // there is a child, and watchSignals is at it
	if watched {
		<-l.ready
	} else {
		l.signals = make(chan os.Signal, 64)
	}
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT} {
		if signal.Ignored(s) {
			continue
		}
		signal.Notify(l.held, s)
		if !watched {
			signal.Notify(l.signals, s)
		}
	}
}

// unhold ends holdSignals, if it was called.
func (l *launcher) unhold() {
	if l.held != nil {
		signal.Stop(l.held)
		signal.Stop(l.signals)
	}
}

// forward passes one signal on, so that `kill` and Ctrl-C do to nsboot what
// they would do to the process if it had been started without nsboot.
//
// Pid 1 of a pid namespace is special: the kernel drops a signal that it has
// no handler for. Where a plain command would have died, it is killed, and
// endedBySignal makes the exit code say of what.
func (l *launcher) forward(s unix.Signal) {
	switch {
	case s == unix.SIGTSTP:
		l.suspend()
		return
	case s == unix.SIGWINCH && l.terminal.inSession((*terminal.Session).Resize):
		return
	}
	if l.isInit && deadly(s) && l.defaultAction(s) == actionDefault {
		l.endedBySignal.CompareAndSwap(0, int32(s))
		unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
		return
	}
	// A terminal sends these to its whole foreground process group. If that is
	// nsboot's, then all that the process has started would have had them, but for
	// their being in a session of their own; where they are not, they have.
	if (s == unix.SIGINT || s == unix.SIGQUIT || s == unix.SIGWINCH) && inForeground() {
		if l.s.ownSession {
			unix.Kill(-l.pid, s)
		}
		return
	}
	unix.PidfdSendSignal(l.pidfd, s, nil, 0)
}

// deadly reports whether the default action of a signal ends a process.
func deadly(s unix.Signal) bool {
	switch s {
	case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return false
	}
	return true
}

// action is what a process would do about a signal.
type action int

const (
	actionOwn     action = iota // it handles or ignores it, or nobody can tell
	actionDefault               // the default
	actionBlocked               // the default, once it is no longer blocked
)

// blockedFor is how long a blocked signal is waited for: a shell blocks signals
// around a fork, and the kernel then drops one that pid 1 has no handler for. One
// that stays blocked is on its way to sigwait or a signalfd.
const blockedFor = 20 * time.Millisecond

// defaultAction says what the process would do, as far as /proc can tell.
func (l *launcher) defaultAction(s unix.Signal) action {
	const step = time.Millisecond
	for waited := time.Duration(0); ; waited += step {
		a := l.actionNow(s)
		if a != actionBlocked {
			return a
		}
		if waited >= blockedFor {
			return actionOwn
		}
		wait := unix.NsecToTimespec(int64(step))
		unix.Nanosleep(&wait, nil)
	}
}

func (l *launcher) actionNow(s unix.Signal) action {
	if l.procDir < 0 {
		return actionOwn
	}
	fd, err := unix.Openat(l.procDir, "status", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return actionOwn
	}
	defer unix.Close(fd)
	buf := make([]byte, 8192) // a process in many groups has a long Groups line
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err != nil || m == 0 {
			break
		}
		n += m
	}
	return statusAction(buf[:n], s)
}

// statusAction reads the three masks of /proc/PID/status. All must be there: a
// cut-off file says nothing.
func statusAction(status []byte, s unix.Signal) action {
	found, blocked := 0, false
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":\t"))
		switch string(name) {
		case "SigBlk", "SigIgn", "SigCgt":
		default:
			continue
		}
		mask, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
		set := mask&(1<<(s-1)) != 0
		if err != nil || set && string(name) != "SigBlk" {
			return actionOwn
		}
		blocked = blocked || set
		found++
	}
	switch {
	case found != 3:
		return actionOwn
	case blocked:
		return actionBlocked
	}
	return actionDefault
}

// inForeground reports whether one of the standard descriptors is a terminal
// whose foreground process group is nsboot's own.
func inForeground() bool {
	for fd := range 3 {
		if group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err == nil && group == unix.Getpgrp() {
			return true
		}
	}
	return false
}
