// Command probe tries every system call, each in a child of its own and with
// arguments that can do no harm, and prints how it ended: its error, or the
// signal that ended the child. It runs as the process of a container.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// highest is the number that the tables end well below.
const highest = 600

// x32Bit marks the calls of x32.
const x32Bit = 0x40000000

// bad is every argument: no descriptor, no pointer, no length, all flags.
const bad = ^uintptr(0)

func main() {
	runtime.LockOSThread()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for nr := uintptr(0); nr <= highest; nr++ {
		if !native.blocks(nr) {
			fmt.Fprintln(out, runtime.GOARCH, nr, try(nr, false))
		}
		if !has386 {
			continue
		}
		if !native.blocks(nr) {
			fmt.Fprintln(out, "x32", nr, try(nr|x32Bit, false))
		}
		if !on386.blocks(nr) {
			fmt.Fprintln(out, "386", nr, try(nr, true))
		}
	}
}

// numbers are calls that are not tried: they wait for ever (pause, sigsuspend),
// return into what is not there (rt_sigreturn, uretprobe), or borrow this program's stack
// (vfork); and sync, which takes a busy machine long.
type numbers []uintptr

func (n numbers) blocks(nr uintptr) bool {
	for _, x := range n {
		if x == nr {
			return true
		}
	}
	return false
}

// try makes one call in a child: its error, 0, or the signal.
func try(nr uintptr, i386 bool) string {
	pid, errno := fork(nr, i386)
	if errno != 0 {
		return "fork: " + errno.Error()
	}
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(int(pid), &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if status.Signaled() {
		return "killed by " + status.Signal().String()
	}
	return fmt.Sprint("errno ", status.ExitStatus())
}

// fork starts the child, which enters the runtime no more.
//
//go:noinline
//go:norace
//go:nosplit
func fork(nr uintptr, i386 bool) (uintptr, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	if i386 {
		if r := int80(nr); r > ^uint32(4095) {
			errno = syscall.Errno(-r)
		}
	} else {
		_, _, errno = syscall.RawSyscall6(nr, bad, bad, bad, bad, bad, bad)
	}
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
	}
}
