package nsmount

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// becomePayload turns the calling thread into config.json's process. It
// returns only if a step failed, with that step in s.record. It obeys the
// rules of child_linux.go even when it runs in place.
//
// The order: what needs privileges comes before they go (descriptors, current
// directory, limits, bounding set), then the user, then the capabilities that
// the change of user has not taken away, with the seccomp filter just before if
// it needs one of nsboot's and last of all if it does not, then what a change of credentials
// would have reset (the death signal), and signals last, so that until then a
// Ctrl-C waits and afterwards it finds what it would find in a plain command.
//
//go:noinline
//go:norace
//go:nosplit
func becomePayload(s *script, child bool) {
	r := &s.record
	*r = record{}
	for i := range s.joins {
		if r.fails(stageJoin, int32(i), syscallErrno(unix.SYS_SETNS, s.joins[i].fd, s.joins[i].flag, 0, 0)) {
			return
		}
	}
	if s.newCgroup && r.fails(stageCgroup, 0, syscallErrno(unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP, 0, 0, 0)) {
		return
	}
	if inheritOnly(s, child); r.errno != 0 {
		return
	}
	// The descriptor table is the process's own now.
	if takeTerminal(s); r.errno != 0 {
		return
	}
	if s.stdin != 0 && r.fails(stageStdin, 0, syscallErrno(unix.SYS_DUP3, s.stdin, 0, 0, 0)) {
		return
	}
	if enterCwd(s); r.errno != 0 {
		return
	}
	if s.hold && closeAllButHold(s) != 0 {
		return
	}
	if s.setUmask {
		syscall.RawSyscall(unix.SYS_UMASK, s.umask, 0, 0) // cannot fail
	}
	// Raising a hard limit needs CAP_SYS_RESOURCE.
	for i := range s.rlimits {
		l := &s.rlimits[i]
		if r.fails(stageRlimit, int32(l.resource), syscallErrno(unix.SYS_PRLIMIT64, 0, l.resource, uintptr(unsafe.Pointer(&l.limit)), 0)) {
			return
		}
	}
	if setKernel(s); r.errno != 0 {
		return
	}
	// Needs CAP_SETPCAP. Nothing below, and no exec, can raise it again.
	for c := uintptr(0); c < 64; c++ {
		if s.dropBound&(1<<c) != 0 && r.fails(stageBounding, int32(c), dropBounding(c)) {
			return
		}
	}
	// Otherwise leaving uid 0 clears the permitted set. Exec resets the flag.
	if s.keepCaps && r.fails(stageKeepCaps, 0, syscallErrno(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0, 0)) {
		return
	}
	// Groups first: after setresuid there is no right to change them. The res
	// forms set the saved ids too; those would be a way back.
	if s.setGroups && r.fails(stageSetgroups, 0, syscallErrno(unix.SYS_SETGROUPS, s.nGroups, uintptr(unsafe.Pointer(s.groups)), 0, 0)) {
		return
	}
	if r.fails(stageSetresgid, 0, syscallErrno(unix.SYS_SETRESGID, s.gid, s.gid, s.gid, 0)) {
		return
	}
	if r.fails(stageSetresuid, 0, syscallErrno(unix.SYS_SETRESUID, s.uid, s.uid, s.uid, 0)) {
		return
	}
	if setCapabilities(s, child); r.errno != 0 {
		return
	}
	if s.noNewPrivs && r.fails(stageNoNewPrivs, 0, syscallErrno(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0)) {
		return
	}
	if s.filter.listener && !s.filter.early {
		// Its nsboot must be there to take the listener: not that of start.
		if loadFilter(s, child); r.errno != 0 {
			return
		}
	}
	switch {
	case s.hold:
		if holdOn(s); r.errno != 0 {
			return
		}
	case s.detached:
		if r.fails(stageDeathSignal, 0, syscallErrno(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0, 0, 0)) {
			return
		}
		runtimeAfterForkInChild()
	case child:
		// The kernel forgets the death signal when credentials change.
		if r.fails(stageDeathSignal, 0, dieWithParent(s)) {
			return
		}
		runtimeAfterForkInChild()
	}
	if s.filter.set && !s.filter.early && !s.filter.listener {
		if loadFilter(s, child); r.errno != 0 {
			return
		}
	}
	r.fails(stageExec, 0, syscallErrno(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&s.msg.exe)), uintptr(unsafe.Pointer(s.argv)), uintptr(unsafe.Pointer(s.envv)), 0))
}

// dropBounding takes a capability out of the bounding set. Without the right to
// do so, one that is not in it is no failure.
//
//go:noinline
//go:norace
//go:nosplit
func dropBounding(c uintptr) syscall.Errno {
	errno := syscallErrno(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0)
	if errno == unix.EPERM {
		if has, _, _ := syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, c, 0, 0, 0, 0); has == 0 {
			return 0
		}
	}
	return errno
}

// inheritOnly leaves descriptors 0, 1, 2 and the preserved ones to be
// inherited by exec, whatever else is open. UNSHARE gives the process a table
// of its own first: the marks must not be the parent's, nor another thread's.
//
//go:noinline
//go:norace
//go:nosplit
func inheritOnly(s *script, child bool) {
	r := &s.record
	if r.fails(stageCloseRange, 0, syscallErrno(unix.SYS_CLOSE_RANGE, 3+s.preserve, uintptr(^uint32(0)), unix.CLOSE_RANGE_UNSHARE|unix.CLOSE_RANGE_CLOEXEC, 0)) {
		return
	}
	if child {
		r.stage = stageStarted // the parent may close its ends now
		tell(s)
	}
	for fd := uintptr(3); fd < 3+s.preserve; fd++ {
		if r.fails(stagePreserve, int32(fd), syscallErrno(unix.SYS_FCNTL, fd, unix.F_SETFD, 0, 0)) {
			return
		}
	}
}

// takeTerminal makes the slave the controlling terminal of the process, which
// leads its session, and its standard descriptors.
//
//go:noinline
//go:norace
//go:nosplit
func takeTerminal(s *script) {
	r, slave := &s.record, uintptr(s.msg.terminal)
	if slave == 0 || r.fails(stageTerminal, 0, syscallErrno(unix.SYS_IOCTL, slave, unix.TIOCSCTTY, 0, 0)) {
		return
	}
	for fd := uintptr(0); fd < 3; fd++ {
		if r.fails(stageTerminal, int32(fd)+1, syscallErrno(unix.SYS_DUP3, slave, fd, 0, 0)) {
			return
		}
	}
}

// enterCwd goes to the current directory, by the descriptor that was resolved
// inside the root, and asks the kernel whether it is inside: the answer for a
// directory that is not starts with "(unreachable)" (CVE-2024-21626).
//
//go:noinline
//go:norace
//go:nosplit
func enterCwd(s *script) {
	r := &s.record
	if r.fails(stageCwd, 0, syscallErrno(unix.SYS_FCHDIR, uintptr(s.msg.cwd), 0, 0, 0)) {
		return
	}
	if r.fails(stageGetcwd, 0, syscallErrno(unix.SYS_GETCWD, uintptr(unsafe.Pointer(&s.cwd)), unsafe.Sizeof(s.cwd), 0, 0)) {
		return
	}
	if s.cwd[0] != '/' {
		r.fails(stageGetcwd, 0, unix.EXDEV)
	}
}

// setCapabilities sets exactly the config's sets. The ambient set is cleared
// first: the caller's could otherwise survive where the new sets allow it.
//
//go:noinline
//go:norace
//go:nosplit
func setCapabilities(s *script, child bool) {
	r := &s.record
	if r.fails(stageAmbient, -1, syscallErrno(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0)) {
		return
	}
	if s.filter.early {
		if loadFilter(s, child); r.errno != 0 {
			return
		}
	}
	if r.fails(stageCapset, 0, syscallErrno(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&s.capHeader)), uintptr(unsafe.Pointer(&s.capData)), 0, 0)) {
		return
	}
	for c := uintptr(0); c < 64; c++ {
		if s.ambient&(1<<c) != 0 && r.fails(stageAmbient, int32(c), syscallErrno(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0)) {
			return
		}
	}
}

// fails notes the step and its errno and reports whether it failed.
//
//go:norace
//go:nosplit
func (r *record) fails(st stage, arg int32, errno syscall.Errno) bool {
	r.stage, r.arg, r.errno = st, arg, int32(errno)
	return errno != 0
}

// syscallErrno is a raw system call of which only the errno matters. A fifth
// argument is 0, which prctl insists on.
//
//go:norace
//go:nosplit
func syscallErrno(trap, a1, a2, a3, a4 uintptr) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(trap, a1, a2, a3, a4, 0, 0)
	return errno
}

// closeAllButHold closes what exec would close, now: a held process may wait
// for days, and must keep none of nsboot's descriptors (a host directory, the
// lock of a journal) for as long. Its own move to the lowest free places.
//
//go:noinline
//go:norace
//go:nosplit
func closeAllButHold(s *script) int32 {
	r := &s.record
	keep := 3 + s.preserve
	n := 3
	if s.filter.listener {
		n = 4 // the answer to the listener comes by goFD
	}
	for i, fd := range [...]*uintptr{&s.startFD, &s.outcomeFD, &s.statusFD, &s.goFD} {
		if i == n {
			break
		}
		// nsboot has put all far above, so that none is in another's place.
		if r.fails(stageHold, 0, syscallErrno(unix.SYS_DUP3, *fd, keep+uintptr(i), unix.O_CLOEXEC, 0)) {
			return r.errno
		}
		*fd = keep + uintptr(i)
	}
	r.fails(stageHold, 0, syscallErrno(unix.SYS_CLOSE_RANGE, keep+uintptr(n), uintptr(^uint32(0)), 0, 0))
	return r.errno
}

// holdOn tells that all is done and waits for a byte on startFD. The process
// outlives nsboot from here on, and signals find what they would find in a
// plain command. What fails afterwards is told on outcomeFD, whose end of file
// is exec's success.
//
//go:noinline
//go:norace
//go:nosplit
func holdOn(s *script) {
	r := &s.record
	if r.fails(stageDeathSignal, 0, syscallErrno(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0, 0, 0)) {
		return
	}
	r.stage = stageHeld
	tell(s)
	syscall.RawSyscall(unix.SYS_CLOSE, s.statusFD, 0, 0)
	s.statusFD = s.outcomeFD
	runtimeAfterForkInChild()
	forget(s)
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, s.startFD, uintptr(unsafe.Pointer(&s.cwd)), 1)
		if errno == unix.EINTR {
			continue
		}
		if errno == 0 && n == 0 {
			errno = unix.EPIPE
		}
		// Who reads it says that it waits. Exec would close it and outcomeFD in an order
		// of its own, and a start that has seen the one go could still find the other.
		syscall.RawSyscall(unix.SYS_CLOSE, s.startFD, 0, 0)
		r.fails(stageHold, 0, errno)
		return
	}
}
