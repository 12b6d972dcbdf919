package fsbench

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The operations, by the names that they have in a view.
const (
	OpOpen    = "open and close"
	OpStat    = "stat"
	OpReaddir = "list 1000 names"
	OpCreate  = "create and unlink"
	OpRename  = "rename"
	OpRead4K  = "read 4 KiB"
	OpRead1M  = "read 1 MiB"
	OpWrite4K = "write 4 KiB"
	OpWrite1M = "write 1 MiB"
	OpSync    = "write 4 KiB and fsync"
	OpFault   = "fault a mapped page in"
	OpExec    = "run a static program"
)

// Ops lists the operations in the order in which people read them.
func Ops() []string {
	return []string{OpStat, OpOpen, OpReaddir, OpCreate, OpRename, OpRead4K, OpWrite4K, OpRead1M, OpWrite1M, OpSync, OpFault, OpExec}
}

// reading measures what changes nothing.
func (b *bench) reading() {
	var st unix.Stat_t
	b.time(OpStat, 1, func() error { return unix.Stat(b.file, &st) })
	b.time(OpOpen, 1, func() error {
		fd, err := unix.Open(b.file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	})
	fd, err := unix.Open(b.file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		b.facts[OpRead4K], b.facts[OpRead1M], b.facts[OpFault] = reason(err), reason(err), reason(err)
		return
	}
	defer unix.Close(fd)
	buf := make([]byte, large)
	b.time(OpRead4K, 1, func() error { _, err := unix.Pread(fd, buf[:page], 0); return err })
	if unix.Fstat(fd, &st) == nil && st.Size >= large {
		b.time(OpRead1M, 1, func() error { _, err := unix.Pread(fd, buf, 0); return err })
	}
	pages := int(min(st.Size, large) / page)
	b.time(OpFault, pages, func() error { return touch(fd, pages) })
}

// touch maps a file and reads a byte of each page. The time of mapping and
// unmapping is shared out among the pages.
func touch(fd, pages int) error {
	m, err := unix.Mmap(fd, 0, pages*page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	sum := byte(0)
	for i := 0; i < len(m); i += page {
		sum += *(*byte)(unsafe.Pointer(&m[i]))
	}
	runtime.KeepAlive(sum) // or the compiler would leave the reads out
	return unix.Munmap(m)
}

// writing measures what needs a directory of its own.
func (b *bench) writing() {
	a, c := b.dir+"/a", b.dir+"/b"
	b.time(OpReaddir, 1, b.list)
	b.time(OpCreate, 1, func() error {
		fd, err := unix.Open(a, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		unix.Close(fd)
		return unix.Unlink(a)
	})
	fd, err := unix.Open(a, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	b.time(OpRename, 2, func() error {
		if err := unix.Rename(a, c); err != nil {
			return err
		}
		return unix.Rename(c, a)
	})
	buf := make([]byte, large)
	write := func(n int) error { _, err := unix.Pwrite(fd, buf[:n], 0); return err }
	b.time(OpWrite1M, 1, func() error { return write(large) })
	b.time(OpWrite4K, 1, func() error { return write(page) })
	b.time(OpSync, 1, func() error {
		if err := write(page); err != nil {
			return err
		}
		return unix.Fsync(fd)
	})
	b.program()
}

func (b *bench) list() error {
	f, err := os.Open(b.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Readdirnames(-1)
	return err
}

// program measures a program that does nothing but end.
func (b *bench) program() {
	name := b.dir + "/program"
	text := program()
	if text == nil {
		b.facts[OpExec] = "no program for it"
		return
	}
	if err := os.WriteFile(name, text, 0o700); err != nil {
		b.facts[OpExec] = reason(err)
		return
	}
	b.time(OpExec, 1, func() error {
		pid, err := syscall.ForkExec(name, []string{name}, &syscall.ProcAttr{})
		if err != nil {
			return err
		}
		var status syscall.WaitStatus
		for {
			if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
				break
			}
		}
		if err == nil && status.ExitStatus() != 0 {
			err = strconv.ErrRange
		}
		return err
	})
}
