package nsmount

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// UserNamespace says in which user namespace Again runs: the one at Path, or a new
// one, whose ids Map writes for the process pid, which waits meanwhile.
type UserNamespace struct {
	Path string
	Map  func(pid int) error
}

// Again starts this program once more, as root of a user namespace, and waits for
// it: signals are passed on, its exit code, or 128 and the signal that ended it, is
// returned. args are those of the new program, env its environment.
//
// It is the way of an ordinary user to be root somewhere. A Go program has threads
// from its first moment on and so cannot enter a user namespace itself
// (user_namespaces(7)); a fork of it that runs nothing but raw system calls can.
func Again(ns UserNamespace, args, env []string) (code int, err error) {
	runtime.LockOSThread() // the death signal is tied to the thread
	l := &launcher{p: &Process{Args: args}, s: &script{}, pidfd: -1, procDir: -1, procFD: -1, goW: -1, statusR: -1}
	s := &again{argv: cStrings(args), envv: cStrings(env), join: -1}
	defer runtime.KeepAlive(s)
	if err := l.openPipes(); err != nil {
		l.close()
		return 0, err
	}
	s.goFD, s.statusFD, s.parentFD = l.s.goFD, l.s.statusFD, l.s.parentFD
	flags := uintptr(unix.SIGCHLD | unix.CLONE_PIDFD)
	for _, open := range []struct {
		path string
		to   *int
		flag int
	}{{"/proc/self/exe", &s.exe, unix.O_PATH}, {ns.Path, &s.join, unix.O_RDONLY}} {
		if open.path == "" {
			flags |= unix.CLONE_NEWUSER
			continue
		}
		fd, err := unix.Open(open.path, open.flag|unix.O_CLOEXEC, 0)
		if err != nil {
			l.close()
			return 0, fmt.Errorf("%s: %w", open.path, err)
		}
		l.childEnds = append(l.childEnds, fd)
		*open.to = fd
	}
	pid, errno := cloneAgain(s, flags)
	if errno != 0 {
		l.close()
		return 0, explainUserNS(errno)
	}
	l.pid, l.pidfd = int(pid), int(s.pidfd)
	l.watchSignals()
	if err := l.letAgain(ns); err != nil {
		l.kill()
		return 0, err
	}
	return l.wait()
}

// letAgain maps the ids and lets the child go.
func (l *launcher) letAgain(ns UserNamespace) error {
	if ns.Path == "" {
		if err := ns.Map(l.pid); err != nil {
			return fmt.Errorf("user namespace: %w", err)
		}
	}
	<-l.ready
	l.closeChildEnds() // the child's table is a copy: its end of the status pipe is the last
	if _, err := unix.Write(l.goW, []byte{1}); err != nil {
		return fmt.Errorf("user namespace: %w", err)
	}
	switch r, err := l.readRecord(); {
	case errors.Is(err, errExecuted):
		return nil
	case err != nil:
		return fmt.Errorf("user namespace: %w", err)
	case r.stage == stageJoin:
		return fmt.Errorf("join the user namespace %s: %w", ns.Path, nsError(syscall.Errno(r.errno)))
	default:
		return fmt.Errorf("become root of the user namespace: %w", syscall.Errno(r.errno))
	}
}

// again is all that the child of Again needs; see child_linux.go for what it may do.
type again struct {
	argv, envv               **byte
	exe, join                int
	goFD, statusFD, parentFD uintptr
	pidfd                    int32
	poll                     unix.PollFd
	zero                     unix.Timespec
	byte                     [1]byte
	record                   record
}

//go:noinline
//go:norace
func cloneAgain(s *again, flags uintptr) (pid uintptr, errno syscall.Errno) {
	runtimeBeforeFork()
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, uintptr(unsafe.Pointer(&s.pidfd)), 0, 0, 0)
	if pid == 0 && errno == 0 {
		runtimeAfterForkInChild()
		becomeAgain(s)
		syscall.RawSyscall(unix.SYS_WRITE, s.statusFD, uintptr(unsafe.Pointer(&s.record)), unsafe.Sizeof(s.record))
		for {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, exitAgain, 0, 0)
		}
	}
	runtimeAfterFork()
	return pid, errno
}

const exitAgain = 125

// becomeAgain waits for the ids, takes those of root and executes.
//
//go:noinline
//go:norace
//go:nosplit
func becomeAgain(s *again) {
	r := &s.record
	if s.join >= 0 && r.fails(stageJoin, 0, syscallErrno(unix.SYS_SETNS, uintptr(s.join), unix.CLONE_NEWUSER, 0, 0)) {
		return
	}
	if r.fails(stageDeathSignal, 0, syscallErrno(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0)) {
		return
	}
	n, _, errno := syscall.RawSyscall(unix.SYS_READ, s.goFD, uintptr(unsafe.Pointer(&s.byte)), 1)
	if errno == 0 && n == 0 {
		errno = unix.EPIPE // the parent has ended
	}
	if r.fails(stageMessage, 0, errno) {
		return
	}
	// Where setgroups is given up, the caller's groups stay: nobody can drop them.
	syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
	if r.fails(stageSetresgid, 0, syscallErrno(unix.SYS_SETRESGID, 0, 0, 0, 0)) ||
		r.fails(stageSetresuid, 0, syscallErrno(unix.SYS_SETRESUID, 0, 0, 0, 0)) {
		return
	}
	// The kernel forgets the death signal when credentials change.
	if r.fails(stageDeathSignal, 0, syscallErrno(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0)) {
		return
	}
	s.poll.Fd, s.poll.Events = int32(s.parentFD), unix.POLLIN
	if n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.poll)), 1, uintptr(unsafe.Pointer(&s.zero)), 0, 0, 0); errno == 0 && n != 0 {
		r.fails(stageDeathSignal, 0, unix.ESRCH)
		return
	}
	_, _, errno = syscall.RawSyscall6(unix.SYS_EXECVEAT, uintptr(s.exe), uintptr(unsafe.Pointer(&emptyName[0])),
		uintptr(unsafe.Pointer(s.argv)), uintptr(unsafe.Pointer(s.envv)), unix.AT_EMPTY_PATH, 0)
	r.fails(stageExec, 0, errno)
}

var emptyName [1]byte

// explainUserNS names the switch by which user namespaces are off.
func explainUserNS(err error) error {
	what := fmt.Errorf("make a user namespace: %w", err)
	for _, s := range [...]struct{ name, off string }{
		{"kernel.unprivileged_userns_clone", "0"}, {"user.max_user_namespaces", "0"}, {"kernel.apparmor_restrict_unprivileged_userns", "1"},
	} {
		if value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(s.name, ".", "/")); err == nil && string(value) == s.off+"\n" {
			return &HintError{fmt.Errorf("%w: the sysctl %s is %s", what, s.name, s.off), "run it as root, or have the administrator change " + s.name}
		}
	}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return fmt.Errorf("%w: there are as many, or as many nested, as user.max_user_namespaces and the kernel allow", what)
	case errors.Is(err, unix.EPERM):
		err := fmt.Errorf("%w: a seccomp filter, a chroot, or the kernel's configuration forbids it", what)
		if os.Geteuid() == 0 {
			return &HintError{err, "root has no CAP_SYS_ADMIN here: in a container, start that with --privileged, or with --security-opt seccomp=unconfined"}
		}
		return err
	}
	return what
}
