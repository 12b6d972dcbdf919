package e2e

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsboot/nsboot/tests/screen"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// TestCallersTerminal: without process.terminal the process has the caller's
// descriptors, in a session of its own, where there is no controlling terminal.
// What is typed reaches it, Ctrl-C and a new size of the window once, by way of
// nsboot.
func TestCallersTerminal(t *testing.T) {
	for name, b := range killBundles(t) {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.sh(`for f in 0 1 2; do test -t $f && echo $f; done; (: < /dev/tty) 2>&1; trap 'stty size' WINCH; trap 'echo caught; exit 5' INT
				read x; echo got $x; while :; do sleep 0.05; done`)
			s := screen.Open(t, 24, 80)
			before := s.Modes()
			c := b.onScreen(s)
			s.Await("0\n1\n2\n")
			s.Await("/dev/tty: No such device or address\n")
			s.Type("typed\n")
			s.Await("got typed\n")
			time.Sleep(60 * time.Millisecond) // handlers come soon after the process, not with it
			s.Resize(40, 99)
			s.Await("40 99\n")
			s.Type("\x03")
			s.Await("caught\n")
			if r := c.finish(); r.Code != 5 || strings.Contains(s.Text(), "caught") || s.Modes() != before {
				t.Errorf("%+v %q", r, s.Text())
			}
		})
	}
}

// TestCtrlC: all that the process has started gets it, as it would from the
// terminal.
func TestCtrlC(t *testing.T) {
	for name, b := range killBundles(t) {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.sh(`trap 'echo outer; exit 5' INT; sh -c 'trap "echo inner; exit" INT; echo ready; while :; do sleep 0.05; done'; :`)
			s := screen.Open(t, 24, 80)
			c := b.onScreen(s)
			s.Await("ready\n")
			time.Sleep(60 * time.Millisecond)
			s.Type("\x03")
			s.Await("inner\n")
			s.Await("outer\n")
			if r := c.finish(); r.Code != 5 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestStopped: Ctrl-Z stops the process with nsboot, and whoever brings nsboot to
// the front again goes on with both. At a terminal of its own Ctrl-Z is typed;
// SIGTSTP for nsboot then does the same, with the caller's terminal as it was.
func TestStopped(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		testns.Skip(t, "bash is not installed")
	}
	for name, b := range killBundles(t) {
		t.Run(name, func(t *testing.T) {
			b.t = t
			for _, own := range []bool{false, true} {
				b.spec.Process.Terminal = own
				b.sh(`echo up; trap 'echo caught; exit 5' INT; while :; do sleep 0.05; done`)
				b.save()
				s := screen.Open(t, 24, 80)
				cmd := exec.Command(bash, "--norc", "--noprofile", "-i")
				cmd.Env = []string{"PATH=/usr/bin:/bin", "PS1=$ ", "HISTFILE=", "TERM=dumb", b.mark}
				s.Start(cmd)
				s.Await("$ ")
				s.Type(nsboot + " run --bundle " + b.dir + "\n")
				s.Await("up\n")
				time.Sleep(60 * time.Millisecond)
				if own {
					pid, err := strconv.Atoi(b.nsboot())
					if err != nil || unix.Kill(pid, unix.SIGTSTP) != nil {
						t.Fatal("no nsboot to be stopped")
					}
				} else {
					s.Type("\x1a")
				}
				s.Await("Stopped")
				b.awaitState("sh", "T")
				if s.Raw() {
					t.Error("the caller's terminal is raw while nsboot is stopped")
				}
				s.Type("fg\n")
				s.Await("fg\n")
				time.Sleep(60 * time.Millisecond)
				s.Type("\x03")
				s.Await("caught\n")
				s.Await("$ ")
				s.Type("exit\n")
				if cmd.Wait(); cmd.ProcessState.ExitCode() != 5 { // nsboot's, of fg
					t.Errorf("own %v: %v", own, cmd.ProcessState)
				}
				b.noProcess()
			}
		})
	}
}

// awaitState waits until each of the container's processes of that name is in a
// state of proc(5).
func (b *bundle) awaitState(comm, state string) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		others := ""
		for _, p := range b.processes() {
			stat, _ := os.ReadFile("/proc/" + p + "/stat")
			if strings.Contains(string(stat), "("+comm+") ") && !strings.Contains(string(stat), ") "+state+" ") {
				others = string(stat)
			}
		}
		if others == "" {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("not in state %s: %s", state, others)
		}
	}
}

// nsboot is the pid of the boot under way.
func (b *bundle) nsboot() string {
	b.t.Helper()
	for _, p := range b.processes() {
		if comm, _ := os.ReadFile("/proc/" + p + "/comm"); strings.HasPrefix(string(comm), "nsboot") {
			return p
		}
	}
	b.t.Fatal("no nsboot runs")
	return ""
}
