package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"github.com/nsboot/nsboot/internal/stubs"
	"golang.org/x/sys/unix"
)

// Signal sends sig to the container's own process. Its pid is checked after it
// has been opened, so that a recycled one is never hit: ESRCH then.
func Signal(state *State, sig unix.Signal) error {
	if state.Pid <= 0 { // a create that was killed before it had a process
		return unix.ESRCH
	}
	fd, err := unix.PidfdOpen(state.Pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !Alive(state.Pid, state.StartTime) {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// firstInode is the lowest inode number of a namespace. The kernel's unique ids
// count from 1, so the two never meet.
const firstInode = 0xf0000000

// MountNS identifies a process's mount namespace: by the kernel's unique id, or,
// before Linux 6.11, by the inode number, which another namespace has once the
// last process of this one has ended.
func MountNS(pid int) (uint64, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var id uint64
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_MNTNS_ID, uintptr(unsafe.Pointer(&id))); errno == 0 {
		return id, nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}

// Processes lists the pids of all processes of the container: those in its
// mount namespace, which every container has to itself. Where the namespace is
// known by an inode number only, there are none once the container's own process
// has ended: the number may be another container's by then.
func Processes(state *State) ([]int, error) {
	if state.MountNS == 0 || state.MountNS >= firstInode && !Alive(state.Pid, state.StartTime) {
		return nil, nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if ns, err := MountNS(pid); err == nil && ns == state.MountNS {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// SignalAll sends sig to all processes of the container.
func SignalAll(state *State, sig unix.Signal) error {
	pids, err := Processes(state)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended
		}
		if ns, err := MountNS(pid); err == nil && ns == state.MountNS {
			err = unix.PidfdSendSignal(fd, sig, nil, 0)
			if err != nil && !errors.Is(err, unix.ESRCH) {
				unix.Close(fd)
				return fmt.Errorf("process %d: %w", pid, err)
			}
		}
		unix.Close(fd)
	}
	return nil
}

// Kill ends all processes of the container and waits until they are gone: their
// parents' reaping is not waited for.
func Kill(state *State) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		// Its own process last: as long as that lives, the namespace is its.
		if err := SignalAll(state, unix.SIGKILL); err != nil {
			return err
		}
		if err := Signal(state, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		pids, err := Processes(state)
		if err != nil || len(pids) == 0 && !Alive(state.Pid, state.StartTime) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v do not die: %w", pids, unix.ETIMEDOUT)
		}
	}
}

// AwaitEnd waits at most that long for the container's own process to end.
func AwaitEnd(state *State, most time.Duration) {
	for deadline := time.Now().Add(most); Alive(state.Pid, state.StartTime) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// StartTime returns a process's start time, as a State records it.
func StartTime(pid int) (uint64, error) {
	start, _, err := stubs.ProcessStart(pid)
	return start, err
}

// Unblock gives a command that is at work on the container some time to end, and
// then kills the container's process, which is what it must be waiting for.
func (s Store) Unblock(id string, grace time.Duration) {
	if CheckID(id) != nil {
		return
	}
	for deadline := time.Now().Add(grace); s.locked(id); time.Sleep(time.Millisecond) {
		if time.Now().Before(deadline) {
			continue
		}
		if state, err := s.Read(id); err == nil {
			Signal(&state, unix.SIGKILL) // what cannot be killed is Open's to wait for
		}
		return
	}
}
