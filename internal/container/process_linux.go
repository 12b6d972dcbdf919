package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Signal sends sig to the container's own process. Its pid is checked after it
// has been opened, so that a recycled one is never hit: ESRCH then.
func Signal(state *State, sig unix.Signal) error {
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

// MountNS returns the inode of a process's mount namespace.
func MountNS(pid int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/"+strconv.Itoa(pid)+"/ns/mnt", &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}

// Processes lists the pids of all processes of the container: those in its
// mount namespace, which every container has to itself.
func Processes(state *State) ([]int, error) {
	if state.MountNS == 0 {
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
		if err := Signal(state, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		if err := SignalAll(state, unix.SIGKILL); err != nil {
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
