package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsboot/nsboot/tests/screen"
)

// at starts a command on a screen.
func (e *engine) at(s *screen.Screen, command func(context.Context, ...string) *exec.Cmd, args ...string) *exec.Cmd {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	e.t.Cleanup(cancel)
	return s.Start(command(ctx, args...))
}

// ends holds a command's exit code against what it must be.
func (e *engine) ends(cmd *exec.Cmd, code int) {
	e.t.Helper()
	if cmd.Wait(); cmd.ProcessState.ExitCode() != code {
		e.t.Errorf("%v: %v, want exit %d", cmd.Args, cmd.ProcessState, code)
	}
}

const look = `tty; stat -c '%t:%T' /dev/console; test -t 0 && test -t 1 && test -t 2 && echo three; `

// TestRunTerminal: podman run --tty, whose output is all that podman has of it, and
// -it at a terminal: typing, a new size of the window, Ctrl-C.
func TestRunTerminal(t *testing.T) {
	e := newEngine(t)
	r := e.run("--tty", e.image(), "sh", "-c", look+"exit 3")
	if got := strings.ReplaceAll(r.Out, "\r", ""); r.Code != 3 || got != "/dev/pts/0\n88:0\nthree\n" {
		t.Errorf("-t: %+v", r)
	}
	s := screen.Open(t, 31, 97)
	args := append(append([]string{"run", "--rm", "--name", e.name(), "-it"}, limits()...), e.image(), "sh", "-c",
		"echo ready; read x; echo got $x; trap 'stty size' WINCH; trap 'echo caught; exit 5' INT; echo set; while :; do sleep 0.05; done")
	cmd := e.at(s, e.command, args...)
	s.Await("ready\n")
	s.Type("typed\r")
	s.Await("got typed\nset\n")
	s.Resize(44, 88)
	s.Await("44 88\n")
	s.Type("\x03")
	s.Await("caught\n")
	e.ends(cmd, 5)
}

// TestExecTerminal: podman exec -t and -it, in a container with a terminal and in
// one without.
func TestExecTerminal(t *testing.T) {
	e := newEngine(t)
	for _, own := range [][]string{nil, {"--tty"}} {
		name := e.start(append(own, e.image(), "sleep", "1000")...)
		r := e.podman("exec", "--tty", "--user", "7", name, "sh", "-c", "tty; stat -c %u $(tty); exit 4")
		got := strings.Fields(r.Out)
		if want := "/dev/pts/" + []string{"0", "1"}[len(own)]; r.Code != 4 || len(got) != 2 || got[0] != want || got[1] != "7" {
			t.Errorf("%v: %+v, want %s", own, r, want)
		}
		s := screen.Open(t, 27, 81)
		cmd := e.at(s, e.command, "exec", "-it", name, "sh", "-c", "echo ready; read x; stty size; exit 6")
		s.Await("ready\n")
		time.Sleep(100 * time.Millisecond) // podman sends the size when the process runs
		s.Type("go\r")
		s.Await("27 81\n")
		e.ends(cmd, 6)
	}
}

// TestAttachTerminal: a container that was started detached keeps its terminal.
func TestAttachTerminal(t *testing.T) {
	e := newEngine(t)
	name := e.name()
	args := append(append([]string{"run", "--detach", "-it", "--name", name}, limits()...), e.image(), "sh", "-c", "read x; echo got $x; exit 8")
	if r := e.podman(args...); r.Code != 0 { // it says that it is not at a terminal itself
		t.Fatalf("%+v", r)
	}
	s := screen.Open(t, 24, 80)
	cmd := e.at(s, e.command, "attach", name)
	time.Sleep(300 * time.Millisecond) // until it is attached there is nobody to type to
	s.Type("typed\r")
	s.Await("got typed\n")
	cmd.Wait()
	if got := e.good("wait", name); got != "8\n" {
		t.Errorf("podman wait: %q, want 8", got)
	}
}

// TestContainerdTerminal: ctr run -t and ctr tasks exec -t.
func TestContainerdTerminal(t *testing.T) {
	d := newDaemon(t)
	root := d.rootfs()
	s := screen.Open(t, 29, 93)
	cmd := d.at(s, d.command, d.runArgs([]string{"--rm", "--tty"}, root, "a", "/bin/sh", "-c", look+"read x; echo got $x; until stty size 2> /dev/null && read -t 1 x; do sleep 0.05; done; exit 3")...)
	s.Await("/dev/pts/0\n88:0\nthree\n")
	s.Type("typed\r")
	// ctr sends the size when it comes to it, and keeps what was written last until
	// there is more, or for ever: also with runc. So the size is written again.
	s.Await("got typed\n29 93\n")
	s.Type("end\r")
	d.ends(cmd, 3)

	if r := d.run([]string{"--detach"}, root, "b", "/bin/sh", "-c", "echo up > /up; exec sleep 1000"); r.Code != 0 {
		t.Fatalf("ctr run: %+v", r)
	}
	d.await("the process", func() bool { _, err := os.Stat(filepath.Join(root, "up")); return err == nil })
	s = screen.Open(t, 24, 80)
	cmd = d.at(s, d.command, "tasks", "exec", "--exec-id", "x", "--tty", "b", "sh", "-c", "tty; read x; until echo got $x; read -t 1 y; do :; done; exit 4")
	s.Await("/dev/pts/0\n")
	s.Type("typed\r")
	s.Await("got typed\n")
	s.Type("end\r")
	d.ends(cmd, 4)
	d.ctr("tasks", "kill", "--signal", "KILL", "b")
	d.await("its end", func() bool { return strings.Contains(d.ctr("tasks", "list").Out, "STOPPED") })
	d.ctr("tasks", "delete", "b")
	d.ctr("containers", "delete", "b")
	d.nothingLeft()
}
