package fsview

import (
	"bytes"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attributes tries to change those of a file; where there is none, those of the
// mount's root, to what they are.
func (p *prober) attributes() {
	tried := p.withFile("attributes", func(fd int) {
		p.f["chmod"] = p.modeAfter(fd, 0o4751)
		p.f["chown"] = outcome(unix.Fchown(fd, 65534, 65534))
		for _, name := range [...]string{"user.nsboot", "trusted.nsboot", "security.nsboot"} {
			p.f["xattr "+name[:len(name)-len(".nsboot")]] = outcome(unix.Fsetxattr(fd, name, []byte("x"), 0))
		}
		day := unix.Timespec{Sec: 86400}
		p.f["set times"] = outcome(futimens(fd, day, day))
	})
	if tried {
		return
	}
	p.notTried("xattr user", "xattr trusted", "xattr security", "set times")
	var st unix.Stat_t
	if unix.Fstat(p.fd, &st) == nil {
		p.f["chmod"] = outcome(unix.Fchmod(p.fd, st.Mode&0o7777))
		p.f["chown"] = outcome(unix.Fchown(p.fd, int(st.Uid), int(st.Gid)))
	}
}

// modeAfter sets a mode with a setuid bit, and looks at what came of it.
func (p *prober) modeAfter(fd int, mode uint32) string {
	if err := unix.Fchmod(fd, mode); err != nil {
		return outcome(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return outcome(err)
	}
	if got := st.Mode & 0o7777; got != mode {
		return "gives " + octal(got)
	}
	return ok
}

// content tries what can be done with what is in a file.
func (p *prober) content() {
	tried := p.withFile("content", func(fd int) {
		page := bytes.Repeat([]byte{1}, 3*4096)
		if _, err := unix.Pwrite(fd, page, 0); err != nil {
			p.f["write"] = outcome(err)
			return
		}
		p.f["mmap shared"] = outcome(p.shared(fd))
		p.f["allocate"] = outcome(unix.Fallocate(fd, 0, 0, 4*4096))
		p.f["punch a hole"] = p.hole(fd)
		p.f["sparse file of 1 TiB"] = outcome(unix.Ftruncate(fd, 1<<40))
		p.f["sync"] = outcome(unix.Fsync(fd))
		p.f["direct I/O"] = p.result(unix.Openat(p.fd, p.in("content"), unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0))
	})
	if !tried {
		p.notTried("mmap shared", "allocate", "punch a hole", "sparse file of 1 TiB", "sync", "direct I/O")
	}
}

// shared writes through a shared mapping and reads it back from the file.
func (p *prober) shared(fd int) error {
	m, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer unix.Munmap(m)
	m[7] = 42
	if err := unix.Msync(m, unix.MS_SYNC); err != nil {
		return err
	}
	var b [1]byte
	if _, err := unix.Pread(fd, b[:], 7); err != nil || b[0] == 42 {
		return err
	}
	return errNotThere
}

// hole punches one and looks whether it reads as zeros.
func (p *prober) hole(fd int) string {
	if err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 4096, 4096); err != nil {
		return outcome(err)
	}
	b := []byte{1}
	if _, err := unix.Pread(fd, b, 5000); err != nil {
		return outcome(err)
	}
	if b[0] != 0 {
		return outcome(errNotThere)
	}
	return ok
}

// errNotThere: a call succeeded, and what it should have done was not done.
const errNotThere = probeError("succeeds without effect")

type probeError string

func (e probeError) Error() string { return string(e) }

// locks takes each kind of lock twice: the second must not be had.
func (p *prober) locks() {
	tried := p.withFile("locked", func(fd int) {
		second, err := unix.Openat(p.fd, p.in("locked"), unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(second)
		p.f["lock with flock"] = twice(func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }, fd, second)
		unix.Flock(fd, unix.LOCK_UN)
		unix.Flock(second, unix.LOCK_UN)
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		p.f["lock of the process"] = outcome(unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock))
		unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_UNLCK})
		p.f["lock of the open file"] = twice(func(fd int) error {
			return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		}, fd, second)
	})
	if !tried {
		p.notTried("lock with flock", "lock of the process", "lock of the open file")
	}
}

func twice(lock func(fd int) error, first, second int) string {
	if err := lock(first); err != nil {
		return outcome(err)
	}
	if lock(second) == nil {
		return "does not keep others out"
	}
	return ok
}

// times tries when reading a file moves its time of access. Where it moves once
// a day it also moves if the file was changed since: only one in the future
// stands still then.
func (p *prober) times() {
	tried := p.withFile("times", func(fd int) {
		if _, err := unix.Pwrite(fd, []byte("x"), 0); err != nil {
			return
		}
		now := time.Now().Unix()
		switch {
		case p.moves(fd, now+3600):
			p.f["time of access"] = "moves at each read"
		case p.moves(fd, now-3*86400):
			p.f["time of access"] = "moves once a day"
		default:
			p.f["time of access"] = "stands still"
		}
	})
	if !tried {
		p.notTried("time of access")
	}
}

// moves reports whether a read moves the time of access from atime on.
func (p *prober) moves(fd int, atime int64) bool {
	if futimens(fd, unix.Timespec{Sec: atime}, unix.Timespec{Sec: 86400}) != nil {
		return false
	}
	r, err := unix.Openat(p.fd, p.in("times"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(r)
	unix.Read(r, make([]byte, 1))
	var st unix.Stat_t
	return unix.Fstat(r, &st) == nil && st.Atim.Sec != atime
}

// futimens sets the times of an open file. The C library's way, a null path, is
// older than AT_EMPTY_PATH.
func futimens(fd int, atime, mtime unix.Timespec) error {
	times := [2]unix.Timespec{atime, mtime}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// running tries whether a file can be executed: an empty one is no program,
// which is found out only where programs may be.
func (p *prober) running() {
	const fact = "execute"
	fd, err := p.open("program", 0o700)
	if err != nil {
		p.notTried(fact)
		return
	}
	unix.Close(fd)
	defer unix.Unlinkat(p.fd, p.in("program"), 0)
	pid, err := syscall.ForkExec(join(p.dir, p.in("program")), []string{"program"}, &syscall.ProcAttr{Files: []uintptr{}})
	if err == nil {
		var status syscall.WaitStatus
		syscall.Wait4(pid, &status, 0, nil)
	}
	if p.f[fact] = outcome(err); err == unix.ENOEXEC {
		p.f[fact] = ok
	}
}
