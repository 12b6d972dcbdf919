package nsmount

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fork starts the waiting child; the calling thread must be locked. With
// newPID it is pid 1 of a new pid namespace. With wantProc it also makes that
// namespace's procfs: procFD then is the detached mount (in the calling
// thread's mount namespace), or procErr says why the kernel refused, which is
// not an error of fork.
//
// From here until wait or kill returns, signals that would end nsboot are
// collected for the child instead.
func (l *launcher) fork(newPID, wantProc bool) error {
	if l.pid != 0 {
		return errors.New("fork the process: already done")
	}
	if err := l.openPipes(); err != nil {
		l.close()
		return fmt.Errorf("fork the process: %w", err)
	}
	s := l.s
	s.wantProc, s.procAttrs, s.procData = wantProc, uintptr(l.procAttrs), fsParams(l.procData)
	flags := uintptr(unix.SIGCHLD|unix.CLONE_FILES|unix.CLONE_PIDFD) | l.cloneFlags
	if newPID {
		flags |= unix.CLONE_NEWPID
	}
	if s.hold {
		s.nForget = copy(s.forget[:], s.forgettable())
	}
	pid, errno := l.clone(flags)
	if errno != 0 {
		l.close()
		return fmt.Errorf("fork the process: %w", nsError(errno))
	}
	l.pid, l.pidfd, l.isInit = int(pid), int(s.pidfd), newPID
	l.procDir = openProcDir(l.pid)
	if !s.hold { // a held process outlives nsboot: what ends that is not for it
		l.watchSignals()
	}
	if wantProc {
		if err := l.awaitProc(); err != nil {
			return err
		}
	}
	for _, step := range [...]struct {
		taken bool
		what  string
	}{{s.time.join != 0, "join the time namespace"}, {s.userFD != 0, "join the user namespace"}, {s.time.make, "make the time namespace"}} {
		if !step.taken {
			continue
		}
		if r, err := l.readRecord(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		} else if r.errno != 0 {
			return l.launchError(r)
		}
	}
	return nil
}

// awaitProc hears whether the child could mount its procfs.
func (l *launcher) awaitProc() error {
	r, err := l.readRecord()
	switch {
	case err != nil:
		return fmt.Errorf("mount proc in the new pid namespace: %w", err)
	case r.stage != stageProc:
		return l.launchError(r)
	case r.errno != 0:
		l.procErr = syscall.Errno(r.errno)
	default:
		l.procFD = int(r.arg)
	}
	return nil
}

// clone is cloneChild, hidden from whoever lives in a pid namespace that is
// joined. Until exec the child is a copy of nsboot; once it has no more
// capabilities than those others, their root could trace it or open its
// /proc/PID/exe, nsboot's own binary (CVE-2019-5736). Not being dumpable, until
// exec, forbids that.
func (l *launcher) clone(flags uintptr) (uintptr, syscall.Errno) {
	joins := func(ns Namespace) bool { return ns.Type == "pid" && ns.Path != "" }
	if len(l.s.joins) > 0 || l.s.userFD != 0 || slices.ContainsFunc(l.p.Namespaces, joins) {
		if was, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err == nil && was == 1 {
			if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err == nil {
				defer unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
			}
		}
	}
	return cloneChild(l.s, flags)
}

// openPipes makes the two pipes and the pidfd by which the child sees nsboot's
// death. What is the child's is in childEnds.
func (l *launcher) openPipes() error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	l.goW = p[1]
	if l.s.hold && l.s.filter.listener {
		var err error
		if p[0], err = l.raise(p[0]); err != nil {
			return err
		}
	}
	l.childEnds, l.s.goFD = append(l.childEnds, p[0]), uintptr(p[0])
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	l.statusR = p[0]
	if l.s.hold {
		var err error
		if p[1], err = l.raise(p[1]); err != nil {
			return err
		}
	}
	l.childEnds, l.s.statusFD = append(l.childEnds, p[1]), uintptr(p[1])
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return err
	}
	l.childEnds, l.s.parentFD = append(l.childEnds, self), uintptr(self)
	return nil
}

// fsParams lays out "key=value" and "flag" options for fsconfig.
func fsParams(options []string) []fsParam {
	var params []fsParam
	for _, o := range options {
		text := append([]byte(o), 0)
		param := fsParam{key: &text[0]}
		if i := bytes.IndexByte(text, '='); i >= 0 {
			text[i] = 0
			param.value = &text[i+1]
		}
		params = append(params, param)
	}
	return params
}

// openProcDir opens /proc/PID while nsboot's own root still shows /proc. A
// /proc of another pid namespace would show another process under that number:
// it is believed only if its /proc/self is nsboot.
func openProcDir(pid int) int {
	buf := make([]byte, 24)
	n, err := unix.Readlink("/proc/self", buf)
	if err != nil || string(buf[:n]) != strconv.Itoa(os.Getpid()) {
		return -1
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

// release lets the waiting child become the process: exe is a path in the
// container's root, cwdFD a descriptor of its current directory, open in
// nsboot. It returns nil once the program is running; after an error, kill.
func (l *launcher) release(exe string, cwdFD int) error {
	m := &l.s.msg
	if err := m.set(exe, cwdFD, l.terminal.slaveFD()); err != nil {
		return err
	}
	if l.ready != nil {
		<-l.ready // a signal from now on must not end nsboot and leave the process
	}
	if _, err := unix.Write(l.goW, unsafe.Slice((*byte)(unsafe.Pointer(m)), m.size)); err != nil {
		return fmt.Errorf("release the process: %w", err)
	}
	r, err := l.readRecord()
	if err != nil {
		return fmt.Errorf("release the process: %w", err)
	}
	if r.stage != stageStarted {
		return l.launchError(r)
	}
	// The child's table is its own now, so closing these ends here leaves it
	// the only writer: end of file means that exec has closed it.
	l.closeChildEnds()
	l.terminal.closeSlave()
	r, err = l.readRecord()
	if err == nil && r.stage == stageListener && r.errno == 0 {
		if err := l.handOver(int(r.arg)); err != nil {
			return err
		}
		r, err = l.readRecord()
	}
	switch {
	case errors.Is(err, errExecuted), err == nil && r.stage == stageHeld && r.errno == 0:
		return nil
	case err != nil:
		return fmt.Errorf("release the process: %w", err)
	}
	return l.launchError(r)
}

// errExecuted is the end of the status pipe.
var errExecuted = errors.New("executed")

// readRecord waits for the child's next record, or for its end: as long as the
// descriptor table is shared, a dead child leaves the pipe open.
func (l *launcher) readRecord() (record, error) {
	var r record
	fds := []unix.PollFd{{Fd: int32(l.statusR), Events: unix.POLLIN}, {Fd: int32(l.pidfd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return r, fmt.Errorf("poll: %w", err)
		}
		if fds[0].Revents == 0 {
			code, _ := l.reap()
			return r, fmt.Errorf("the waiting child has ended with status %d", code)
		}
		n, err := unix.Read(l.statusR, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return r, fmt.Errorf("read: %w", err)
		case n == 0:
			return r, errExecuted
		}
		return r, nil
	}
}

// wait passes signals on until the process ends, and returns its exit code, or
// 128 and the signal that ended it. Nothing remains afterwards.
func (l *launcher) wait() (code int, err error) {
	if l.pid == 0 {
		return -1, errors.New("wait for the process: none was started")
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case s := <-l.signals:
				l.forward(s.(unix.Signal))
			case <-stop:
				return
			}
		}
	}()
	code, err = l.reap()
	close(stop)
	<-stopped // it uses descriptors that close is about to close
	l.terminal.drain(l.signals)
	l.close()
	runtime.KeepAlive(l.s)
	return code, err
}

// abandon lets go of a held process, which lives on by itself.
func (l *launcher) abandon() {
	l.reaped = true // by whoever inherits it
	l.close()
}

// kill ends a child whose boot has failed, waiting or not. It may be called
// again, and after wait.
func (l *launcher) kill() {
	if l.pid != 0 && !l.reaped {
		unix.PidfdSendSignal(l.pidfd, unix.SIGKILL, nil, 0)
		l.reap()
	}
	l.close()
}

// reap waits for the child once and remembers the answer.
func (l *launcher) reap() (int, error) {
	for !l.reaped {
		_, err := unix.Wait4(l.pid, &l.status, 0, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return -1, fmt.Errorf("wait for the process: %w", err)
		}
		l.reaped = err == nil
	}
	if !l.status.Signaled() {
		return l.status.ExitStatus(), nil
	}
	if s := l.endedBySignal.Load(); s != 0 && l.status.Signal() == unix.SIGKILL {
		return 128 + int(s), nil
	}
	return 128 + int(l.status.Signal()), nil
}

// close gives back descriptors and signals; the child must have been reaped,
// or never started.
func (l *launcher) close() {
	if l.unwatch != nil {
		close(l.unwatch) // nobody waits for it: undoing takes as long
		l.unwatch = nil
	}
	l.closeChildEnds()
	l.terminal.close()
	for _, fd := range []*int{&l.goW, &l.statusR, &l.pidfd, &l.procDir, &l.procFD} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

func (l *launcher) closeChildEnds() {
	for _, fd := range l.childEnds {
		unix.Close(fd)
	}
	l.childEnds = nil
}
