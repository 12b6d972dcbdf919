package overlayfs

import "golang.org/x/sys/unix"

// tooDeep finds the first lower layer that lies on two levels of overlays, and
// -1 if none does. The kernel tells the depth of a stack to nobody, but makes an
// overlay over one level and none over two. So one is made, without an upper
// layer and seen by nobody, of each layer that is on an overlay and an empty
// directory.
func tooDeep(l Layers, userXattr bool) int {
	empty := -1
	defer func() {
		if empty >= 0 {
			unix.Close(empty)
		}
	}()
	for i, fd := range l.Lower {
		var st unix.Statfs_t
		if unix.Fstatfs(fd, &st) != nil || st.Type != unix.OVERLAYFS_SUPER_MAGIC {
			continue
		}
		if empty < 0 {
			var err error
			if empty, err = scratch(); err != nil {
				return -1
			}
		}
		if !stacks(fd, empty, userXattr) {
			return i
		}
	}
	return -1
}

// stacks reports whether the kernel makes an overlay over fd, whatever else it
// may have against it.
func stacks(fd, empty int, userXattr bool) bool {
	var opts []setting
	if userXattr {
		opts = append(opts, setting{key: "userxattr", fd: -1})
	}
	// One directory twice is ELOOP where a layer on a detached mount is taken, and
	// EINVAL before 6.15, where no answer can be had.
	if probe, failed := mountBy(byDescriptor, ReadOnly(empty, empty), opts, 0); failed == nil {
		unix.Close(probe)
	} else if failed.Err != unix.ELOOP {
		return true
	}
	probe, failed := mountBy(byDescriptor, ReadOnly(fd, empty), opts, 0)
	if failed == nil {
		unix.Close(probe)
		return true
	}
	return failed.Err != unix.EINVAL || failed.Log != ""
}
