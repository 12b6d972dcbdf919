package nsmount

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/internal/rlimit"
)

// launcher starts a Process from a locked OS thread, in one of two ways:
//
//	execHere                          nsboot becomes the process; nothing stays
//	fork, setOOM, release, then wait  a waiting child becomes the process
//
// Between fork and release the caller attaches procFD, finishes the file
// system and switches the root: the kernel moves the waiting child's root
// along. kill ends a child whose boot failed. All of it, wait apart, must be
// called from one thread, and the goroutine must not be unlocked from it
// before the process has ended: the death signal is tied to that thread.
type launcher struct {
	p *Process
	s *script

	// procAttrs and procData may be set before fork: attributes and options
	// ("hidepid=2") of the child's procfs.
	procAttrs  uint
	ids        *ids    // of the process's user namespace, if it has one of its own
	cloneFlags uintptr // of namespaces that are made with the child
	procData   []string

	joined     []string // the types of s.joins
	keptGroups bool     // the caller's supplementary groups cannot be dropped

	procFD  int   // after fork with wantProc: the detached procfs mount, or -1
	procErr error // why procFD is -1

	pid     int
	pidfd   int
	procDir int  // O_PATH descriptor of /proc/PID, -1 if there is no such thing
	isInit  bool // pid 1 of a pid namespace: signals it has no handler for never reach it
	reaped  bool
	status  unix.WaitStatus

	terminal *ownTerminal            // what process.terminal asks for, nil if it does not
	listener func(pid, fd int) error // of the filter, if it has one

	goW, statusR  int
	childEnds     []int // the child's ends, closed here once it has a table of its own
	signals       chan os.Signal
	held          chan os.Signal  // keeps signals from ending nsboot; nobody reads it
	ready         <-chan struct{} // closed once those that people send are
	watched       <-chan struct{} // closed once all signals are collected
	unwatch       chan<- struct{} // close it to collect no more; nil if nothing is
	endedBySignal atomic.Int32    // the signal that SIGKILL stood in for
}

// newLauncher prepares everything that can be prepared: what fork, release and
// execHere do afterwards is system calls. Descriptors 3 to 2+preserveFDs stay
// open in the process; they must be open now, and be the caller's, not
// nsboot's own.
func newLauncher(p *Process, preserveFDs int) (*launcher, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	for fd := 3; fd < 3+preserveFDs; fd++ {
		// What came through exec is not close-on-exec. What is, is nsboot's
		// own: the Go runtime alone has two open before main.
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC != 0 {
			err = unix.EBADF
		}
		if err != nil {
			return nil, fmt.Errorf("preserve descriptor %d: %w (the caller has not opened it)", fd, err)
		}
	}
	s := &script{
		preserve:   uintptr(preserveFDs),
		uid:        uintptr(p.UID),
		gid:        uintptr(p.GID),
		noNewPrivs: p.NoNewPrivileges,
		ownSession: true,
		argv:       cStrings(p.Args),
		envv:       cStrings(p.Env),
	}
	if p.Umask != nil {
		s.setUmask, s.umask = true, uintptr(*p.Umask)
	}
	if len(p.Groups) > 0 {
		groups := append([]uint32(nil), p.Groups...)
		s.nGroups, s.groups = uintptr(len(groups)), &groups[0]
	}
	// Dropping none of no groups needs no privilege; don't ask for it.
	current, err := unix.Getgroups()
	s.setGroups = s.nGroups > 0 || len(current) > 0 || err != nil
	kept := s.setGroups && s.nGroups == 0 && groupsStay()
	if kept || err == nil && sameGroups(current, p.Groups) {
		s.setGroups = false
	}
	s.prepareLimits(p)
	s.prepareCapabilities(p)
	s.kernel.prepare(p)
	return &launcher{
		p: p, s: s, keptGroups: kept,
		procAttrs: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC,
		procFD:    -1, pidfd: -1, procDir: -1, goW: -1, statusR: -1,
	}, nil
}

// prepareLimits adds the descriptor limit that the Go runtime raised at
// start-up, as it was before, unless the config sets one.
func (s *script) prepareLimits(p *Process) {
	nofile := false
	for _, r := range p.Rlimits {
		s.rlimits = append(s.rlimits, scriptRlimit{uintptr(r.Resource), [2]uint64{r.Soft, r.Hard}})
		nofile = nofile || r.Resource == unix.RLIMIT_NOFILE
	}
	if soft, hard, ok := rlimit.Nofile(); ok && !nofile {
		s.rlimits = append(s.rlimits, scriptRlimit{unix.RLIMIT_NOFILE, [2]uint64{soft, hard}})
	}
}

func (s *script) prepareCapabilities(p *Process) {
	var c Capabilities
	if p.Capabilities != nil {
		c = *p.Capabilities
	}
	// The kernel's own last capability ends the loop: one that this build has
	// no name for is dropped like any other.
	for i := range uintptr(64) {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, i, 0, 0, 0)
		if err != nil {
			break
		}
		if c.Bounding&(1<<i) != 0 {
			continue
		}
		s.dropFull |= 1 << i
		if has == 1 {
			s.dropBound |= 1 << i
		}
	}
	s.keepCaps = p.UID != 0 && c.Permitted != 0
	s.capHeader.Version = unix.LINUX_CAPABILITY_VERSION_3
	for i := range s.capData {
		s.capData[i] = unix.CapUserData{
			Effective:   uint32(c.Effective >> (32 * i)),
			Permitted:   uint32(c.Permitted >> (32 * i)),
			Inheritable: uint32(c.Inheritable >> (32 * i)),
		}
	}
	s.ambient = c.Ambient
}

// inUserNamespace tells that the child is in another user namespace than nsboot,
// where its bounding set is the full one again, whatever nsboot's lacks
// (user_namespaces(7)).
func (s *script) inUserNamespace() { s.dropBound = s.dropFull }

// cStrings lays out a NULL-terminated array of C strings in two allocations.
// NUL bytes have been refused by check.
func cStrings(list []string) **byte {
	size := 0
	for _, s := range list {
		size += len(s) + 1
	}
	text := make([]byte, 0, size+1)
	array := make([]*byte, len(list)+1)
	for i, s := range list {
		start := len(text)
		text = append(append(text, s...), 0)
		array[i] = &text[start]
	}
	return &array[0]
}

// execHere turns nsboot itself into the process. It returns only if that
// failed, and then the thread is in no state for anything but saying so.
//
// This is a raw execve, without the runtime's lock against thread creation.
// That lock exists because threads that share their fs_struct with one that is
// in execve cannot clone (EAGAIN, fatal to the runtime); this thread has an
// fs_struct of its own since enter unshared CLONE_FS. The other threads, which
// still have nsboot's credentials, are ended by the kernel before the new
// program runs.
func (l *launcher) execHere(exe string, cwdFD int) error {
	if err := l.s.msg.set(exe, cwdFD, 0); err != nil {
		return err
	}
	becomePayload(l.s, false)
	runtime.KeepAlive(l)
	return l.launchError(l.s.record)
}

// set fills in the message that names what is to be executed, and where, and on
// which terminal, 0 for none.
func (m *goMessage) set(exe string, cwdFD, slave int) error {
	switch {
	case len(exe) >= len(m.exe):
		return &LaunchError{Stage: "exec " + exe, Err: unix.ENAMETOOLONG}
	case exe == "" || strings.IndexByte(exe, 0) >= 0:
		return &LaunchError{Stage: "exec " + strconv.Quote(exe), Err: unix.ENOENT}
	}
	m.cwd, m.terminal = int32(cwdFD), int32(slave)
	m.exe[copy(m.exe[:], exe)] = 0
	m.size = int32(unsafe.Offsetof(m.exe)) + int32(len(exe)) + 1
	return nil
}

// setOOM sets oomScoreAdj, on the waiting child if there is one. Call it
// before the root is switched: in place it needs /proc.
func (l *launcher) setOOM() error {
	if l.p.OOMScoreAdj == nil {
		return nil
	}
	dir, name := unix.AT_FDCWD, "/proc/self/oom_score_adj"
	if l.pid != 0 {
		if l.procDir < 0 {
			return errors.New("process.oomScoreAdj: /proc does not show the process: it is missing or of another pid namespace")
		}
		dir, name = l.procDir, "oom_score_adj"
	}
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err == nil {
		_, err = unix.Write(fd, strconv.AppendInt(nil, int64(*l.p.OOMScoreAdj), 10))
		unix.Close(fd)
	}
	if errors.Is(err, unix.EACCES) {
		return fmt.Errorf("process.oomScoreAdj: set %d: %w (lowering it needs CAP_SYS_RESOURCE)", *l.p.OOMScoreAdj, err)
	}
	if err != nil {
		return fmt.Errorf("process.oomScoreAdj: set %d: %w", *l.p.OOMScoreAdj, err)
	}
	return nil
}

// sameGroups reports whether the process already has its groups: where a user
// namespace has given up setgroups(2), to ask for them would be an error.
func sameGroups(have []int, want []uint32) bool {
	return len(have) == len(want) && !slices.ContainsFunc(want, func(g uint32) bool { return !slices.Contains(have, int(g)) })
}

// groupsStay tries to drop the calling thread's supplementary groups and reports
// whether nobody may: where a user namespace has given up setgroups(2), which an
// ordinary user's has to (user_namespaces(7)). To lack CAP_SETGID is another matter.
func groupsStay() bool {
	_, _, errno := syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
	if errno != unix.EPERM {
		return false
	}
	caps, err := OwnCapabilities()
	return err == nil && caps.Effective&(1<<unix.CAP_SETGID) != 0
}
