package nsmount

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scriptFilter is the seccomp filter of the child. Without no_new_privs the
// kernel takes one only from a process that has CAP_SYS_ADMIN, so that it comes
// before the capabilities go; with it, as late as can be: what comes after is
// subject to the filter, and a filter need not allow for more than it must.
type scriptFilter struct {
	set      bool
	early    bool // before the capabilities go
	raise    bool // not root by then: CAP_SYS_ADMIN has to be made effective again
	listener bool // seccomp(2) returns a descriptor, which nsboot takes and hands on
	flags    uintptr
	prog     unix.SockFprog
	caps     [2]unix.CapUserData
	ignore   [4]uint64 // struct sigaction: SIG_DFL
	got      byte
}

// setFilter prepares the filter, if there is one.
func (l *launcher) setFilter(listener func(pid, fd int) error) error {
	f := l.p.Seccomp
	if f == nil {
		return nil
	}
	if f.Notify && listener == nil {
		return errors.New("linux.seccomp: there is nobody to hand the listener to")
	}
	l.listener = listener
	early := !l.p.NoNewPrivileges
	l.s.filter = scriptFilter{
		set: true, early: early, raise: early && l.p.UID != 0, listener: f.Notify, flags: uintptr(f.Flags),
		prog: unix.SockFprog{Len: uint16(len(f.Program) / sizeofSockFilter), Filter: (*unix.SockFilter)(unsafe.Pointer(&f.Program[0]))},
	}
	l.s.keepCaps = l.s.keepCaps || l.s.filter.raise
	return nil
}

// handOver gives the listener of the child's filter, whose descriptor fd is in
// the child, to whoever is to answer, and lets the child go on.
func (l *launcher) handOver(fd int) error {
	mine, err := unix.PidfdGetfd(l.pidfd, fd, 0)
	if err != nil {
		return fmt.Errorf("linux.seccomp: take the listener: %w", err)
	}
	defer unix.Close(mine)
	if err := l.listener(l.pid, mine); err != nil {
		return err
	}
	if _, err := unix.Write(l.goW, []byte{1}); err != nil {
		return fmt.Errorf("linux.seccomp: let the process go on: %w", err)
	}
	return nil
}

// loadFilter loads the filter. The listener is told of, and taken, before
// anything else is done: until then nobody would answer.
//
//go:noinline
//go:norace
//go:nosplit
func loadFilter(s *script, child bool) {
	r, f := &s.record, &s.filter
	if !child {
		// In place nothing blocks signals, and the Go runtime sends one to whatever
		// runs for long. Its handler would be subject to the filter; the default
		// is to ignore it.
		if r.fails(stageSeccomp, 2, syscallErrno(unix.SYS_RT_SIGACTION, uintptr(unix.SIGURG), uintptr(unsafe.Pointer(&f.ignore)), 0, 8)) {
			return
		}
	}
	if f.raise {
		// The change of user has cleared the effective set; the permitted one
		// has been kept.
		if r.fails(stageSeccomp, 1, syscallErrno(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&s.capHeader)), uintptr(unsafe.Pointer(&f.caps)), 0, 0)) {
			return
		}
		f.caps[0].Effective, f.caps[1].Effective = f.caps[0].Permitted, f.caps[1].Permitted
		if r.fails(stageSeccomp, 1, syscallErrno(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&s.capHeader)), uintptr(unsafe.Pointer(&f.caps)), 0, 0)) {
			return
		}
	}
	fd, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, f.flags, uintptr(unsafe.Pointer(&f.prog)))
	if r.fails(stageSeccomp, 0, errno) || !f.listener {
		return
	}
	r.stage, r.arg = stageListener, int32(fd)
	tell(s)
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, s.goFD, uintptr(unsafe.Pointer(&f.got)), 1)
		if errno == unix.EINTR {
			continue
		}
		if errno == 0 && n == 0 {
			errno = unix.EPIPE
		}
		r.fails(stageListener, 0, errno)
		break
	}
	// A held process is not to keep them; exec would close them in any case.
	syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	syscall.RawSyscall(unix.SYS_CLOSE, s.goFD, 0, 0)
}

// filterWhy explains an errno of seccomp(2).
func filterWhy(errno syscall.Errno) string {
	switch errno {
	case unix.EINVAL:
		return "this kernel does not know one of the filter's actions or flags, or was built without filters"
	case unix.EACCES:
		return "nsboot has no CAP_SYS_ADMIN in its user namespace: set process.noNewPrivileges"
	case unix.EBUSY:
		return "a filter that nsboot itself runs under has a listener already; the kernel allows one"
	case unix.ENOMEM:
		return "the filters that nsboot itself runs under and this one are too long together"
	case unix.ENOSYS:
		return "this kernel was built without seccomp"
	}
	return ""
}
