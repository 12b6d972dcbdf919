package nsmount

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/nsboot/nsboot/internal/terminal"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// ownTerminal is the terminal of a process whose config asks for one. A nil one
// is that of a process that gets none.
type ownTerminal struct {
	callers uint64 // device of the caller's own devpts, of which none is made
	socket  int    // where the master goes; -1: nsboot copies
	pair    terminal.Pair
	session *terminal.Session
}

// newTerminal prepares what needs the caller's view of the host: nil without
// process.terminal.
func newTerminal(p *Process, consoleSocket string) (*ownTerminal, error) {
	if !p.Terminal {
		return nil, nil
	}
	t := &ownTerminal{callers: terminal.CallersDevpts(), socket: -1, pair: terminal.Pair{Master: -1, Slave: -1}}
	if consoleSocket != "" {
		var err error
		if t.socket, err = terminal.Dial(consoleSocket); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// openTerminal makes the terminal in the container's tree, in place of one made
// in a tree that was given up, and sets it up: the process finds it so.
func (l *launcher) openTerminal(root pathres.Root) (slave int, err error) {
	t := l.terminal
	t.pair.Close()
	if t.pair, err = terminal.Open(root, t.callers); err != nil {
		t.pair = terminal.Pair{Master: -1, Slave: -1}
		return -1, err
	}
	uid, _, _ := l.ids.outside(l.p.UID, 0)
	if err := t.pair.Own(uint32(uid)); err != nil {
		return -1, err
	}
	rows, columns := uint16(0), uint16(0)
	if t.socket < 0 {
		if err := terminal.Relay(t.pair.Master); err != nil {
			return -1, err
		}
		rows, columns = terminal.CallersSize()
	}
	if s := l.p.ConsoleSize; s != nil && rows == 0 && columns == 0 {
		rows, columns = s.Rows, s.Columns
	}
	return t.pair.Slave, terminal.SetSize(t.pair.Master, rows, columns)
}

func (t *ownTerminal) slaveFD() int {
	if t == nil {
		return 0
	}
	return t.pair.Slave
}

// closeSlave leaves it to the process alone: its end is then seen by the master.
func (t *ownTerminal) closeSlave() {
	if t != nil {
		closeFD(t.pair.Slave)
		t.pair.Slave = -1
	}
}

// handOver sends the master to the console socket, if there is one.
func (t *ownTerminal) handOver() error {
	if t == nil || t.socket < 0 {
		return nil
	}
	if err := terminal.Send(t.socket, t.pair.Master); err != nil {
		return err
	}
	closeFD(t.pair.Master)
	closeFD(t.socket)
	t.pair.Master, t.socket = -1, -1
	return nil
}

// attach begins to copy between the process's terminal and the caller's, once the
// process runs and each signal that could end nsboot is collected: from then on
// the caller's terminal is raw.
func (l *launcher) attach() error {
	t := l.terminal
	if t == nil || t.pair.Master < 0 {
		return nil
	}
	<-l.watched
	session, err := terminal.Attach(t.pair.Master)
	t.pair.Master = -1 // the session's
	t.session = session
	return err
}

// drain waits until all is out that the process has written. A signal that would
// end nsboot ends the wait.
func (t *ownTerminal) drain(signals <-chan os.Signal) {
	if t == nil || t.session == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		t.session.Close()
		close(done)
	}()
	for {
		select {
		case <-done:
			t.session = nil
			return
		case s := <-signals:
			if deadly(s.(unix.Signal)) {
				t.session.Abandon()
			}
		}
	}
}

// close gives back what is still held.
func (t *ownTerminal) close() {
	if t == nil {
		return
	}
	if t.session != nil {
		t.session.Abandon()
		t.session.Close()
		t.session = nil
	}
	t.pair.Close()
	closeFD(t.socket)
	t.pair, t.socket = terminal.Pair{Master: -1, Slave: -1}, -1
}

// inSession runs f on the session, if nsboot copies.
func (t *ownTerminal) inSession(f func(*terminal.Session)) bool {
	if t == nil || t.session == nil {
		return false
	}
	f(t.session)
	return true
}

// suspend is what Ctrl-Z does: the process and what it has started is stopped,
// then nsboot, unless the kernel will not have it stopped, for nobody is there
// who could go on with it. When that is over all goes on.
func (l *launcher) suspend() {
	l.terminal.inSession((*terminal.Session).Suspend)
	unix.Kill(-l.pid, unix.SIGSTOP)
	stopSelf()
	unix.Kill(-l.pid, unix.SIGCONT)
	l.terminal.inSession((*terminal.Session).Resume)
}

// stopSelf has the kernel do to nsboot what SIGTSTP does to a program without a
// handler for it. The Go runtime keeps its own once it has been asked for the
// signal, also when that is over: hence the system calls.
func stopSelf() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const setSize = 8
	var byDefault, was [8]uint64 // a struct sigaction is half as large
	set := func(action, old *[8]uint64) syscall.Errno {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTSTP), uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(old)), setSize, 0, 0)
		return errno
	}
	if set(&byDefault, &was) == 0 {
		unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGTSTP)
		set(&was, nil)
	}
}

// controllingTerminal reports whether the caller has one: a process in the same
// session could type into it (CVE-2017-5226), by /dev/tty too.
func controllingTerminal() bool {
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return !errors.Is(err, unix.ENXIO)
}
