package overlayfs

import "golang.org/x/sys/unix"

// inUse reports whether an overlay anywhere on this kernel, in whatever mount
// namespace, has l's upper or work directory as its own. The kernel marks the
// two while they are mounted, but tells only an overlay with index=on, and such
// an overlay leaves marks of its own in its upper directory. So the question is
// asked with an upper made for it on a tmpfs that nobody sees, and with the
// directories in doubt as its lower layers, which are never written. Any answer
// but EBUSY counts as 'no'. That is the answer to everyone in a user namespace
// too: index=on needs file handles, which the kernel opens for CAP_DAC_READ_SEARCH
// in the initial user namespace only.
func inUse(l Layers, userXattr bool) bool {
	tmp, err := scratch()
	if err != nil {
		return false
	}
	defer unix.Close(tmp)
	probe := Layers{Lower: []int{l.Upper, l.Work}, Upper: -1, Work: -1}
	if probe.Upper, err = mkdirAt(tmp, "upper"); err != nil {
		return false
	}
	defer unix.Close(probe.Upper)
	if probe.Work, err = mkdirAt(tmp, "work"); err != nil {
		return false
	}
	defer unix.Close(probe.Work)
	opts := []setting{{key: "index", value: "on", fd: -1}}
	if userXattr {
		opts = append(opts, setting{key: "userxattr", fd: -1})
	}
	fd, failed := mountBy(byDescriptor, probe, opts, 0)
	if failed == nil {
		unix.Close(fd)
		return false
	}
	return failed.Err == unix.EBUSY
}

// scratch makes an empty tmpfs that is mounted nowhere.
func scratch() (int, error) {
	ctx, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(ctx)
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, err
	}
	return unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, 0)
}

// mkdirAt makes a directory and opens it.
func mkdirAt(parent int, name string) (int, error) {
	if err := unix.Mkdirat(parent, name, 0o700); err != nil {
		return -1, err
	}
	return unix.Openat(parent, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}
