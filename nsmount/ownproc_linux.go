package nsmount

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// MountOwnProc mounts a procfs of this process's pid namespace on /proc, in a mount
// namespace of the calling thread's own, whose mounts reach nobody and where those
// of the caller still arrive. The thread must be locked, and be what is executed
// next: the program's other threads stay where they were.
func MountOwnProc() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make / a slave: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount procfs on /proc: %w", err)
	}
	return nil
}
