package e2e

import (
	"fmt"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/tests/screen"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// terminal gives the process a terminal of its own.
func (b *bundle) terminal() *bundle { b.spec.Process.Terminal = true; return b }

// onScreen starts nsboot at a terminal.
func (b *bundle) onScreen(s *screen.Screen, flags ...string) *running {
	b.t.Helper()
	c := b.command(flags...)
	c.host = b.hostState()
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr, c.cmd.WaitDelay = nil, nil, nil, 0
	s.Start(c.cmd)
	return c
}

// terminalBundles have a terminal: writable, read-only, in the profiles.
func eachTerminal(t *testing.T, f func(t *testing.T, b *bundle, flags ...string)) {
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		for _, pid := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,pid=%v", profile, pid), func(t *testing.T) {
				b := newBundle(t).terminal()
				if profile == "oci" {
					b.ociMounts()
				}
				if pid {
					b.namespaces(specs.PIDNamespace)
				}
				f(t, b, "--profile", profile)
			})
		}
	}
}

// TestOwnTerminal: it is of the container's devpts, the process's controlling
// terminal, its user's, and bound on /dev/console; all that the process sees of
// the caller's is the size.
func TestOwnTerminal(t *testing.T) {
	eachTerminal(t, func(t *testing.T, b *bundle, flags ...string) {
		b.spec.Process.User = specs.User{UID: 12, GID: 34}
		b.sh("tty; stty size; stat -c '%F %U %a %t:%T' /dev/pts/0 /dev/console; echo in > /dev/console; echo via > /dev/tty; ls -1 /dev/pts; exec 3<&-; for f in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$f && echo $f; done; test -t 0 && test -t 1 && test -t 2 && echo all")
		s := screen.Open(t, 33, 101)
		before := s.Modes()
		c := b.onScreen(s, flags...)
		s.Await("/dev/pts/0\n33 101\ncharacter special file UNKNOWN 620 88:0\ncharacter special file UNKNOWN 620 88:0\nin\nvia\n0\nptmx\n0\n1\n2\n")
		s.Await("all\n")
		if r := c.finish(); r.Code != 0 {
			t.Errorf("%+v", r)
		}
		if d := cmp.Diff(before, s.Modes()); d != "" {
			t.Errorf("the caller's terminal is not as it was:\n%s", d)
		}
	})
}

// TestTerminalTyped: Ctrl-C is typed, not sent to nsboot: it interrupts what is in
// the foreground inside. A new size reaches the process.
func TestTerminalTyped(t *testing.T) {
	eachTerminal(t, func(t *testing.T, b *bundle, flags ...string) {
		b.sh(`trap 'stty size' WINCH; trap 'echo caught; exit 5' INT; echo ready; read line; echo "got $line"; while :; do sleep 0.05; done`)
		s := screen.Open(t, 24, 80)
		c := b.onScreen(s, flags...)
		s.Await("ready\n")
		if !s.Raw() {
			t.Error("the caller's terminal is not raw")
		}
		s.Type("typed\r")
		s.Await("typed\ngot typed\n")
		s.Resize(50, 132)
		s.Await("50 132\n")
		s.Type("\x03")
		s.Await("caught\n")
		if r := c.finish(); r.Code != 5 {
			t.Errorf("%+v", r)
		}
		if s.Raw() {
			t.Error("the caller's terminal is still raw")
		}
	})
}

// TestTerminalJobControl: Ctrl-Z stops a job of a shell inside, not nsboot.
func TestTerminalJobControl(t *testing.T) {
	b := newBundle(t).terminal().namespaces(specs.PIDNamespace)
	b.spec.Process.Args = []string{"sh", "-i"}
	s := screen.Open(t, 24, 80)
	c := b.onScreen(s)
	s.Await("# ")
	s.Type("sleep 100\r")
	b.awaitComm("sleep")
	s.Type("\x1a")
	s.Await("Stopped")
	s.Type("exit 3\rexit 3\r") // a shell with stopped jobs wants to be told twice
	if r := c.finish(); r.Code != 3 {
		t.Errorf("%+v %q", r, s.Text())
	}
}

// TestTerminalLastOutput: all that was written before the end comes through, into
// pipes as written.
func TestTerminalLastOutput(t *testing.T) {
	eachTerminal(t, func(t *testing.T, b *bundle, flags ...string) {
		b.sh("seq 1 30000; exit 4")
		for range 3 {
			r := b.boot(flags...)
			if lines := strings.Count(r.Out, "\n"); r.Code != 4 || lines != 30000 || !strings.HasSuffix(r.Out, "\n30000\n") || strings.Contains(r.Out, "\r") {
				t.Fatalf("exit %d, %d lines, the end is %.20q", r.Code, lines, r.Out[max(0, len(r.Out)-20):])
			}
		}
	})
}

// TestTerminalRedirected: with its own descriptors redirected nsboot still gives
// the process a terminal. The end of the input is one for the process too, as
// often as it reads.
func TestTerminalRedirected(t *testing.T) {
	eachTerminal(t, func(t *testing.T, b *bundle, flags ...string) {
		b.sh("stty -echo; tty; cat; echo one; cat; echo two; exit 6")
		if r := b.boot(flags...); r.Out != "/dev/pts/0\none\ntwo\n" || r.Code != 6 {
			t.Errorf("no input: %+v", r)
		}
		b.sh("stty -echo; echo ready; cat; echo end")
		c := b.command(flags...).ready()
		fmt.Fprint(c.stdin, "a line\nhalf a line")
		c.stdin.Close()
		if r := c.finish(); r.Code != 0 || r.Out != "ready\na line\nhalf a lineend\n" {
			t.Errorf("piped: %+v", r)
		}
	})
	b := newBundle(t).terminal()
	b.spec.Process.Args = []string{"sh"} // which reads raw, with an end of its own
	c := b.command()
	c.cmd.Stdin = strings.NewReader("echo typ''ed\nexit 7\n")
	c.start()
	if r := c.finish(); r.Code != 7 || !strings.Contains(strings.ReplaceAll(r.Out, "\r", ""), "\ntyped\n") {
		t.Errorf("a shell's input: %+v", r)
	}
	if r := b.boot(); r.Code != 0 {
		t.Errorf("a shell without input: %+v", r)
	}
}

// TestTerminalNobodyReads: where the output goes nowhere any more the process is
// hung up on, and does not wait for ever.
func TestTerminalNobodyReads(t *testing.T) {
	b := newBundle(t).terminal().sh("while :; do echo line; done")
	b.save()
	script := fmt.Sprintf("%s run --bundle %s | head -n 1", nsboot, b.dir)
	before := b.hostState()
	cmd := exec.Command("timeout", "20", "sh", "-c", script)
	out, err := cmd.Output()
	if err != nil || string(out) != "line\n" {
		t.Errorf("%v %q", err, out)
	}
	b.checkHost(before)
}

// TestTerminalUnread: an output that nobody reads keeps nsboot, as it would keep a
// plain command, until a signal ends it; the process's exit code is still its.
func TestTerminalUnread(t *testing.T) {
	b := newBundle(t).terminal().sh("echo ready; dd if=/dev/zero bs=1000 count=70 2>/dev/null; exit 9")
	b.save()
	c := b.commandAsSaved()
	c.cmd.Stdout = nil
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.start()
	if n, err := out.Read(make([]byte, 6)); n == 0 {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(b.processes()) > 1 && time.Now().Before(deadline) { // its own, until it has ended
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	c.cmd.Process.Signal(unix.SIGTERM)
	if err := c.cmd.Wait(); c.cmd.ProcessState.ExitCode() != 9 {
		t.Errorf("%v: %v", err, c.cmd.ProcessState)
	}
	c.cancel()
}

// TestTerminalReopened: a process that lets go of its terminal and takes it again
// is heard.
func TestTerminalReopened(t *testing.T) {
	b := newBundle(t).terminal().sh("echo one; exec 0</dev/null 1>/dev/null 2>&1; sleep 0.3; echo two > /dev/console; sleep 0.3; echo three > /dev/tty")
	if r := b.boot(); r.Out != "one\ntwo\nthree\n" || r.Code != 0 {
		t.Errorf("%+v", r)
	}
}

// TestTerminalLeftRunning: what the process leaves running, with the terminal
// open, does not keep nsboot.
func TestTerminalLeftRunning(t *testing.T) {
	b := newBundle(t).terminal().sh(`trap "" HUP; sleep 100 & echo done; exit 8`)
	c := b.command().start()
	r := c.wait()
	if r.Out != "done\n" || r.Code != 8 {
		t.Errorf("%+v", r)
	}
	for _, p := range b.processes() {
		var pid int
		fmt.Sscan(p, &pid)
		unix.Kill(pid, unix.SIGKILL)
	}
	b.noProcess()
}

// TestTerminalSize: process.consoleSize is the size where the caller has no window.
func TestTerminalSize(t *testing.T) {
	b := newBundle(t).terminal().sh("stty size")
	b.spec.Process.ConsoleSize = &specs.Box{Height: 12, Width: 34}
	if r := b.boot(); r.Out != "12 34\n" {
		t.Errorf("no window: %+v", r)
	}
	for range 15 { // it is there before the process looks
		s := screen.Open(t, 40, 70)
		c := b.onScreen(s)
		s.Await("40 70\n")
		c.finish()
	}
	b.spec.Process.ConsoleSize.Width = 1 << 16
	b.bad(125, []string{"process.consoleSize", "65535"})
}

// TestTerminalRestored: on every way out but SIGKILL the caller's terminal is what
// it was, and nothing of the container is left.
func TestTerminalRestored(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGALRM, unix.SIGABRT, unix.SIGSEGV, unix.SIGKILL} {
		if signal.Ignored(sig) {
			continue // by who started the tests, and so by nsboot
		}
		t.Run(sig.String(), func(t *testing.T) {
			b := newBundle(t).terminal().namespaces(specs.PIDNamespace)
			b.spec.Process.Args = []string{"sleep", "100"} // a shell ignores some
			s := screen.Open(t, 24, 80)
			before := s.Modes()
			c := b.onScreen(s)
			deadline := time.Now().Add(10 * time.Second)
			for !s.Raw() && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
			}
			if err := c.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			r := c.wait()
			b.noProcess()
			if sig == unix.SIGKILL {
				return
			}
			if r.Code != 128+int(sig) {
				t.Errorf("%+v", r)
			}
			if d := cmp.Diff(before, s.Modes()); d != "" {
				t.Errorf("the caller's terminal is not as it was:\n%s", d)
			}
		})
	}
	b := newBundle(t).terminal()
	b.spec.Process.Args = []string{"nowhere"}
	s := screen.Open(t, 24, 80)
	before := s.Modes()
	c := b.onScreen(s)
	s.Await("nowhere")
	if r := c.finish(); r.Code != 127 || s.Modes() != before {
		t.Errorf("an executable that is not there: %+v", r)
	}
}

// TestTerminalRefused: without a devpts of the container's own there is no
// terminal, and the host's is never used.
func TestTerminalRefused(t *testing.T) {
	b := newBundle(t).terminal()
	b.bad(125, []string{"process.terminal", "/dev/pts", "hint: ", "devpts"}, "--profile=oci")
	b.tmpfs("/dev")
	b.bad(125, []string{"process.terminal", "/dev/pts", "hint: ", "devpts"}, "--profile=oci")
	b.tmpfs("/dev/pts")
	b.bad(125, []string{"process.terminal", "is no devpts", "hint: "}, "--profile=oci")
	b = newBundle(t).terminal().bind("/dev/pts", "/dev/pts", "rbind")
	for _, profile := range []string{"oci", "runsc"} {
		b.bad(125, []string{"process.terminal", "the caller's own", "hint: "}, "--profile="+profile)
	}
}

// TestConsoleMountPoint: /dev/console is bound over what is there; a /dev of the
// host's is left alone.
func TestConsoleMountPoint(t *testing.T) {
	b := newBundle(t).terminal().ociMounts().sh("stat -c %t:%T /dev/console")
	b.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/console", Type: "c", Major: 5, Minor: 1}}
	if r := b.boot("--profile=oci"); r.Out != "88:0\n" {
		t.Errorf("over a device: %+v", r)
	}
	b = newBundle(t).terminal().mount("tmpfs", "tmpfs", "/dev", "ro", "mode=755").mount("devpts", "devpts", "/dev/pts").
		sh("stat -c %t:%T /dev/console; touch /dev/x")
	if r := b.boot("--profile=oci"); r.Out != "88:0\ntouch: /dev/x: Read-only file system\n" {
		t.Errorf("a read-only /dev: %+v", r)
	}
	b = newBundle(t).terminal().mount("devpts", "devpts", "/dev/pts").sh("tty; ls /dev/console")
	b.mkdir("rootfs/dev/pts")
	if r := b.boot("--profile=oci"); !strings.HasPrefix(r.Out, "/dev/pts/0\n") || !strings.Contains(r.Out, "No such file") {
		t.Errorf("the root's own /dev: %+v", r)
	}
}
