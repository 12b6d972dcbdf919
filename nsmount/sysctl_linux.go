package nsmount

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// setSysctls sets the parameters of the namespaces that the calling thread is
// in, by the host's /proc, which shows each thread its own.
func setSysctls(list []Sysctl) error {
	if len(list) == 0 {
		return nil
	}
	dir, err := unix.Open("/proc/sys", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("linux.sysctl: /proc/sys: %w", err)
	}
	defer unix.Close(dir)
	if !isFSMagic(dir, unix.PROC_SUPER_MAGIC) {
		return fmt.Errorf("linux.sysctl: /proc/sys is not procfs")
	}
	for _, s := range list {
		if err := setSysctl(dir, s); err != nil {
			return fmt.Errorf("linux.sysctl %s: %w", s.Name, err)
		}
	}
	return nil
}

func setSysctl(dir int, s Sysctl) error {
	how := unix.OpenHow{Flags: unix.O_WRONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(dir, s.path(), &how)
	if err != nil {
		return fmt.Errorf("this kernel has no such parameter: %w", err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(s.Value)); err != nil {
		return fmt.Errorf("set %q: %w", s.Value, err)
	}
	return nil
}
