package nsmount

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/overlayfs"
	"golang.org/x/sys/unix"
)

// upper adds a writable layer: a fresh tmpfs of its own, or a directory below
// the one that --overlay named.
func (b *builder) upper(scratch int, l layered, layers *overlayfs.Layers) error {
	o := l.step.Overlay
	var base int
	var err error
	if o.Dir == "" {
		base, err = b.upperTmpfs(scratch, l)
	} else {
		base, err = b.upperDir(l)
	}
	if err != nil {
		return fmt.Errorf("writable layer: %w", err)
	}
	defer unix.Close(base)
	if layers.Upper, err = b.openMade(base, "upper"); err != nil {
		return fmt.Errorf("writable layer: upper: %w", err)
	}
	if layers.Work, err = b.openMade(base, "work"); err != nil {
		unix.Close(layers.Upper)
		return fmt.Errorf("writable layer: work: %w", err)
	}
	return nil
}

func (b *builder) upperTmpfs(scratch int, l layered) (int, error) {
	mnt, err := b.scratchDir(scratch, "upper"+strconv.Itoa(l.index), 0o700)
	if err != nil {
		return -1, err
	}
	defer unix.Close(mnt)
	data := []string{"mode=0755"}
	if l.step.Overlay.Size != "" {
		data = append(data, "size="+l.step.Overlay.Size)
	}
	fd, err := b.k.newFS("tmpfs", "tmpfs", data, 0)
	if err != nil {
		return -1, err
	}
	if err := b.k.attach(fd, mnt); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// upperDir opens the directory of one tree's layer below --overlay's dir=:
// "root", or the name of the mount it belongs to.
func (b *builder) upperDir(l layered) (int, error) {
	name := "root"
	if l.index > 0 {
		name = strings.ReplaceAll(strings.ReplaceAll(l.step.Target[1:], "%", "%25"), "/", "%2F")
	}
	return b.openMade(l.base, name)
}

// openMade opens a directory, made first if it is not there.
func (b *builder) openMade(base int, name string) (int, error) {
	if err := b.k.mkdir(base, name, 0o755); err != nil && err != unix.EEXIST {
		return -1, err
	}
	return unix.Openat(base, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}
