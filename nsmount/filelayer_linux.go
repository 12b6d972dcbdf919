package nsmount

import (
	"errors"
	"fmt"
	"path"
	"strconv"

	"github.com/nsboot/nsboot/overlayfs"
	"golang.org/x/sys/unix"
)

// openByPath opens what the layer needs by path.
func (b *builder) openByPath(l *layered) error {
	if l.step.Overlay == nil {
		return nil
	}
	var err error
	if dir := l.step.Overlay.Dir; dir != "" {
		if l.base, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("--overlay dir=%s: %w", dir, err)
		}
	}
	st, err := fstat(l.src)
	if err != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return err
	}
	host, err := b.pathOf(*l)
	if err != nil {
		return err
	}
	if l.parent, err = unix.Open(path.Dir(host), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("directory of %s: %w", host, err)
	}
	if isMountedOn(l.parent, path.Base(host)) {
		return nil
	}
	l.name = path.Base(host)
	return sameFile(l.src, l.parent, l.name)
}

// isMountedOn reports whether something is mounted on name in dir.
func isMountedOn(dir int, name string) bool {
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_XDEV})
	if err == nil {
		unix.Close(fd)
	}
	return errors.Is(err, unix.EXDEV)
}

// fileOverlay overlays the directory that a file lies in and takes the file
// out of it: its first write copies it up, the host's file stays (C12).
func (b *builder) fileOverlay(scratch int, l layered) (int, error) {
	if l.name == "" {
		return b.fileCopy(scratch, l)
	}
	lower := l.parent
	if l.step.IDMap != nil {
		mapped, err := b.mappedLayer(scratch, l.step, lower, strconv.Itoa(l.index))
		if err != nil {
			return -1, err
		}
		defer unix.Close(mapped)
		lower = mapped
	}
	layers := overlayfs.Layers{Lower: []int{lower}, Upper: -1, Work: -1}
	if err := b.upper(scratch, l, &layers); err != nil {
		return -1, err
	}
	defer unix.Close(layers.Upper)
	defer unix.Close(layers.Work)
	merged, err := b.mountLayers(layers, l.step)
	if err != nil {
		return -1, err
	}
	defer unix.Close(merged)
	mnt, err := b.scratchDir(scratch, "merged"+strconv.Itoa(l.index), 0o700)
	if err != nil {
		return -1, err
	}
	defer unix.Close(mnt)
	if err := b.k.attach(merged, mnt); err != nil {
		return -1, err
	}
	return b.k.openTree(merged, l.name, unix.OPEN_TREE_CLONE|unix.AT_SYMLINK_NOFOLLOW)
}

// fileCopy makes a copy of the file in a layer of its own: of a file that is
// itself mounted where it is (/etc/resolv.conf in a container), the directory
// around it would show another one.
func (b *builder) fileCopy(scratch int, l layered) (int, error) {
	var base int
	var err error
	if l.step.Overlay.Dir == "" {
		base, err = b.upperTmpfs(scratch, l)
	} else {
		base, err = b.upperDir(l)
	}
	if err != nil {
		return -1, fmt.Errorf("writable layer: %w", err)
	}
	defer unix.Close(base)
	b.report("%s: %s is itself a mounted file: a copy of it is what is written to", l.step.Origin, l.step.Source)
	src := l.src
	if l.step.IDMap != nil { // the copy's owner is the mapped one
		if src, err = b.k.clone(l.src, false); err != nil {
			return -1, explainClone(err)
		}
		defer unix.Close(src)
		if err := b.idmap(l.step, src); err != nil {
			return -1, err
		}
	}
	const name = "file"
	if err := copyFile(src, base, name); err != nil {
		return -1, fmt.Errorf("writable layer: copy of %s: %w", l.step.Source, err)
	}
	return b.k.openTree(base, name, unix.OPEN_TREE_CLONE|unix.AT_SYMLINK_NOFOLLOW)
}

// copyFile copies a regular file with its mode, owner and times. A copy that is
// there already, of an earlier boot with the same layer, stays.
func copyFile(src, dir int, name string) error {
	in, err := unix.Open(fdPath(src), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(in)
	st, err := fstat(in)
	if err != nil {
		return err
	}
	out, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(out)
	for {
		n, err := unix.Sendfile(out, in, nil, 1<<30)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	if err := unix.Fchown(out, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := unix.Fchmod(out, st.Mode&0o7777); err != nil {
		return err
	}
	return unix.UtimesNanoAt(out, "", []unix.Timespec{st.Atim, st.Mtim}, unix.AT_EMPTY_PATH)
}

// sameFile makes sure that what was opened is what lies in dir under that name.
func sameFile(fd, dir int, name string) error {
	want, err := fstat(fd)
	if err != nil {
		return err
	}
	var got unix.Stat_t
	if err := unix.Fstatat(dir, name, &got, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if want.Dev != got.Dev || want.Ino != got.Ino {
		return fmt.Errorf("the source changed while it was being opened: %w", unix.ESTALE)
	}
	return nil
}

func linkOf(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(fdPath(fd), buf)
	if err != nil {
		return "", fmt.Errorf("where %s is: %w", fdPath(fd), err)
	}
	return string(buf[:n]), nil
}
