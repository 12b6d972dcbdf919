package nsmount

import (
	"errors"
	"fmt"
	"path"

	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// node is a device that every container has.
type node struct {
	name         string
	major, minor uint32
}

// defaultNodes are those of runtime-spec and of rule D1.
var defaultNodes = [...]node{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}

// defaultLinks are the links of runtime-spec.
var defaultLinks = [...][2]string{
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
}

// dev mounts the private /dev: never the host's devtmpfs, which shows the
// host's devices (D1).
func (b *builder) dev(s *Step) error {
	a, err := parseAttrs(s.Flags)
	if err != nil {
		return err
	}
	tree, err := b.k.newFS("tmpfs", s.Source, s.Data, (a.set|a.recSet)&^unix.MOUNT_ATTR_RDONLY&^unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	hosts, err := b.fillDev(tree)
	if err != nil {
		unix.Close(tree)
		return err
	}
	if last := (a.set | a.recSet) & (unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV); last != 0 {
		if err := b.k.setattr(tree, false, last, 0, 0); err != nil {
			unix.Close(tree)
			return explainAttr(err)
		}
	}
	keep, err := unix.FcntlInt(uintptr(tree), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		unix.Close(tree)
		return err
	}
	defer unix.Close(keep)
	if err := b.mountOn(s, tree, nil); err != nil {
		return err
	}
	return b.bindNodes(keep, hosts)
}

// fillDev makes what the private /dev holds. It returns the devices that the
// kernel does not let this process make (in a user namespace): for those an
// empty file is there, for the host's to be bound on.
func (b *builder) fillDev(tree int) (hosts []node, err error) {
	for _, dir := range [...]string{"pts", "shm"} {
		if err := b.k.mkdir(tree, dir, 0o755); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	for _, n := range defaultNodes {
		err := b.k.mknod(tree, n.name, unix.S_IFCHR|0o666, unix.Mkdev(n.major, n.minor))
		if errors.Is(err, unix.EPERM) {
			err = b.k.mknod(tree, n.name, unix.S_IFREG|0o666, 0)
			hosts = append(hosts, n)
		}
		if err != nil {
			return nil, fmt.Errorf("make device %s: %w", n.name, err)
		}
	}
	for _, l := range defaultLinks {
		if err := b.k.symlink(l[1], tree, l[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", l[0], err)
		}
	}
	return hosts, nil
}

// bindNodes binds the host's devices where none could be made, each checked to
// be that device.
func (b *builder) bindNodes(dev int, nodes []node) error {
	for _, n := range nodes {
		if err := b.bindNode(dev, n); err != nil {
			return fmt.Errorf("device %s, bound from the host's: %w", n.name, err)
		}
	}
	if len(nodes) > 0 {
		b.report("/dev: the kernel lets no devices be made here: %d are binds of the host's", len(nodes))
	}
	return nil
}

func (b *builder) bindNode(dev int, n node) error {
	return b.bindHostNode(dev, n.name, "/dev/"+n.name, unix.S_IFCHR, unix.Mkdev(n.major, n.minor))
}

// bindHostNode binds the host's node on the file name in dir, if it is that device.
func (b *builder) bindHostNode(dir int, name, host string, kind uint32, dev uint64) error {
	tree, err := b.k.openTree(unix.AT_FDCWD, host, unix.OPEN_TREE_CLONE|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("%s: %w", host, err)
	}
	defer unix.Close(tree)
	st, err := fstat(tree)
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != kind || st.Rdev != dev {
		return fmt.Errorf("%s is not %d:%d", host, unix.Major(dev), unix.Minor(dev))
	}
	onto, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(onto)
	return b.k.attach(tree, onto)
}

// console binds the process's terminal on /dev/console. Where no process is to be
// there is none, as in a tree that is only mounted.
func (b *builder) console(s *Step) error {
	if b.opts.openTerminal == nil {
		return nil
	}
	slave, err := b.openTerminal()
	if err != nil {
		return err
	}
	tree, err := b.k.clone(slave, false)
	if err != nil {
		return explainClone(err)
	}
	return b.mountOn(s, tree, nil)
}

// nodes makes the default nodes and links in whatever /dev is (C1, oci). What
// is there already stays, if it is the same device.
func (b *builder) nodes(s *Step) error {
	dir, resolved, err := b.mountPoint(s, false)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	for _, n := range defaultNodes {
		d := &Device{Type: "c", Major: int64(n.major), Minor: int64(n.minor), Mode: 0o666}
		at := path.Join(resolved, n.name)
		if p, ok := b.mounted[at]; ok && p != nil {
			continue // the spec mounts something there
		}
		if err := b.deviceAt(dir, at, "/dev/"+n.name, d); err != nil {
			return err
		}
	}
	for _, l := range defaultLinks {
		at := path.Join(resolved, l[0])
		err := b.journalled(at, func() error { return b.k.symlink(l[1], dir, l[0]) }, dir)
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("link %s: %w", at, err)
		}
	}
	return nil
}

// device makes one of linux.devices.
func (b *builder) device(s *Step) error {
	parent := Step{Op: OpStub, Origin: s.Origin, Target: path.Dir(s.Target)}
	dir, resolved, err := b.mountPoint(&parent, false)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return b.deviceAt(dir, path.Join(resolved, path.Base(s.Target)), s.Target, s.Device)
}

// deviceAt makes a device node in dir and sets its owner; the one that is there
// already stays if it is the same device. Where the kernel lets none be made (in a
// user namespace), the host's node at the path host is bound, if it is that device.
func (b *builder) deviceAt(dir int, at, host string, d *Device) error {
	mode, dev := deviceMode(d)
	name := path.Base(at)
	err := b.journalled(at, func() error { return b.k.mknod(dir, name, mode, dev) }, dir)
	if errors.Is(err, unix.EEXIST) {
		return sameDevice(dir, name, mode, dev)
	}
	if errors.Is(err, unix.EPERM) && mode&unix.S_IFMT != unix.S_IFIFO {
		return b.bindDevice(dir, at, host, mode, dev)
	}
	if err != nil {
		return fmt.Errorf("make device %s %d:%d: %w", name, d.Major, d.Minor, err)
	}
	if d.UID != 0 || d.GID != 0 {
		uid, gid, ok := b.opts.ids.outside(d.UID, d.GID)
		if !ok {
			return fmt.Errorf("owner of device %s: the user namespace has no such id", name)
		}
		if err := unix.Fchownat(dir, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("owner of device %s: %w", name, err)
		}
	}
	return nil
}

// bindDevice binds the host's node, whose mode and owner are the host's.
func (b *builder) bindDevice(dir int, at, host string, mode uint32, dev uint64) error {
	name := path.Base(at)
	err := b.journalled(at, func() error { return b.k.mknod(dir, name, unix.S_IFREG|0o600, 0) }, dir)
	if err != nil {
		return fmt.Errorf("device %s: a file to bind the host's on: %w", name, err)
	}
	if err := b.bindHostNode(dir, name, host, mode&unix.S_IFMT, dev); err != nil {
		return fmt.Errorf("device %s: none can be made here, and the host's: %w", name, err)
	}
	b.report("%s: the kernel lets no device be made here: a bind of the host's %s", at, host)
	return nil
}

func deviceMode(d *Device) (mode uint32, dev uint64) {
	mode = d.Mode & 0o7777
	dev = unix.Mkdev(uint32(d.Major), uint32(d.Minor))
	switch d.Type {
	case "b":
		return mode | unix.S_IFBLK, dev
	case "p":
		return mode | unix.S_IFIFO, 0
	}
	return mode | unix.S_IFCHR, dev
}

// sameDevice checks that what stands in a device's place is that device.
func sameDevice(dir int, name string, mode uint32, dev uint64) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("device %s: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != mode&unix.S_IFMT || st.Rdev != dev {
		return fmt.Errorf("device %s: something else stands in its place: %w", name, unix.EEXIST)
	}
	return nil
}

// journalled runs create, which makes the name at in dir, with the journal told
// before and after if the place is the host's (S5).
func (b *builder) journalled(at string, create func() error, dir int) error {
	p, _ := b.placeOf(at)
	if p == nil || !p.writable {
		return create()
	}
	var st unix.Stat_t
	if unix.Fstatat(dir, path.Base(at), &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		return unix.EEXIST
	}
	if err := b.beforeMake(at, false); err != nil {
		return err
	}
	if err := create(); err != nil {
		return err
	}
	if err := unix.Fstatat(dir, path.Base(at), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	return b.afterMake(pathres.Made{Path: at, Dev: st.Dev, Ino: st.Ino})
}

// kernelStubs gives a sysfs the mount points it lacks through an overlay of
// lower layers; no other kernel file system can be a layer.
func (b *builder) kernelStubs(i int, s *Step, tree int) (int, error) {
	if s.Type != "sysfs" || len(s.Stubs) == 0 {
		return tree, nil
	}
	miss, err := b.missing(s, tree)
	if err == nil && len(miss) == 0 {
		return tree, nil
	}
	defer unix.Close(tree)
	if err != nil {
		return -1, err
	}
	return b.withScratch(s, func(scratch int) (int, error) {
		mnt, err := b.scratchDir(scratch, "sysfs", 0o700)
		if err != nil {
			return -1, err
		}
		defer unix.Close(mnt)
		if err := b.k.attach(tree, mnt); err != nil {
			return -1, err
		}
		return b.overlay(scratch, layered{index: i, step: s, src: tree, host: -1, missing: miss})
	})
}

// withScratch attaches a scratch tmpfs on the step's mount point while f makes
// what is to be mounted there out of it: a layer must be mounted on older kernels.
func (b *builder) withScratch(s *Step, f func(scratch int) (int, error)) (int, error) {
	scratch, err := b.k.newFS("tmpfs", "tmpfs", []string{"mode=0700"}, 0)
	if err != nil {
		return -1, fmt.Errorf("scratch tmpfs: %w", err)
	}
	defer unix.Close(scratch)
	onto, _, err := b.mountPoint(s, false)
	if err != nil {
		return -1, err
	}
	defer unix.Close(onto)
	if err := b.k.attach(scratch, onto); err != nil {
		return -1, err
	}
	made, err := f(scratch)
	if uerr := b.detachScratch(scratch); err == nil && uerr != nil {
		closeFD(made)
		return -1, uerr
	}
	return made, err
}
