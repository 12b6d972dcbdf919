package seccomp

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"testing"
	"time"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// notification and answer are struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type answer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// agent answers each call that it is asked about with EUCLEAN, for every
// container that is announced, and passes on what it was told of them.
func agent(t testing.TB, path string) <-chan specs.ContainerProcessState {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	states := make(chan specs.ContainerProcessState, 10)
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			state, fd, err := receive(conn)
			if err != nil {
				t.Error(err)
				return
			}
			states <- state
			go answerAll(t, fd)
		}
	}()
	return states
}

// receive reads one message to the end of its connection.
func receive(conn *net.UnixConn) (s specs.ContainerProcessState, fd int, err error) {
	defer conn.Close()
	buf, oob := make([]byte, 64<<10), make([]byte, 1<<10)
	n, noob, _, _, err := conn.ReadMsgUnix(buf, oob)
	if err != nil {
		return s, -1, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:noob])
	if err != nil || len(messages) != 1 {
		return s, -1, errors.Join(err, errors.New("not one control message"))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return s, -1, errors.Join(err, errors.New("not one descriptor"))
	}
	if more, err := conn.Read(buf[n:]); err == nil {
		n += more
	}
	return s, fds[0], json.Unmarshal(buf[:n], &s)
}

func answerAll(t testing.TB, fd int) {
	defer unix.Close(fd)
	for {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); errors.Is(err, unix.EINTR) {
			continue
		}
		if p[0].Revents&unix.POLLIN == 0 {
			return // the last process of the filter has ended
		}
		var ask notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&ask))); errno != 0 {
			continue
		}
		reply := answer{id: ask.id, errno: -int32(unix.EUCLEAN)}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&reply))); errno != 0 && errno != unix.ENOENT {
			t.Errorf("answer: %v", errno)
		}
	}
}

func asking(path string) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow, ListenerPath: path, ListenerMetadata: "some data",
		Flags:    []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog, "SECCOMP_FILTER_FLAG_TSYNC"},
		Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActNotify}},
	}
}

func told(t testing.TB, states <-chan specs.ContainerProcessState) specs.ContainerProcessState {
	t.Helper()
	select {
	case s := <-states:
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("the agent was told nothing")
	}
	panic("unreachable")
}

// TestNotify: an agent gets the listener and runtime-spec's state of each
// process: of run, of create, of exec.
func TestNotify(t *testing.T) {
	for name, nnp := range map[string]bool{"noNewPrivileges": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.spec.Process.NoNewPrivileges = nnp
			states := agent(t, l.path("agent"))
			l.spec.Linux.Seccomp = asking(l.path("agent"))
			l.sh(look)
			l.good(l.nsboot("run", "c"), cleaning)
			s := told(t, states)
			if s.Version != specs.Version || len(s.Fds) != 1 || s.Fds[0] != "seccompFd" || s.Pid == 0 || s.Metadata != "some data" ||
				s.State.ID != "c" || s.State.Status != "creating" || s.State.Pid != s.Pid || s.State.Bundle != l.dir || s.State.Annotations["org.example"] != "yes" {
				t.Errorf("run: told %+v", s)
			}
			// Without a pid namespace the process would be nsboot itself.
			all := l.spec.Linux.Namespaces
			l.spec.Linux.Namespaces = all[:1]
			l.good(l.nsboot("run", "c"), cleaning)
			told(t, states)
			l.spec.Linux.Namespaces = all

			l.sh("mkdir /tmp/x 2>/tmp/said; sleep 1000")
			l.spec.Root.Readonly = false
			l.good(l.nsboot("create", "c"))
			defer l.nsboot("delete", "--force", "c")
			created := told(t, states)
			if created.State.Status != "creating" || created.Pid != created.State.Pid {
				t.Errorf("create: told %+v", created)
			}
			l.good(l.nsboot("start", "c"))
			l.good(l.nsboot("exec", "c", "sh", "-c", look), cleaning)
			if s := told(t, states); s.State.Status != "running" || s.State.Pid != created.Pid || s.Pid == created.Pid {
				t.Errorf("exec: told %+v; created as %d", s, created.Pid)
			}
			for range 100 {
				if text, _ := os.ReadFile(l.path("rootfs/tmp/said")); len(text) > 0 {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Error("the created process got no answer")
		})
	}
}

// TestNoAgent: without an agent nothing is started, and nothing is left.
func TestNoAgent(t *testing.T) {
	l := newLab(t)
	l.spec.Linux.Seccomp = asking(l.path("nobody"))
	l.sh("mkdir /tmp/x")
	const why = "connect to the agent: no such file or directory"
	l.bad(l.nsboot("run"), 125, "linux.seccomp.listenerPath", why)
	l.bad(l.nsboot("create", "c"), 125, why)
	if r := l.good(l.nsboot("list", "-q")); r.Out != "" {
		t.Errorf("left behind: %s", r.Out)
	}
	if _, err := os.Stat(l.path("rootfs/tmp/x")); err == nil {
		t.Error("the process has run")
	}
}
