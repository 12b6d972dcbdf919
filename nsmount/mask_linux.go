package nsmount

import (
	"errors"
	"fmt"

	"github.com/nsboot/nsboot/tmpdetect"
	"golang.org/x/sys/unix"
)

// mask hides a path: a directory behind an empty read-only one, anything else
// behind /dev/null. A path that is not there needs no hiding.
func (b *builder) mask(s *Step) error {
	fd, err := b.existing(s)
	if fd < 0 || err != nil {
		return err
	}
	defer unix.Close(fd)
	st, err := fstat(fd)
	if err != nil {
		return err
	}
	src := -1
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		src, err = b.nullDevice()
	} else if src = b.empty; src < 0 {
		return b.firstEmpty(fd)
	}
	if err != nil {
		return err
	}
	tree, err := b.k.clone(src, false)
	if err != nil {
		return explainClone(err)
	}
	defer unix.Close(tree)
	if err := b.k.attach(tree, fd); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return nil
}

// existing opens a step's target, or returns -1 if it is not there.
func (b *builder) existing(s *Step) (int, error) {
	fd, err := b.tree.Root.Open(s.Target, unix.O_PATH, false)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return -1, nil
	}
	return fd, err
}

// nullDevice opens the container's /dev/null and makes sure that it is one: a
// root that has something else there would have that mounted (CVE-2025-31133).
func (b *builder) nullDevice() (int, error) {
	if b.null >= 0 {
		return b.null, nil
	}
	const noLinks = true
	fd, err := b.tree.Root.Open("/dev/null", unix.O_PATH, noLinks)
	if err != nil || !isNull(fd) {
		closeFD(fd)
		if fd, err = unix.Open("/dev/null", unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
			return -1, fmt.Errorf("the host's /dev/null: %w", err)
		}
	}
	if !isNull(fd) {
		unix.Close(fd)
		return -1, fmt.Errorf("/dev/null is not the null device: nothing to mask files with")
	}
	b.null = fd
	return fd, nil
}

func isNull(fd int) bool {
	st, err := fstat(fd)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
}

// firstEmpty hides the first directory behind an empty, read-only tmpfs, of
// which those after it get binds: one file system serves all.
func (b *builder) firstEmpty(onto int) error {
	fd, err := b.k.newFS("tmpfs", "tmpfs", []string{"size=4k", "nr_inodes=1", "mode=0755"},
		unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	b.empty = fd
	if err := b.k.attach(fd, onto); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return nil
}

// readonly makes a path and all below it read-only.
func (b *builder) readonly(s *Step) error {
	fd, err := b.existing(s)
	if fd < 0 || err != nil {
		return err
	}
	defer unix.Close(fd)
	tree, err := b.k.clone(fd, true)
	if err != nil {
		return explainClone(err)
	}
	defer unix.Close(tree)
	if err := b.k.setattr(tree, true, unix.MOUNT_ATTR_RDONLY, 0, 0); err != nil {
		return explainAttr(err)
	}
	if err := b.k.attach(tree, fd); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return nil
}

// tmpCovers decides whether /tmp is covered, by what is there now that the
// submounts are mounted (T1 to T9).
func (b *builder) tmpCovers(s *Step) (bool, error) {
	rule := b.profile.Tmp
	if s.Rule == ruleTmpForced {
		rule = tmpdetect.Always()
	}
	found, err := tmpdetect.Probe(b.tree.Root, s.Target)
	if err != nil {
		return false, err
	}
	action, err := tmpdetect.Decide(rule, found)
	if err != nil {
		return false, err
	}
	b.report("%s: %s is %v: %v", s.Origin, s.Target, found, action)
	return action == tmpdetect.Cover, nil
}
