package nsmount

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/stubs"
	"golang.org/x/sys/unix"
)

// Pod makes a container a child of a pod (section 6).
//
// Its tree is built, and its process runs, in a mount namespace that holds
// nothing else: no way leads from there to the sandbox container or to another
// child (K6). What the sandbox container sees of it at /__runsc_containers__/ID
// (K1, K2) is a second set of mounts of the same file systems, which it alone has.
type Pod struct {
	Sandbox Target // the sandbox container; its Profile is not read
	ID      string // the child's: a file name, with no dot in front
}

// podMember is a Pod while its container boots.
type podMember struct {
	ns        int  // the sandbox container's mount namespace
	view      int  // what it is to see of the tree: a detached copy
	published bool // the tree is at its place there
}

// openPod opens the sandbox container and takes what the pod shares from it.
func (b *booter) openPod() error {
	m := &podMember{ns: -1, view: -1}
	b.pod = m
	if id := b.opts.Pod.ID; id == "" || id[0] == '.' || strings.Contains(id, "/") {
		return fmt.Errorf("the pod's child %q: not a name for its directory", id)
	}
	var err error
	if m.ns, err = openSandbox(b.opts.Pod.Sandbox); err != nil {
		return err
	}
	shares := false
	for i := range b.plan.Steps {
		shares = shares || b.plan.Steps[i].Op == OpShared
	}
	if !shares {
		return nil
	}
	if err := enterSandbox(m.ns); err != nil {
		return err
	}
	err = b.takeShared()
	return errors.Join(err, b.home.enter())
}

// copyForPod makes the second set of the container's mounts that the sandbox
// container is to see.
func (b *booter) copyForPod() error {
	k := &kernel{before: b.opts.before}
	var err error
	if b.pod.view, err = k.clone(b.tree.Root.FD(), true); err != nil {
		return fmt.Errorf("the pod's view of the root: %w", explainClone(err))
	}
	// A clone of a shared mount is its peer: what the sandbox container mounts
	// there would be mounted in the child, and on the host.
	if err := k.setattr(b.pod.view, true, 0, 0, uint64(b.plan.propagation())); err != nil {
		return fmt.Errorf("the pod's view of the root: make private: %w", err)
	}
	return nil
}

// publish mounts it where the sandbox container sees it (K1). The calling thread is
// left in the sandbox container's mount namespace, on the way home.
func (b *booter) publish() error {
	k := &kernel{before: b.opts.before}
	if err := enterSandbox(b.pod.ns); err != nil {
		return err
	}
	dir, err := openPodDir()
	if err != nil {
		return fmt.Errorf("the sandbox container has no %s (K1): %w", podDir, err)
	}
	defer unix.Close(dir)
	if err := k.mkdir(dir, b.opts.Pod.ID, 0o755); err != nil {
		return fmt.Errorf("%s/%s in the sandbox container: %w (K1)", podDir, b.opts.Pod.ID, err)
	}
	b.pod.published = true
	unix.Fchmodat(dir, b.opts.Pod.ID, 0o755, 0) // whatever the umask is
	onto, err := openInRoot(dir, b.opts.Pod.ID)
	if err == nil {
		err = k.attach(b.pod.view, onto)
		unix.Close(onto)
	}
	if err != nil {
		return fmt.Errorf("%s/%s in the sandbox container: attach: %w", podDir, b.opts.Pod.ID, err)
	}
	return nil
}

// unpublish takes the tree away from the sandbox container again.
func (b *booter) unpublish() error {
	if b.pod == nil || !b.pod.published {
		return nil
	}
	err := enterSandbox(b.pod.ns)
	if err == nil {
		err = removeMember(b.opts.Pod.ID)
	}
	b.pod.published = false
	return errors.Join(err, b.home.enter())
}

func (b *booter) closePod() {
	if b.pod != nil {
		closeFD(b.pod.ns)
		closeFD(b.pod.view)
		b.pod.ns, b.pod.view = -1, -1
	}
	for _, fd := range b.opts.shared {
		unix.Close(fd)
	}
	b.opts.shared = nil
}

// RemoveFromPod takes a child that has ended away from what its sandbox container
// sees (K5): everything mounted at its place there is detached lazily, and its
// directory removed. That there is none, or no sandbox container any more, is
// success, so it may be called again.
func RemoveFromPod(p Pod) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		done <- removeFromPod(p)
	}()
	return <-done
}

func removeFromPod(p Pod) error {
	ns, err := openSandbox(p.Sandbox)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(ns)
	if err := enterSandbox(ns); err != nil {
		return err
	}
	return removeMember(p.ID)
}

// maxStacked is how many mounts at a child's place are detached, one on another:
// all but one are the sandbox container's own doing.
const maxStacked = 1000

// removeMember detaches all that is mounted at a child's place. MNT_DETACH takes
// what is mounted below along, in one call; EINVAL says that nothing is mounted.
// A directory with something of the sandbox container's own in it stays.
func removeMember(id string) error {
	dir, err := openPodDir()
	if err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, errNoPodDir) {
			return nil // the sandbox container has made away with it
		}
		return fmt.Errorf("%s in the sandbox container: %w", podDir, err)
	}
	defer unix.Close(dir)
	if err := unix.Fchdir(dir); err != nil {
		return fmt.Errorf("%s in the sandbox container: %w", podDir, err)
	}
	for range maxStacked {
		if err = unix.Unmount(id, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			break
		}
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("%s/%s in the sandbox container: detach: %w", podDir, id, err)
	}
	switch err := unix.Unlinkat(dir, id, unix.AT_REMOVEDIR); {
	case err == nil, errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENOTEMPTY):
		return nil
	default:
		return fmt.Errorf("%s/%s in the sandbox container: remove: %w", podDir, id, err)
	}
}

// openSandbox opens the mount namespace of the sandbox container. The process is
// looked at again afterwards: then it is that of the one that was meant.
func openSandbox(t Target) (int, error) {
	ns, err := unix.Open("/proc/"+strconv.Itoa(t.Pid)+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("the sandbox container's process %d: %w", t.Pid, err)
	}
	if start, _, err := stubs.ProcessStart(t.Pid); err != nil || start != t.StartTime {
		unix.Close(ns)
		return -1, fmt.Errorf("the sandbox container's process %d: %w", t.Pid, unix.ESRCH)
	}
	var own, its unix.Stat_t
	if err := errors.Join(unix.Stat("/proc/thread-self/ns/mnt", &own), unix.Fstat(ns, &its)); err != nil || own.Ino == its.Ino {
		unix.Close(ns)
		return -1, errors.Join(errors.New("the sandbox container's process is in nsboot's own mount namespace"), err)
	}
	return ns, nil
}

// enterSandbox takes the calling thread there. Its root is the sandbox
// container's own from then on: nothing is looked up in it but by openPodDir.
func enterSandbox(ns int) error {
	err := unix.Unshare(unix.CLONE_FS)
	if err == nil {
		err = unix.Setns(ns, unix.CLONE_NEWNS)
	}
	if err != nil {
		return fmt.Errorf("enter the sandbox container's mount namespace: %w", nsError(err))
	}
	return nil
}

var errNoPodDir = errors.New("not the tmpfs that it was created with")

// openPodDir opens the directory of the pod's children in the current root, if
// it still is a tmpfs of its own.
func openPodDir() (int, error) {
	fd, err := openInRoot(unix.AT_FDCWD, podDir)
	if err != nil {
		return -1, err
	}
	if isFSMagic(fd, unix.TMPFS_MAGIC) {
		if err = needMountPoint(fd); err == nil {
			return fd, nil
		}
	}
	unix.Close(fd)
	return -1, errNoPodDir
}

func needMountPoint(fd int) error {
	mounted, err := isMountPoint(fd)
	if err == nil && !mounted {
		err = errNoPodDir
	}
	return err
}

// openInRoot opens a directory without following any link.
func openInRoot(dir int, path string) (int, error) {
	return unix.Openat2(dir, path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
}
