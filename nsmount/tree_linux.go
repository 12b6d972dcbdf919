package nsmount

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"

	"github.com/nsboot/nsboot/internal/stubs"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// Tree is a mounted container root. It is of use until Close.
type Tree struct {
	// Root is the container's root, a descriptor of the mount.
	Root pathres.Root

	journals []*stubs.Journal
	hosts    []int // descriptors of host trees that may hold stubs
	target   int   // what the root was mounted on
	works    []int // work directories of overlays, in which the kernel has made its own
}

// HasStubs reports whether mount points were made on the host, so that somebody
// must stay to remove them (S5).
func (t *Tree) HasStubs() bool { return len(t.journals) > 0 }

// Close detaches the tree with all that is mounted on it and removes the mount
// points that were made on the host, unless something is in them. It is called
// where the tree was mounted and where the host's paths are what they were.
func (t *Tree) Close() error {
	var first error
	if t.Root.FD() >= 0 {
		if t.target >= 0 {
			if err := unix.Unmount(fdPath(t.Root.FD()), unix.MNT_DETACH); err != nil && !gone(err) {
				first = fmt.Errorf("detach the container's root: %w", err)
			}
		}
		t.Root.Close()
		t.Root = pathres.At(-1)
	}
	closeFD(t.target)
	t.target = -1
	t.removeWorks()
	if err := t.RemoveStubs(); first == nil {
		first = err
	}
	return first
}

// RemoveStubs removes the mount points that were made on the host: by
// descriptor, only what is still the same inode and empty (S5). Nothing may be
// running in the tree any more.
func (t *Tree) RemoveStubs() error {
	var first error
	for _, j := range t.journals {
		// EBUSY: a tree that MountAt has left here is on them. They stay recorded
		// for its Unmount.
		if err := j.Close(); err != nil && !errors.Is(err, unix.EBUSY) && first == nil {
			first = fmt.Errorf("remove mount points: %w", err)
		}
	}
	for _, fd := range t.hosts {
		closeFD(fd)
	}
	t.journals, t.hosts = nil, nil
	return first
}

// removeWorks removes what the kernel makes in the work directory of an overlay,
// if it is empty: nobody has written to the tree.
func (t *Tree) removeWorks() {
	for _, fd := range t.works {
		unix.Unlinkat(fd, kernelWork, unix.AT_REMOVEDIR)
		unix.Close(fd)
	}
	t.works = nil
}

// kernelWork is the name of that directory.
const kernelWork = "work"

// leave lets go of the mounts without detaching them: they live on with the
// processes that are in their namespace.
func (t *Tree) leave() {
	for _, fd := range t.works {
		unix.Close(fd)
	}
	t.works = nil
	closeFD(t.Root.FD())
	closeFD(t.target)
	t.Root, t.target = pathres.At(-1), -1
}

// DefaultStateDir is where the journals of mount points are kept: for root
// /run/nsboot/stubs, else below XDG_RUNTIME_DIR, or what it is by default, or,
// where nobody has made that, below XDG_STATE_HOME. Root of a user namespace with
// an XDG_RUNTIME_DIR is an ordinary user, unless it calls itself root, as runc has
// it.
func DefaultStateDir() string {
	const below = "nsboot/stubs"
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if os.Geteuid() == 0 && (dir == "" || os.Getenv("USER") == "root" || !inUserNamespace()) {
		return "/run/" + below
	}
	if dir != "" {
		return path.Join(dir, below)
	}
	if dir := "/run/user/" + strconv.Itoa(os.Geteuid()); unix.Access(dir, unix.W_OK) == nil {
		return path.Join(dir, below)
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return path.Join(dir, below)
	}
	if dir := os.Getenv("HOME"); dir != "" {
		return path.Join(dir, ".local/state", below)
	}
	return "/run/" + below
}

// gone are the answers of umount2 for what is not mounted any more (K5).
func gone(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) }
