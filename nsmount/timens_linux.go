package nsmount

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scriptTime is how the child gets into a time namespace. It has to do so itself:
// setns(2) wants a process of one thread, and unshare(2) puts only its later
// children into the new one, or, since Linux 6.3, what it executes.
type scriptTime struct {
	join       uintptr // descriptor of the one to join, 0 for none
	make       bool
	offsets    *byte // what the new one's clocks are set to
	sizeOffset uintptr
}

// prepareTime notes what fork's child is to do.
func (s *script) prepareTime(n *namespaces, offsets []TimeOffset) {
	if n.joinTime >= 0 {
		s.time.join = uintptr(n.joinTime)
	}
	if s.time.make = n.newTime; len(offsets) > 0 {
		text := offsetLines(offsets)
		s.time.offsets, s.time.sizeOffset = &text[0], uintptr(len(text))
	}
}

// The steps of stageTime.
const (
	timeJoin = iota
	timeMake
	timeOpen
	timeSet
	timeEnter
)

// joinTime enters the time namespace that is joined.
//
//go:noinline
//go:norace
//go:nosplit
func joinTime(s *script) {
	s.record.fails(stageTime, timeJoin, syscallErrno(unix.SYS_SETNS, s.time.join, unix.CLONE_NEWTIME, 0, 0))
}

// makeTime makes a time namespace, sets its clocks, which can be done as long as
// nobody is in it, and enters it. The /proc is the host's, which shows the child.
//
//go:noinline
//go:norace
//go:nosplit
func makeTime(s *script) {
	r := &s.record
	if r.fails(stageTime, timeMake, syscallErrno(unix.SYS_UNSHARE, unix.CLONE_NEWTIME, 0, 0, 0)) {
		return
	}
	if s.time.offsets != nil {
		fd, errno := openFile(unsafe.Pointer(&offsetsName[0]), unix.O_WRONLY)
		if r.fails(stageTime, timeOpen, errno) {
			return
		}
		errno = syscallErrno(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(s.time.offsets)), s.time.sizeOffset, 0)
		syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		if r.fails(stageTime, timeSet, errno) {
			return
		}
	}
	fd, errno := openFile(unsafe.Pointer(&childrenName[0]), unix.O_RDONLY)
	if r.fails(stageTime, timeOpen, errno) {
		return
	}
	r.fails(stageTime, timeEnter, syscallErrno(unix.SYS_SETNS, fd, unix.CLONE_NEWTIME, 0, 0))
	syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
}

var (
	offsetsName  = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 't', 'i', 'm', 'e', 'n', 's', '_', 'o', 'f', 'f', 's', 'e', 't', 's', 0}
	childrenName = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 'n', 's', '/', 't', 'i', 'm', 'e', '_', 'f', 'o', 'r', '_', 'c', 'h', 'i', 'l', 'd', 'r', 'e', 'n', 0}
)

//go:noinline
//go:norace
//go:nosplit
func openFile(name unsafe.Pointer, flags uintptr) (uintptr, syscall.Errno) {
	at := unix.AT_FDCWD
	fd, _, errno := syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(at), uintptr(name), flags|unix.O_CLOEXEC, 0, 0, 0)
	return fd, errno
}

// timeStage puts a failure into words.
func timeStage(r record) (stage, why string) {
	switch r.arg {
	case timeJoin:
		stage = "join the time namespace of linux.namespaces"
	case timeMake:
		stage = "make the time namespace of linux.namespaces"
	case timeOpen:
		stage, why = "look up the new time namespace in /proc", "the caller's /proc must be there and show its processes; and the kernel must be 5.6 or later"
	case timeSet:
		stage = "set linux.timeOffsets"
	case timeEnter:
		stage = "enter the time namespace of linux.namespaces"
	}
	switch errno := syscall.Errno(r.errno); {
	case errno == unix.EPERM:
		why = "it needs CAP_SYS_ADMIN, and CAP_SYS_TIME to set clocks, in the user namespace that it belongs to"
	case errno == unix.EINVAL && r.arg != timeSet:
		why = "the kernel has no time namespaces"
	case errno == unix.ENOSPC:
		why = "the limit of /proc/sys/user/max_time_namespaces is reached"
	case errno == unix.ERANGE:
		why = "a clock would be below 0, or beyond its end"
	}
	return stage, why
}
