package nsmount

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/nsboot/nsboot/internal/stubs"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// Target is a running container that another process is to join.
type Target struct {
	Pid       int    // of any process of it, as the caller sees it
	StartTime uint64 // of that process: a recycled pid is not joined
	Profile   string // whose rules find the executable
	TimeNS    bool   // it has a time namespace of its own, or has joined one
}

// ExecOptions are the choices of one Exec.
type ExecOptions struct {
	PreserveFDs int

	// Path, if not empty, is the executable, in the container, whatever
	// process.args[0] says.
	Path string

	// Stdin, if not 0, is the descriptor that the process gets as its standard
	// input.
	Stdin int

	// Timeout, if not 0, is after how long the process is killed.
	Timeout time.Duration

	// Forked, if not nil, is told the new process's pid while it waits: to move
	// it into the container's cgroup. Its error ends it.
	Forked func(pid int) error

	// ConsoleSocket is where the master of the process's terminal goes, as in
	// BootOptions. A detached process with a terminal needs it.
	ConsoleSocket string

	// Listener is that of BootOptions.
	Listener func(pid, fd int) error

	// Detached, if not nil, is told the new process's pid once it has been
	// executed; Exec then returns at once and the process outlives the caller.
	Detached func(pid int) error
}

// joinedTypes are the namespaces that Exec's child joins itself, in order: the user
// namespace first, for the others may belong to it, the mount namespace last, for
// it changes what paths mean. A time namespace is there only if the container has
// one. The pid namespace is joined by the parent, for it
// shows only in children.
var joinedTypes = [...]string{"user", "time", "cgroup", "ipc", "uts", "net", "mnt"}

// Exec runs p in the container t: in its namespaces and its root, with the
// executable found by its profile (section 5). It returns p's exit code, or 128
// plus the signal that ended it.
//
// Until it executes, the new process is nsboot's raw child: it is not dumpable
// and keeps no descriptor open that the container could take (CVE-2019-5736,
// CVE-2024-21626). Like Boot, Exec locks its goroutine to the thread, for good.
func Exec(t Target, p *Process, o ExecOptions) (code int, err error) {
	runtime.LockOSThread()
	profile, err := ProfileByName(t.Profile)
	if err != nil {
		return 0, err
	}
	l, err := newLauncher(p, o.PreserveFDs)
	if err != nil {
		return 0, err
	}
	if p.Terminal && o.Detached != nil && o.ConsoleSocket == "" {
		return 0, errNoSocket
	}
	if err := l.setFilter(o.Listener); err != nil {
		return 0, err
	}
	l.s.detached, l.s.stdin = o.Detached != nil, uintptr(o.Stdin)
	if l.terminal, err = newTerminal(p, o.ConsoleSocket); err != nil {
		return 0, err
	}
	defer l.close()
	fds, err := l.openTarget(t)
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	if err != nil {
		return 0, fmt.Errorf("the container's process %d: %w", t.Pid, err)
	}
	root := pathres.At(fds[0])
	name := p.Args[0]
	if o.Path != "" {
		name = o.Path
	}
	exe, err := pathres.LookPath(root, name, p.Cwd, p.Env, profile.Lookup)
	if err != nil {
		return 0, err
	}
	cwd, err := root.Open(p.Cwd, unix.O_PATH|unix.O_DIRECTORY, false)
	if err != nil {
		return 0, fmt.Errorf("process.cwd %s: %w", p.Cwd, err)
	}
	defer unix.Close(cwd)
	if err := l.launch(root, exe, cwd, o.Forked); err != nil {
		l.kill()
		return 0, err
	}
	if o.Detached == nil {
		if o.Timeout > 0 {
			defer l.killAfter(o.Timeout).Stop()
		}
		return l.wait()
	}
	if err := o.Detached(l.pid); err != nil {
		l.kill()
		return 0, err
	}
	l.abandon()
	return 0, nil
}

// killAfter ends the process after a while; the timer is to be stopped.
func (l *launcher) killAfter(d time.Duration) *time.Timer {
	pidfd := l.pidfd
	return time.AfterFunc(d, func() { unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0) })
}

// launch forks the child and has it become the process.
func (l *launcher) launch(root pathres.Root, exe string, cwd int, forked func(int) error) error {
	if l.terminal != nil {
		if _, err := l.openTerminal(root); err != nil {
			return fmt.Errorf("process.terminal: %w", err)
		}
	}
	if err := l.fork(false, false); err != nil {
		return err
	}
	if err := l.setOOM(); err != nil {
		return err
	}
	cpus := l.p.affinity()
	if err := l.runOn("initial", cpus.Initial); err != nil {
		return err
	}
	if forked != nil {
		if err := forked(l.pid); err != nil {
			return err
		}
	}
	if err := l.runOn("final", cpus.Final); err != nil {
		return err
	}
	if err := l.schedule(); err != nil {
		return err
	}
	if err := l.terminal.handOver(); err != nil {
		return fmt.Errorf("process.terminal: %w", err)
	}
	if err := l.release(exe, cwd); err != nil {
		return err
	}
	return l.attach()
}

// openTarget opens the container's root and namespaces and joins its pid
// namespace. The process is looked at again after all has been opened: then
// everything is of the process that was meant. The first descriptor is the root.
func (l *launcher) openTarget(t Target) (fds []int, err error) {
	dir := "/proc/" + strconv.Itoa(t.Pid)
	open := func(name string, flags int) int {
		if err != nil {
			return -1
		}
		var fd int
		if fd, err = unix.Open(dir+"/"+name, flags|unix.O_CLOEXEC, 0); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			return -1
		}
		fds = append(fds, fd)
		return fd
	}
	open("root", unix.O_PATH|unix.O_DIRECTORY)
	pidNS := open("ns/pid", unix.O_RDONLY)
	for _, typ := range joinedTypes {
		if typ == "time" && !t.TimeNS {
			continue
		}
		fd := open("ns/"+typ, unix.O_RDONLY)
		if err != nil {
			return fds, err
		}
		if isOwnNS(fd, typ) { // root of a user namespace may not join what is not its, even if it is in it
			continue
		}
		if typ == "user" {
			l.s.inUserNamespace()
		}
		l.joined = append(l.joined, typ)
		l.s.joins = append(l.s.joins, scriptJoin{uintptr(fd), 0})
	}
	if start, _, err := stubs.ProcessStart(t.Pid); err != nil || start != t.StartTime {
		return fds, errors.Join(err, unix.ESRCH)
	}
	if isOwnNS(pidNS, "pid") {
		return fds, nil
	}
	if err := unix.Setns(pidNS, unix.CLONE_NEWPID); err != nil {
		return fds, fmt.Errorf("join its pid namespace: %w", nsError(err))
	}
	return fds, nil
}

// isOwnNS reports whether the calling thread is in the namespace fd.
func isOwnNS(fd int, typ string) bool {
	var own, st unix.Stat_t
	return unix.Stat("/proc/thread-self/ns/"+typ, &own) == nil && unix.Fstat(fd, &st) == nil && own.Dev == st.Dev && own.Ino == st.Ino
}
