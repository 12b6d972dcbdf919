// Package screen is a terminal for a test to sit at: what a program shows on it
// can be waited for, what is typed is read by the program.
//
//	s := screen.Open(t, 24, 80)
//	s.Start(exec.Command("sh"))
//	s.Await("$ ")
//	s.Type("exit\n")
//
// It guarantees that the program has the terminal as its controlling one, in a
// session of its own, and that the terminal is gone after the test.
//
// It does not understand what is shown: text is compared as it was written.
//
// Where it differs from runsc: runsc has nothing of the kind.
package screen

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Screen is an open terminal.
type Screen struct {
	t      testing.TB
	master int
	Slave  *os.File

	mu   sync.Mutex
	text strings.Builder
}

// Open makes a terminal of the caller's devpts with a window of that size.
func Open(t testing.TB, rows, columns uint16) *Screen {
	t.Helper()
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(master) })
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		t.Fatal(errno)
	}
	s := &Screen{t: t, master: master, Slave: os.NewFile(fd, "terminal")}
	t.Cleanup(func() { s.Slave.Close() }) // first, and with it goes the last reader
	s.Resize(rows, columns)
	go s.read()
	return s
}

// Of is a screen on the master that somebody has handed over.
func Of(t testing.TB, master int) *Screen {
	s := &Screen{t: t, master: master}
	t.Cleanup(func() { unix.Close(master) })
	go s.read()
	return s
}

func (s *Screen) read() {
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(s.master, buf)
		switch {
		case err == unix.EINTR:
		case n <= 0:
			return
		default:
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
		}
	}
}

// Start starts a program on the screen. Descriptors that cmd has set stay.
func (s *Screen) Start(cmd *exec.Cmd) *exec.Cmd {
	s.t.Helper()
	ctty := -1
	if cmd.Stderr == nil {
		cmd.Stderr, ctty = s.Slave, 2
	}
	if cmd.Stdout == nil {
		cmd.Stdout, ctty = s.Slave, 1
	}
	if cmd.Stdin == nil {
		cmd.Stdin, ctty = s.Slave, 0
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: ctty >= 0, Ctty: max(ctty, 0), Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// Type types.
func (s *Screen) Type(text string) {
	s.t.Helper()
	if _, err := unix.Write(s.master, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// Text is all that was shown so far, without carriage returns.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.text.String(), "\r", "")
}

// Await waits until something is shown, and forgets all up to it.
func (s *Screen) Await(want string) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		text := s.Text()
		if i := strings.Index(text, want); i >= 0 {
			s.mu.Lock()
			rest := strings.ReplaceAll(s.text.String(), "\r", "")[i+len(want):]
			s.text.Reset()
			s.text.WriteString(rest)
			s.mu.Unlock()
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain for %q; shown is %q", want, text)
		}
	}
}

// Resize changes the size of the window.
func (s *Screen) Resize(rows, columns uint16) {
	s.t.Helper()
	if err := unix.IoctlSetWinsize(s.master, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		s.t.Fatal(err)
	}
}

// Modes are the terminal's settings.
func (s *Screen) Modes() unix.Termios {
	s.t.Helper()
	modes, err := unix.IoctlGetTermios(s.master, unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return *modes
}

// Raw reports whether what is typed goes on as it is.
func (s *Screen) Raw() bool { return s.Modes().Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) == 0 }
