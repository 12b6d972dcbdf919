package terminal

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/containerd/console"
	"golang.org/x/sys/unix"
)

// Session copies between a pseudo-terminal and descriptors 0, 1 and 2, which
// may be the terminal that nsboot was started on, or anything else.
type Session struct {
	master int             // -1 once it is hung up
	caller console.Console // standard input, if that is a terminal: it is raw meanwhile

	quit  int // an eventfd: nothing more is typed
	ended int // an eventfd: the process has ended, so its output comes to an end

	typed   chan struct{} // closed once the input side is through
	shown   chan struct{} // closed once all output is out
	given   chan struct{} // closed by Abandon
	abandon sync.Once
	restore sync.Once
	mu      sync.Mutex // of master, which the output side closes if nobody reads it
}

// Attach starts a session on the master, which it takes. Standard input, if it is
// a terminal, becomes raw: what a person types is for the process, Ctrl-C too.
func Attach(master int) (*Session, error) {
	s := &Session{
		master: master, quit: -1, ended: -1,
		typed: make(chan struct{}), shown: make(chan struct{}), given: make(chan struct{}),
	}
	if err := s.open(); err != nil {
		s.release()
		return nil, err
	}
	s.Resize()
	if s.caller != nil {
		if err := s.caller.SetRaw(); err != nil {
			s.release()
			return nil, fmt.Errorf("make the caller's terminal raw: %w", err)
		}
	}
	go s.guarded(s.typed, master, s.input)
	go s.guarded(s.shown, master, s.output)
	return s, nil
}

func (s *Session) open() error {
	if err := unix.SetNonblock(s.master, true); err != nil {
		return fmt.Errorf("set up the terminal: %w", err)
	}
	for _, fd := range []*int{&s.quit, &s.ended} {
		var err error
		if *fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
			return fmt.Errorf("set up the terminal: eventfd: %w", err)
		}
	}
	if c, err := console.ConsoleFromFile(os.Stdin); err == nil {
		s.caller = c
	}
	return nil
}

// Relay sets a terminal up whose output a session shows. The caller's goes on
// making CR LF of a line's end, so this one is not to do so too; and a file or a
// pipe gets none, as of any program.
func Relay(master int) error {
	if err := console.ClearONLCR(uintptr(master)); err != nil {
		return fmt.Errorf("set up the terminal: %w", err)
	}
	return nil
}

// CallersSize is the size of the window of the first of descriptors 0, 1 and 2
// that is a terminal; zeros if none is, or it has none.
func CallersSize() (rows, columns uint16) {
	for fd := range 3 {
		if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
			return size.Row, size.Col
		}
	}
	return 0, 0
}

// Resize gives the process's window the size of the caller's, if that has one.
// The kernel tells the process.
func (s *Session) Resize() {
	rows, columns := CallersSize()
	if rows == 0 && columns == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master >= 0 {
		SetSize(s.master, rows, columns)
	}
}

// Suspend puts the caller's terminal back while nsboot is stopped, Resume takes
// it again. In the background it is left alone: whoever brings nsboot to the
// front resumes it once more.
func (s *Session) Suspend() {
	if s.caller != nil {
		s.caller.Reset()
	}
}

// Resume is the end of Suspend.
func (s *Session) Resume() {
	if s.caller == nil {
		return
	}
	if group, err := unix.IoctlGetInt(stdin, unix.TIOCGPGRP); err == nil && group == unix.Getpgrp() {
		s.caller.SetRaw()
	}
	s.Resize()
}

// Close is for when the process has ended: it waits until what it wrote is out,
// and puts the caller's terminal back.
func (s *Session) Close() {
	signal(s.quit)
	<-s.typed
	signal(s.ended)
	select {
	case <-s.shown:
		s.release()
	case <-s.given: // a goroutine still writes: what it uses stays open
		s.reset()
	}
}

// Abandon has Close wait no longer: what is not out yet is lost.
func (s *Session) Abandon() { s.abandon.Do(func() { close(s.given) }) }

func (s *Session) reset() {
	s.restore.Do(func() {
		if s.caller != nil {
			s.caller.Reset()
		}
	})
}

func (s *Session) release() {
	s.reset()
	s.hangUp()
	for _, fd := range []int{s.quit, s.ended} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// hangUp closes the master: to the process it is as if its window were closed.
func (s *Session) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master >= 0 {
		unix.Close(s.master)
		s.master = -1
	}
}

// guarded runs one side. A panic of it ends the program, but not before the
// caller's terminal is put back.
func (s *Session) guarded(done chan struct{}, master int, side func(master int)) {
	defer close(done)
	defer func() {
		if r := recover(); r != nil {
			s.reset()
			panic(r)
		}
	}()
	side(master)
}

func signal(eventfd int) {
	one := [8]byte{1, 1, 1, 1, 1, 1, 1, 1}
	unix.Write(eventfd, one[:])
}

// await polls until one of the descriptors is ready, or the time is up.
func await(timeout time.Duration, fds ...unix.PollFd) []unix.PollFd {
	ms := -1
	if timeout >= 0 {
		ms = int(timeout.Milliseconds())
	}
	for {
		_, err := unix.Poll(fds, ms)
		switch {
		case errors.Is(err, unix.EINTR) && ms <= 0:
		case err != nil:
			return make([]unix.PollFd, len(fds))
		default:
			return fds
		}
	}
}
