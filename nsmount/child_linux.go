package nsmount

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is what runs between clone(2) and execve(2): in a forked child,
// or in place on the locked thread. A forked child of a Go program has one
// thread and no scheduler, so nothing here may allocate, take a lock, grow the
// stack or enter the runtime: every function is nosplit, every pointer is into
// a script that newLauncher laid out, and every call is a raw system call.
// That is how the standard library's own forkExec child lives.
//
// The three runtime hooks below are those that package syscall uses around its
// fork. BeforeFork blocks all signals (a Go handler must not run in the child)
// and makes any attempt to grow the stack fatal; AfterFork undoes both in the
// parent; AfterForkInChild resets every handler that the Go runtime installed
// to the default and puts back the mask of before BeforeFork.

//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

//go:linkname runtimeAfterForkInChild syscall.runtime_AfterForkInChild
func runtimeAfterForkInChild()

// script is everything the child needs. The garbage collector does not move
// it, and the launcher keeps it alive.
type script struct {
	wantProc  bool
	procAttrs uintptr        // MOUNT_ATTR_ of the child's procfs
	procData  []fsParam      // and its own options: hidepid=2
	parentFD  uintptr        // pidfd of nsboot; unused in place
	goFD      uintptr        // read end: the go message
	statusFD  uintptr        // write end: records
	poll      [2]unix.PollFd // on parentFD, goFD
	zero      unix.Timespec

	// In a user namespace: the process joins userFD, if that is not 0, and then
	// makes the namespaces of unshare, which so belong to it.
	userFD, unshare uintptr

	time scriptTime

	// joins are namespaces of a running container; detached says that the
	// process outlives nsboot from exec on.
	joins    []scriptJoin
	detached bool
	// newCgroup: it makes the cgroup namespace, once it is in its own cgroup.
	newCgroup bool
	stdin     uintptr // becomes descriptor 0, unless it is that already

	ownSession bool // of a child: it leads a session of its own

	// A held process waits once more, all but executed, for somebody to start
	// it: startFD is what it reads from, outcomeFD where it tells of a failure.
	hold      bool
	startFD   uintptr
	outcomeFD uintptr
	forget    [96]span // memory that it gives back while it waits
	nForget   int

	preserve   uintptr // descriptors 3 to 2+preserve stay open
	setUmask   bool
	umask      uintptr
	rlimits    []scriptRlimit
	kernel     scriptKernel
	dropBound  uint64 // capabilities to take out of the bounding set
	dropFull   uint64 // the same where that has all of them
	keepCaps   bool   // the user changes to one that is not root, with capabilities
	setGroups  bool
	nGroups    uintptr
	groups     *uint32 // nil if there are none
	uid, gid   uintptr
	capHeader  unix.CapUserHeader
	capData    [2]unix.CapUserData
	ambient    uint64
	noNewPrivs bool
	filter     scriptFilter
	argv, envv **byte // NULL-terminated arrays of NUL-terminated strings

	nowhere *byte // nil

	pidfd  int32 // the child's, stored by clone in the parent's memory only
	msg    goMessage
	cwd    [unix.PathMax]byte // what getcwd answers
	record record
}

// scriptJoin is a namespace to join: by the child, which is single-threaded, as
// joining a mount namespace wants it.
type scriptJoin struct{ fd, flag uintptr }

type scriptRlimit struct {
	resource uintptr
	limit    [2]uint64 // soft, hard: struct rlimit64
}

// fsParam is one fsconfig call; a nil value makes it a flag.
type fsParam struct{ key, value *byte }

// goMessage releases the child. Only the first size bytes travel.
type goMessage struct {
	size     int32
	cwd      int32              // descriptor number, valid in the shared table
	terminal int32              // descriptor number too: the slave of the process's terminal, 0 for none
	exe      [unix.PathMax]byte // NUL-terminated
}

// record is what the child tells: far below PIPE_BUF, so never torn.
type record struct {
	stage stage
	arg   int32 // stageProc: the mount's descriptor; else what Stage names
	errno int32
}

// stage is a step that can fail, or a piece of news.
type stage int32

const (
	stageProc    stage = iota + 1 // news: procfs is mounted, or refused
	stageStarted                  // news: the descriptor table is the child's own
	stageEntered                  // news: the process is in its user namespace
	stageTime                     // news: it is in its time namespace
	stageHeld                     // news: all is done but exec
	stageHold
	stageSession
	stageTerminal
	stageMessage
	stageJoin
	stageCgroup
	stageStdin
	stageCloseRange
	stagePreserve
	stageCwd
	stageGetcwd
	stageRlimit
	stagePersonality
	stageMemory
	stageBounding
	stageKeepCaps
	stageSetgroups
	stageSetresgid
	stageSetresuid
	stageCapset
	stageAmbient
	stageNoNewPrivs
	stageSeccomp
	stageListener // without errno, news: arg is the listener's descriptor; nsboot answers with a byte
	stageDeathSignal
	stageExec
)

// cloneChild forks the calling thread. The child never returns from it. It has
// a copy of the address space, not the space itself (CLONE_VM): the parent goes
// on running Go code while the child waits.
//
//go:noinline
//go:norace
func cloneChild(s *script, flags uintptr) (pid uintptr, errno syscall.Errno) {
	runtimeBeforeFork()
	// The first three arguments are the same on amd64 and arm64.
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, uintptr(unsafe.Pointer(&s.pidfd)), 0, 0, 0)
	if pid == 0 && errno == 0 {
		childMain(s)
	}
	runtimeAfterFork()
	return pid, errno
}

// childMain is the child from its first instruction to exec or exit.
//
//go:noinline
//go:norace
//go:nosplit
func childMain(s *script) {
	// First of all, so that a Ctrl-C from now on is nsboot's to pass on, once.
	if s.ownSession && s.record.fails(stageSession, 0, syscallErrno(unix.SYS_SETSID, 0, 0, 0, 0)) {
		giveUp(s)
	}
	if s.wantProc {
		childProc(s)
		tell(s)
	}
	if s.time.join != 0 { // as root outside, if it can be
		joinTime(s)
		tell(s)
	}
	if s.userFD != 0 {
		enterUser(s)
		tell(s)
	}
	if s.time.make { // it belongs to the user namespace
		makeTime(s)
		tell(s)
	}
	// From here on the parent's death is this process's death; the check after
	// closes the gap before. Signals are blocked, which SIGKILL does not mind.
	if s.record.errno = int32(dieWithParent(s)); s.record.errno != 0 {
		s.record.stage = stageDeathSignal
	} else if s.record.errno = int32(awaitGo(s)); s.record.errno != 0 {
		s.record.stage = stageMessage
	} else {
		becomePayload(s, true)
	}
	giveUp(s)
}

// enterUser joins the container's user namespace and makes the others in it.
//
//go:noinline
//go:norace
//go:nosplit
func enterUser(s *script) {
	r := &s.record
	if r.fails(stageEntered, 0, syscallErrno(unix.SYS_SETNS, s.userFD, unix.CLONE_NEWUSER, 0, 0)) {
		return
	}
	r.fails(stageEntered, 1, syscallErrno(unix.SYS_UNSHARE, s.unshare, 0, 0, 0))
}

// giveUp tells which step failed, and ends.
//
//go:noinline
//go:norace
//go:nosplit
func giveUp(s *script) {
	tell(s)
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
		*s.nowhere = 0 // the seccomp filter forbids exit: a fault it cannot forbid
	}
}

// childProc makes the procfs of the child's pid namespace: a procfs belongs to
// the namespace of whoever creates it, so the parent cannot. The descriptor of
// the detached mount lands in the shared table; only its number is told.
//
//go:noinline
//go:norace
//go:nosplit
func childProc(s *script) {
	var fs, mnt uintptr
	var errno syscall.Errno
	s.record.stage, s.record.arg = stageProc, -1
	fs, _, errno = syscall.RawSyscall(unix.SYS_FSOPEN, uintptr(unsafe.Pointer(&procName[0])), unix.FSOPEN_CLOEXEC, 0)
	if errno != 0 {
		s.record.errno = int32(errno)
		return
	}
	for i := range s.procData {
		var cmd uintptr = unix.FSCONFIG_SET_STRING
		if s.procData[i].value == nil {
			cmd = unix.FSCONFIG_SET_FLAG
		}
		if errno == 0 {
			_, _, errno = syscall.RawSyscall6(unix.SYS_FSCONFIG, fs, cmd, uintptr(unsafe.Pointer(s.procData[i].key)), uintptr(unsafe.Pointer(s.procData[i].value)), 0, 0)
		}
	}
	if errno == 0 {
		_, _, errno = syscall.RawSyscall6(unix.SYS_FSCONFIG, fs, unix.FSCONFIG_CMD_CREATE, 0, 0, 0, 0)
	}
	if errno == 0 {
		mnt, _, errno = syscall.RawSyscall(unix.SYS_FSMOUNT, fs, unix.FSMOUNT_CLOEXEC, s.procAttrs)
	}
	if errno == 0 {
		s.record.arg = int32(mnt)
	}
	s.record.errno = int32(errno)
	syscall.RawSyscall(unix.SYS_CLOSE, fs, 0, 0)
}

var procName = [...]byte{'p', 'r', 'o', 'c', 0}

// dieWithParent asks for SIGKILL when the parent thread dies, then looks
// whether it is dead already. Its process id would not tell: getppid is 0 in a
// new pid namespace. A pidfd is readable once its process has ended.
//
//go:noinline
//go:norace
//go:nosplit
func dieWithParent(s *script) syscall.Errno {
	if _, _, errno := syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0); errno != 0 {
		return errno
	}
	s.poll[0].Fd, s.poll[0].Events = int32(s.parentFD), unix.POLLIN
	s.zero.Sec, s.zero.Nsec = 0, 0
	n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.poll)), 1, uintptr(unsafe.Pointer(&s.zero)), 0, 0, 0)
	if errno == 0 && n != 0 {
		errno = unix.ESRCH
	}
	return errno
}

// awaitGo blocks until the parent has built the file system and switched the
// root. There is no end of file to wait for: the table is shared, so this very
// process holds the write end too. The death signal is what ends the wait; or
// the parent's pidfd: while a killed parent's threads end one by one its children
// may be init's already, and get no signal any more, before it counts as dead.
//
//go:noinline
//go:norace
//go:nosplit
func awaitGo(s *script) syscall.Errno {
	var got uintptr
	for got < unsafe.Sizeof(s.msg.size) || got < uintptr(s.msg.size) {
		s.poll[0].Fd, s.poll[0].Events = int32(s.parentFD), unix.POLLIN
		s.poll[1].Fd, s.poll[1].Events = int32(s.goFD), unix.POLLIN
		errno := syscallErrno(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.poll)), 2, 0, 0)
		if errno == 0 && s.poll[1].Revents == 0 {
			errno = unix.ESRCH
		}
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return errno
		}
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, s.goFD, uintptr(unsafe.Pointer(&s.msg))+got, unsafe.Sizeof(s.msg)-got)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return errno
		case n == 0:
			return unix.EPIPE
		default:
			got += n
		}
	}
	return 0
}

// tell writes the record. Nobody is left to hear of a failure to do so.
//
//go:noinline
//go:norace
//go:nosplit
func tell(s *script) {
	syscall.RawSyscall(unix.SYS_WRITE, s.statusFD, uintptr(unsafe.Pointer(&s.record)), unsafe.Sizeof(s.record))
}
