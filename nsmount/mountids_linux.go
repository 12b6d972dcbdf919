package nsmount

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/nsboot/nsboot/internal/userns"
	"golang.org/x/sys/unix"
)

// mapped is a user namespace that exists for its mapping alone: what
// mount_setattr(2) takes one from.
type mapped struct {
	ids *MountIDs
	ns  int
}

// openIDMaps makes a user namespace for each mapping of the plan; those that
// are the same share one. Boot calls it before it joins namespaces, in whose
// processes' sight the child that holds a new one would be.
func openIDMaps(plan *Plan, k *kernel) (list []mapped, err error) {
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if s.IDMap == nil || findIDMap(list, s.IDMap) >= 0 {
			continue
		}
		ns, err := k.userNamespace(s.IDMap)
		if err != nil {
			closeIDMaps(list)
			return nil, &StepError{Origin: s.Origin, Destination: s.Destination, Err: fmt.Errorf("id mapping: %w", err)}
		}
		list = append(list, mapped{s.IDMap, ns})
	}
	return list, nil
}

func findIDMap(list []mapped, ids *MountIDs) int {
	for _, m := range list {
		if m.ids.same(ids) {
			return m.ns
		}
	}
	return -1
}

func closeIDMaps(list []mapped) {
	for _, m := range list {
		unix.Close(m.ns)
	}
}

// userNamespace makes a user namespace with the mapping and returns it. Nothing
// lives in it: a child is there while the mapping is written and ends with the
// pipe, which closes even if this process is killed.
func (k *kernel) userNamespace(ids *MountIDs) (int, error) {
	if err := k.ask("clone"); err != nil {
		return -1, err
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	pid, errno := cloneWaiting(unix.CLONE_NEWUSER, uintptr(pipe[0]), uintptr(pipe[1]))
	unix.Close(pipe[0])
	if errno != 0 {
		unix.Close(pipe[1])
		return -1, explainUserNS(errno)
	}
	ns, err := -1, userns.Write(int(pid), kernelMaps(ids.UIDs), kernelMaps(ids.GIDs))
	if err == nil {
		ns, err = unix.Open("/proc/"+strconv.Itoa(int(pid))+"/ns/user", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	unix.Close(pipe[1])
	for {
		// It sends no signal when it ends, so that nobody else waits for it.
		if _, werr := unix.Wait4(int(pid), nil, unix.WALL, nil); werr != unix.EINTR {
			return ns, err
		}
	}
}

// cloneWaiting forks a child that does nothing but wait for the pipe's end. As
// in child_linux.go nothing in it may enter the Go runtime.
//
//go:noinline
//go:norace
func cloneWaiting(flags, read, write uintptr) (pid uintptr, errno syscall.Errno) {
	runtimeBeforeFork()
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if pid == 0 && errno == 0 {
		waitForEnd(read, write)
	}
	runtimeAfterFork()
	return pid, errno
}

// waitForEnd is that child. Nothing is ever written: read returns at the end.
//
//go:noinline
//go:norace
//go:nosplit
func waitForEnd(read, write uintptr) {
	var none byte
	syscall.RawSyscall(unix.SYS_CLOSE, write, 0, 0)
	for {
		if _, _, errno := syscall.RawSyscall(unix.SYS_READ, read, uintptr(unsafe.Pointer(&none)), 1); errno != unix.EINTR {
			break
		}
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// idmap maps the owners in the detached tree. It comes before anything else is
// done to it: the kernel maps a mount once, and before anybody has seen it.
func (b *builder) idmap(s *Step, tree int) error {
	if s.IDMap == nil {
		return nil
	}
	if err := b.k.idmap(tree, s.IDMap.Recursive, findIDMap(b.opts.idmaps, s.IDMap)); err != nil {
		return explainIDMap(err, tree, s.IDMap.Recursive)
	}
	return nil
}

// idmap is mount_setattr(2) with MOUNT_ATTR_IDMAP (5.12).
func (k *kernel) idmap(tree int, recursive bool, ns int) error {
	if err := k.ask("mount_setattr"); err != nil {
		return err
	}
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	return unix.MountSetattr(tree, "", flags, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns)})
}

func explainIDMap(err error, tree int, recursive bool) error {
	what := fsName(tree)
	below := ""
	if recursive {
		below = ", or something mounted below it,"
	}
	switch {
	case errors.Is(err, unix.EINVAL) && what == "overlay":
		return &HintError{fmt.Errorf("idmap: %w: the kernel maps no ids of a merged overlay%s", err, below),
			"map the layers: a mount of type overlay with idmap does"}
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("idmap: %w: this kernel maps no ids of the file system%s, %s", err, below, what)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("idmap: %w: the mount%s is idmapped already, or its file system (%s) is of another user namespace than the caller's", err, below, what)
	}
	return fmt.Errorf("idmap: %w", err)
}

// fsName names the file system that fd lies in.
func fsName(fd int) string {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return "unknown"
	}
	switch int64(st.Type) {
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.PROC_SUPER_MAGIC:
		return "proc"
	case unix.SYSFS_MAGIC:
		return "sysfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.CGROUP2_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC:
		return "cgroup"
	case unix.DEVPTS_SUPER_MAGIC:
		return "devpts"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	}
	return fmt.Sprintf("number %#x", uint64(st.Type))
}
