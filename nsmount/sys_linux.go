package nsmount

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernel is the system calls that a boot makes to change anything. Each asks
// before first, if it is set: the fault tests let the k-th call fail there and
// count the calls. In use it is nil.
type kernel struct {
	before func(call string) error

	// ids are those of the container's user namespace. What is made for it belongs
	// to its root.
	ids *ids
}

// root is the container's root, as pathres takes an owner.
func (k *kernel) root() (uid, gid int) {
	uid, gid, ok := k.ids.outside(0, 0)
	if !ok {
		return 0, 0 // it has none
	}
	return uid, gid
}

// give gives what was made as name in dir to the container's root.
func (k *kernel) give(dir int, name string) error {
	if !k.ids.own() {
		return nil
	}
	uid, gid := k.root()
	if err := unix.Fchownat(dir, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("give it to the root of the user namespace: %w", err)
	}
	return nil
}

func (k *kernel) ask(call string) error {
	if k.before == nil {
		return nil
	}
	return k.before(call)
}

// openTree is open_tree(2). With OPEN_TREE_CLONE it is a detached bind.
func (k *kernel) openTree(dir int, path string, flags uint) (int, error) {
	if err := k.ask("open_tree"); err != nil {
		return -1, err
	}
	return unix.OpenTree(dir, path, flags|unix.OPEN_TREE_CLOEXEC)
}

// clone is a detached bind of what fd refers to.
func (k *kernel) clone(fd int, recursive bool) (int, error) {
	return k.openTree(fd, "", cloneFlags(recursive)|unix.AT_EMPTY_PATH)
}

func cloneFlags(recursive bool) uint {
	if recursive {
		return unix.OPEN_TREE_CLONE | unix.AT_RECURSIVE
	}
	return unix.OPEN_TREE_CLONE
}

// attach is move_mount(2) of the detached tree from onto what onto refers to.
func (k *kernel) attach(from, onto int) error {
	if err := k.ask("move_mount"); err != nil {
		return err
	}
	return unix.MoveMount(from, "", onto, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// setattr is mount_setattr(2) on the mount fd.
func (k *kernel) setattr(fd int, recursive bool, set, clr, propagation uint64) error {
	if err := k.ask("mount_setattr"); err != nil {
		return err
	}
	if (set|clr)&atimeMask != 0 {
		clr |= atimeMask // the kernel wants the whole field cleared to set one of it
	}
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	return unix.MountSetattr(fd, "", flags, &unix.MountAttr{Attr_set: set, Attr_clr: clr, Propagation: propagation})
}

// umount detaches the mount at fd's place lazily, with all below it.
func (k *kernel) umount(path string, flags int) error {
	if err := k.ask("umount2"); err != nil {
		return err
	}
	return unix.Unmount(path, flags)
}

// mknod makes a node in dir by descriptor, mode and owner exact.
func (k *kernel) mknod(dir int, name string, mode uint32, dev uint64) error {
	if err := k.ask("mknodat"); err != nil {
		return err
	}
	if err := unix.Mknodat(dir, name, mode, int(dev)); err != nil {
		return err
	}
	return k.give(dir, name)
}

func (k *kernel) mkdir(dir int, name string, mode uint32) error {
	if err := k.ask("mkdirat"); err != nil {
		return err
	}
	if err := unix.Mkdirat(dir, name, mode); err != nil {
		return err
	}
	return k.give(dir, name)
}

func (k *kernel) symlink(to string, dir int, name string) error {
	if err := k.ask("symlinkat"); err != nil {
		return err
	}
	if err := unix.Symlinkat(to, dir, name); err != nil {
		return err
	}
	return k.give(dir, name)
}

// fsError is a refusal of a new file system, with the kernel's own words.
type fsError struct {
	what string // what was tried: fsopen, an option, the creation
	log  string
	err  error
}

func (e *fsError) Error() string {
	msg := e.err.Error()
	if e.log != "" {
		msg = e.log + ": " + msg
	}
	if e.what != "" {
		msg = e.what + ": " + msg
	}
	return msg
}

func (e *fsError) Unwrap() error { return e.err }

// newFS makes a detached mount of a new file system: fsopen(2), fsconfig(2),
// fsmount(2).
func (k *kernel) newFS(fstype, source string, data []string, attrSet uint64) (int, error) {
	if err := k.ask("fsopen"); err != nil {
		return -1, err
	}
	fs, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		if errors.Is(err, unix.ENODEV) {
			return -1, &fsError{"", "this kernel has no file system of that type", err}
		}
		return -1, &fsError{"", "", err}
	}
	defer unix.Close(fs)
	if source != "" {
		if err := fsconfig(fs, "source", source, true); err != nil {
			return -1, &fsError{"source " + source, fsLog(fs), err}
		}
	}
	if data, err = k.outside(fstype, data); err != nil {
		return -1, err
	}
	if err := fsParameters(fs, data); err != nil {
		return -1, err
	}
	if err := k.ask("fsconfig"); err != nil {
		return -1, err
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, &fsError{"", fsLog(fs), err}
	}
	if err := k.ask("fsmount"); err != nil {
		return -1, err
	}
	gives := k.ids.own() && hasOwners(fstype)
	first := attrSet
	if gives {
		first &^= unix.MOUNT_ATTR_RDONLY // what is read-only cannot be given away
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(first))
	if err != nil {
		return -1, &fsError{"fsmount", fsLog(fs), err}
	}
	if gives {
		err = k.giveFS(fstype, fd, data)
	}
	if err == nil && first != attrSet {
		err = k.setattr(fd, false, unix.MOUNT_ATTR_RDONLY, 0, 0)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// fsParameters hands over the parameters of a file system: "key=value" or "key".
func fsParameters(fs int, data []string) error {
	for _, o := range data {
		key, val, isString := strings.Cut(o, "=")
		if err := fsconfig(fs, key, val, isString); err != nil {
			log := fsLog(fs)
			if log == "" && (len(key) > maxFSString || len(val) > maxFSString) {
				log = "longer than the kernel's " + strconv.Itoa(maxFSString) + " bytes"
			}
			return &fsError{"option " + strconv.Quote(o), log, err}
		}
	}
	return nil
}

func fsconfig(fs int, key, val string, isString bool) error {
	if !isString {
		return unix.FsconfigSetFlag(fs, key)
	}
	return unix.FsconfigSetString(fs, key, val)
}

// maxFSString is the longest string that fsconfig takes.
const maxFSString = 255

// fsLog reads what the kernel said about a file system context: one message a
// read, with a letter and a blank in front.
func fsLog(fs int) string {
	var out []string
	var buf [512]byte
	for {
		n, err := unix.Read(fs, buf[:])
		if err != nil || n <= 0 {
			return strings.Join(out, "; ")
		}
		msg := strings.TrimSpace(string(buf[:n]))
		if len(msg) > 2 && msg[1] == ' ' {
			msg = msg[2:]
		}
		out = append(out, msg)
	}
}

// fstat is the type, device and inode of a descriptor, an O_PATH one too.
func fstat(fd int) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st, err
}

// closeFD closes a descriptor that may not be there.
func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

// fdPath names a descriptor for the few calls that take only a path.
func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// isFSMagic reports whether fd lies on a file system of that magic number.
func isFSMagic(fd int, magic int64) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && int64(st.Type) == magic
}
