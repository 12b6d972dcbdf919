package nsmount

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLaunchParentKilled: SIGKILL of nsboot ends the process, also after a
// change of user, which makes the kernel forget the death signal. The end is
// seen by the end of its output: nobody else holds it.
func TestLaunchParentKilled(t *testing.T) {
	for _, namespaces := range [][]Namespace{nil, pidNS} {
		for _, uid := range []uint32{0, 1000} {
			o := order{Process: payload(t, "sleep")}
			o.Process.Namespaces, o.Process.UID = namespaces, uid
			public(t, &o)
			cmd, out := start(t, bootCommand(t, o))
			expect(t, out, "ready")
			cmd.Process.Kill()
			if !ends(out) {
				t.Errorf("namespaces %v, uid %d: the process outlives nsboot", namespaces, uid)
			}
			cmd.Wait()
		}
	}
}

func TestLaunchSignals(t *testing.T) {
	sleep := Process{Args: []string{"/bin/sleep", "60"}, Cwd: "/"}
	ignoring := Process{Args: []string{"/bin/sh", "-c", `trap "" TERM; echo ready; sleep 1; exit 5`}, Cwd: "/"}
	for _, tt := range []struct {
		name    string
		process Process
		signal  unix.Signal
		want    int
	}{
		{"no handler", sleep, unix.SIGTERM, 143},
		{"no handler, interrupt", sleep, unix.SIGINT, 130},
		{"no handler, user signal", sleep, unix.SIGUSR1, 138},
		{"no handler, real-time", sleep, 40, 168},
		{"handler, once", payload(t, "count", "15"), unix.SIGTERM, 1},
		{"handler, hang-up", payload(t, "count", "1"), unix.SIGHUP, 1},
		{"handler, window size", payload(t, "count", "28"), unix.SIGWINCH, 1},
		{"ignored", ignoring, unix.SIGTERM, 5},
	} {
		for _, namespaces := range [][]Namespace{nil, pidNS} {
			o := order{Process: tt.process, Say: true}
			o.Process.Namespaces = namespaces
			cmd, out := start(t, bootCommand(t, o))
			if tt.process.Args[0] == sleep.Args[0] {
				expect(t, out, "released")
			} else {
				expectBoth(t, out, "released", "ready")
			}
			if err := cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			if !ends(out) {
				t.Errorf("%s, namespaces %v: does not end", tt.name, namespaces)
				cmd.Process.Kill()
			}
			if got := exitCode(t, cmd.Wait()); got != tt.want {
				t.Errorf("%s, namespaces %v: exit code %d, want %d", tt.name, namespaces, got, tt.want)
			}
		}
	}
}

// TestLaunchTerminal: Ctrl-C reaches nsboot and the process at once, and the
// process gets it once; pid 1 without a handler ends of it all the same.
func TestLaunchTerminal(t *testing.T) {
	for _, tt := range []struct {
		name       string
		process    Process
		namespaces []Namespace
		want       int
	}{
		{"handler", payload(t, "count", "2"), nil, 1},
		{"handler, pid 1", payload(t, "count", "2"), pidNS, 1},
		{"no handler", Process{Args: []string{"/bin/sleep", "60"}, Cwd: "/"}, nil, 130},
		{"no handler, pid 1", Process{Args: []string{"/bin/sleep", "60"}, Cwd: "/"}, pidNS, 130},
	} {
		o := order{Process: tt.process, Say: true}
		o.Process.Namespaces = tt.namespaces
		cmd := bootCommand(t, o)
		terminal, slave := openTerminal(t)
		cmd.Stdin = slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		cmd, out := start(t, cmd)
		if tt.process.Args[0] == "/bin/sleep" {
			expect(t, out, "released")
		} else {
			expectBoth(t, out, "released", "ready")
		}
		if _, err := unix.Write(terminal, []byte{3}); err != nil {
			t.Fatal(err)
		}
		if !ends(out) {
			t.Errorf("%s: does not end", tt.name)
			cmd.Process.Kill()
		}
		if got := exitCode(t, cmd.Wait()); got != tt.want {
			t.Errorf("%s: exit code %d, want %d", tt.name, got, tt.want)
		}
	}
}

// openTerminal makes a pseudo-terminal.
func openTerminal(t *testing.T) (master int, slave *os.File) {
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
	slave = os.NewFile(fd, "terminal")
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func TestStatusAction(t *testing.T) {
	const f = "Name:\tx\nSigQ:\t0/1\nSigBlk:\t%016x\nSigIgn:\t%016x\nSigCgt:\t%016x\nCapInh:\t0\n"
	term := uint64(1) << (unix.SIGTERM - 1)
	for _, tt := range []struct {
		status string
		want   action
	}{
		{fmt.Sprintf(f, 0, 0, 0), actionDefault},
		{fmt.Sprintf(f, term<<1, term>>1, term<<2), actionDefault},
		{fmt.Sprintf(f, term, 0, 0), actionBlocked},
		{fmt.Sprintf(f, 0, term, 0), actionOwn},
		{fmt.Sprintf(f, 0, 0, term), actionOwn},
		{fmt.Sprintf(f, term, 0, term), actionOwn},
		{"SigBlk:\t0\nSigIgn:\t0\n", actionOwn},
		{"SigBlk:\tzz\nSigIgn:\t0\nSigCgt:\t0\n", actionOwn},
		{"", actionOwn},
	} {
		if got := statusAction([]byte(tt.status), unix.SIGTERM); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.status, got, tt.want)
		}
	}
}
