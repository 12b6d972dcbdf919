package nsmount

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// MountOptions are the choices of one MountAt.
type MountOptions struct {
	// StateDir holds the journals of mount points made on the host, as of Apply.
	StateDir string
	// RecordDir remembers what was mounted where, for Unmount; empty: mounts
	// beside the default StateDir.
	RecordDir string
	// Report is told of each fallback, a line each.
	Report func(string)

	before func(call string) error // fault injection of the tests
}

// MountAt mounts the plan's tree on the directory target in the caller's own
// mount namespace and leaves it there, for Unmount to take down. The tree is
// built in a namespace of its own and appears all at once; on an error nothing
// has appeared. Its procfs is that of the caller's pid namespace. As with
// mount(8), mounting below a shared mount reaches that one's peers.
//
// Mount points made in a writable tree of the host stay while the tree is
// mounted. They are journalled where every boot of that tree looks: a boot
// leaves those alone that something is mounted on in its own view, which begins
// as a copy of the caller's. A boot from a mount namespace in which the tree
// is not mounted would remove them, and their mounts.
func MountAt(plan *Plan, target string, o MountOptions) error {
	target, err := filepath.EvalSymlinks(target)
	if err == nil {
		target, err = filepath.Abs(target)
	}
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	if target == "/" {
		return errors.New("target /: a tree mounted over the root would be out of everybody's sight")
	}
	if o.StateDir == "" {
		o.StateDir = DefaultStateDir()
	}
	if o.RecordDir == "" {
		o.RecordDir = defaultRecordDir()
	}
	if err := forgetStale(o.RecordDir, target); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread has its own view and ends here
		done <- mountAt(plan, target, o)
	}()
	return <-done
}

func mountAt(plan *Plan, target string, o MountOptions) error {
	onto, err := unix.Open(target, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("target %s: %w", target, err)
	}
	defer unix.Close(onto)
	h, err := openHome()
	if err != nil {
		return err
	}
	defer h.close()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return fmt.Errorf("new mount namespace: %w", nsError(err))
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|plan.propagation(), ""); err != nil {
		return fmt.Errorf("make / private: %w", nsError(err))
	}
	tree, err := Apply(plan, ApplyOptions{Target: target, StateDir: o.StateDir, Report: o.Report, before: o.before})
	if err != nil {
		return err
	}
	whole, err := transplant(tree, &h, onto)
	if err != nil {
		return errors.Join(err, h.enter(), tree.Close())
	}
	defer unix.Close(whole)
	k := &kernel{before: o.before}
	if err := k.rootPropagation(plan, whole); err != nil {
		return errors.Join(err, unix.Unmount(fdPath(whole), unix.MNT_DETACH), tree.Close())
	}
	if err := recordMount(plan, target, whole, o); err != nil {
		return errors.Join(err, unix.Unmount(fdPath(whole), unix.MNT_DETACH), tree.Close())
	}
	for _, j := range tree.journals {
		j.Release()
	}
	tree.journals = nil
	tree.leave()
	return tree.RemoveStubs() // no journal is left: only descriptors are closed
}

// transplant copies the tree, as it stands, into the caller's namespace.
func transplant(tree *Tree, h *home, onto int) (int, error) {
	whole, err := unix.OpenTree(tree.Root.FD(), "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLOEXEC|uint(cloneFlags(true)))
	if err != nil {
		return -1, fmt.Errorf("take the tree out of its namespace: %w", err)
	}
	if err := h.enter(); err != nil {
		unix.Close(whole)
		return -1, err
	}
	if err := unix.MoveMount(whole, "", onto, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		unix.Close(whole)
		return -1, fmt.Errorf("attach: %w", err)
	}
	return whole, nil
}
