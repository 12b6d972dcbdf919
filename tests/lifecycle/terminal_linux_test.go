package lifecycle

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/tests/screen"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// socket is the console socket of an engine.
type socket struct {
	t    testing.TB
	path string
	fd   int
}

// socket listens. (Not by package net: with it the test binary could not run in a
// container that has no C library.)
func (l *lab) socket() *socket {
	l.t.Helper()
	s := &socket{t: l.t, path: filepath.Join(l.dir, "console.sock")}
	os.Remove(s.path)
	var err error
	if s.fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { unix.Close(s.fd) })
	if err := errors.Join(unix.Bind(s.fd, &unix.SockaddrUnix{Name: s.path}), unix.Listen(s.fd, 4)); err != nil {
		l.t.Fatal(err)
	}
	return s
}

// accept waits for a connection.
func (s *socket) accept() int {
	s.t.Helper()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, 10000); n != 1 {
		s.t.Fatalf("nobody connects: %v", err)
	}
	c, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// receive takes the one descriptor of the one message.
func (s *socket) receive() *screen.Screen {
	s.t.Helper()
	c := s.accept()
	defer unix.Close(c)
	if err := unix.SetsockoptTimeval(c, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		s.t.Fatal(err)
	}
	name, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(c, name, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		s.t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		s.t.Fatalf("%d messages: %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 || string(name[:n]) != "/dev/ptmx" {
		s.t.Fatalf("descriptors %v, name %q: %v", fds, name[:n], err)
	}
	if n, _, _, _, err := unix.Recvmsg(c, name, oob, 0); n != 0 || err != nil {
		s.t.Fatalf("the connection goes on: %d bytes, %v", n, err)
	}
	return screen.Of(s.t, fds[0])
}

// terminal asks for one.
func (l *lab) terminal(script string) *lab {
	l.spec.Process.Terminal = true
	l.spec.Process.ConsoleSize = &specs.Box{Height: 21, Width: 43}
	return l.sh(script)
}

const lookAtTerminal = "tty; stty size; stat -c '%u %a %t:%T' /dev/console; for f in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$f && echo $f; done; "

// TestCreateTerminal: the other side of the process's terminal goes to the socket
// while it is created; nsboot keeps nothing of it.
func TestCreateTerminal(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.spec.Process.User.UID = 7
		l.terminal(lookAtTerminal + "read x; echo got $x; exit 3")
		s := l.socket()
		l.good("create", "--console-socket", s.path, "web")
		screen := s.receive()
		pid := strconv.Itoa(l.state("web").Pid)
		for fd, want := range map[string]string{"0": "/dev/pts/0", "1": "/dev/pts/0", "2": "/dev/pts/0"} {
			if to, _ := os.Readlink("/proc/" + pid + "/fd/" + fd); to != want {
				t.Errorf("descriptor %s is %s", fd, to)
			}
		}
		if open, _ := os.ReadDir("/proc/" + pid + "/fd"); len(open) != 5 {
			t.Errorf("a waiting process has descriptors %v, want 0, 1, 2 and the two that it waits by", open)
		}
		l.good("start", "web")
		screen.Await("/dev/pts/0\n21 43\n7 620 88:0\n0\n1\n2\n")
		screen.Type("typed\n")
		screen.Await("got typed\n")
		l.becomes("web", specs.StateStopped)
		l.good("delete", "web")
	})
}

// TestRunTerminal is that of run --detach.
func TestRunTerminal(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.terminal("trap 'exit 2' INT; " + lookAtTerminal + "read x")
		s := l.socket()
		l.good("run", "--detach", "--console-socket", s.path, "web")
		screen := s.receive()
		screen.Await("/dev/pts/0\n21 43\n0 620 88:0\n0\n1\n2\n")
		l.good("verify", "web")
		screen.Type("\x03")
		l.becomes("web", specs.StateStopped)
		l.good("delete", "web")
	})
}

// TestTerminalFlags: who outlives nsboot needs a socket for its terminal, and who
// has no terminal has no use for one; the failure leaves nothing.
func TestTerminalFlags(t *testing.T) {
	l := newLab(t)
	s := l.socket()
	no := []string{"--console-socket", "hint: "}
	l.bad(125, no, "create", "--console-socket", s.path, "web")
	l.bad(125, no, "run", "--detach", "--console-socket", s.path, "web")
	l.bad(125, no, "run", "--console-socket", s.path, "web")
	l.terminal("true")
	l.bad(125, []string{"cannot allocate tty", "console socket", "hint: "}, "create", "web")
	l.bad(125, []string{"cannot allocate tty", "console socket", "hint: "}, "run", "--detach", "web")
	l.bad(125, no, "run", "--console-socket", s.path, "web")
	l.bad(125, []string{"/none.sock", "no such file"}, "create", "--console-socket", "/none.sock", "web")
	l.bad(125, []string{"108 bytes"}, "create", "--console-socket", "/"+strings.Repeat("s", 107), "web")
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/dev/pts", Type: "tmpfs"})
	l.save()
	l.bad(125, []string{"process.terminal", "devpts"}, "create", "--console-socket", s.path, "web")
	l.spec.Mounts = l.spec.Mounts[:1]
	l.save()
	unix.Close(s.fd) // the name stays
	s.fd = -1
	l.bad(125, []string{s.path, "nobody listens"}, "create", "--console-socket", s.path, "web")
	l.clean()
}

// TestTerminalSocketGone: an engine that goes away during a create makes it fail,
// and nothing is left.
func TestTerminalSocketGone(t *testing.T) {
	l := newLab(t).terminal("true")
	s := l.socket()
	go func() { unix.Close(s.accept()) }()
	r := l.run("create", "--console-socket", s.path, "web")
	if r.Code != 0 && !strings.Contains(r.Err, "console socket") { // it may have been sent before
		t.Errorf("%+v", r)
	}
	l.run("delete", "--force", "web")
	l.clean()
}

// TestExecTerminal: in the foreground, detached, and with the process from a file.
func TestExecTerminal(t *testing.T) {
	l := running(t, nil)
	look := []string{"c", "sh", "-c", "tty; stty size 2>/dev/null; stat -c '%u %t:%T' $(tty); for f in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$f && echo $f; done; read x; echo got $x; exit 4"}
	at := screen.Open(t, 22, 77)
	cmd := l.command(context.Background(), append([]string{"exec", "--tty", "--user", "9"}, look...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, nil, nil
	before := at.Modes()
	at.Start(cmd)
	at.Await("/dev/pts/0\n22 77\n9 88:0\n0\n1\n2\n")
	at.Type("typed\r")
	at.Await("got typed\n")
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 4 || at.Modes() != before {
		t.Errorf("%v", cmd.ProcessState)
	}

	if r := l.good("exec", "--tty", "c", "tty"); r.Out != "/dev/pts/0\n" {
		t.Errorf("redirected: %+v", r)
	}
	if r := l.run("exec", "c", "sh", "-c", "test -t 0 || tty"); !strings.HasPrefix(r.Out, "not a tty") {
		t.Errorf("without --tty: %+v", r)
	}

	s := l.socket()
	l.good(append([]string{"exec", "--tty", "--detach", "--pid-file", filepath.Join(l.dir, "pid"), "--console-socket", s.path}, look...)...)
	sent := s.receive()
	sent.Await("/dev/pts/0\n0 88:0\n0\n1\n2\n")
	sent.Type("more\n")
	sent.Await("got more\n")
	reapDetached(t, filepath.Join(l.dir, "pid"))

	file := filepath.Join(l.dir, "process.json")
	if err := os.WriteFile(file, []byte(`{"terminal":true,"consoleSize":{"height":5,"width":6},"args":["sh","-c","tty; stty size; exit 2"],"env":["PATH=/bin"],"cwd":"/"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd = l.command(context.Background(), "exec", "--process", file, "--console-socket", s.path, "c")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.receive().Await("/dev/pts/1\n5 6\n") // the test still has the other side of 0
	if r := l.wait(cmd); r.Code != 2 || r.Out != "" || r.Err != "" {
		t.Errorf("with a socket in the foreground: %+v", r)
	}
	l.bad(125, []string{"cannot allocate tty", "hint: "}, "exec", "--tty", "--detach", "c", "true")
	l.bad(125, []string{"cannot allocate tty", "hint: "}, "exec", "--process", file, "--detach", "c")
	l.bad(125, []string{"cannot use console socket", "hint: "}, "exec", "--console-socket", s.path, "c", "true")
}

// reapDetached waits for a process that was reparented to this one.
func reapDetached(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil || ws.ExitStatus() != 4 {
		t.Errorf("the detached process: %v, exit %d", err, ws.ExitStatus())
	}
}

// TestTerminalMemory: a created process with a terminal waits in no more memory.
func TestTerminalMemory(t *testing.T) {
	l := newLab(t, specs.PIDNamespace).terminal("true")
	s := l.socket()
	l.good("create", "--console-socket", s.path, "c")
	defer l.good("delete", "--force", "c")
	s.receive()
	if kb := privateMemory(t, l.state("c").Pid); kb == 0 || kb >= 1024 {
		t.Errorf("%d kB of its own, want under 1024", kb)
	}
}

// TestExecHostileTerminal: a container that has put other things in the place of
// its devpts gets no terminal out of exec, and nothing else is opened.
func TestExecHostileTerminal(t *testing.T) {
	l := running(t, nil)
	if r := l.good("exec", "--tty", "c", "tty"); r.Out != "/dev/pts/0\n" {
		t.Errorf("before: %+v", r)
	}
	for _, c := range []struct{ from, to, want string }{
		{"/dev/null", "/dev/pts/ptmx", "something is mounted on it"},
		{"/proc", "/dev/pts", "is no devpts"},
	} {
		change(t, l.state("c").Pid, func() error { return unix.Mount(c.from, c.to, "", unix.MS_BIND, "") })
		l.bad(125, []string{"process.terminal", c.want}, "exec", "--tty", "c", "true")
	}
}

// TestPodTerminal: in a pod each container has terminals of its own devpts.
func TestPodTerminal(t *testing.T) {
	p := newPod(t, "web")
	for i, id := range []string{"sb", "web"} {
		m := p.members[id]
		m.terminal(lookAtTerminal + "ls /dev/pts; read x; sleep 1000")
		s := p.socket()
		p.good("create", "--bundle", m.bundle, "--console-socket", s.path, id)
		screen := s.receive()
		p.good("start", id)
		screen.Await("/dev/pts/0\n21 43\n0 620 88:0\n0\n1\n2\n0")
		screen.Await("ptmx\n")
		p.good("verify", id)
		if r := p.good("exec", "--tty", id, "tty"); r.Out != "/dev/pts/1\n" {
			t.Errorf("%d %s: exec: %+v", i, id, r)
		}
	}
	p.good("delete", "--force", "web")
	p.good("delete", "--force", "sb")
}
