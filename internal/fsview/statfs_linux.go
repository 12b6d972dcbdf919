package fsview

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// addStatfs adds what statfs says of a mount. The numbers of blocks and inodes
// change with what others do, but for a tmpfs, whose size somebody chose.
func addStatfs(p string, f map[string]string) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(p, &st) }); err != nil {
		f["statfs"] = outcome(err)
		return
	}
	f["statfs type"] = magicName(int64(st.Type))
	f["statfs flags"] = statfsFlags(int64(st.Flags))
	f["name length"] = strconv.FormatInt(int64(st.Namelen), 10)
	if int64(st.Type) == unix.TMPFS_MAGIC {
		f["size"] = strconv.FormatUint(st.Blocks*uint64(st.Bsize), 10)
	}
}

// statfsFlags names the flags of statfs(2). ST_VALID says only that there are
// some.
func statfsFlags(flags int64) string {
	var out []string
	for _, f := range [...]struct {
		bit  int64
		name string
	}{
		{unix.ST_RDONLY, "ro"}, {unix.ST_NOSUID, "nosuid"}, {unix.ST_NODEV, "nodev"}, {unix.ST_NOEXEC, "noexec"},
		{unix.ST_SYNCHRONOUS, "sync"}, {unix.ST_MANDLOCK, "mand"}, {unix.ST_NOATIME, "noatime"}, {unix.ST_NODIRATIME, "nodiratime"},
		{unix.ST_RELATIME, "relatime"}, {0x2000, "nosymfollow"},
	} {
		if flags&f.bit != 0 {
			out = append(out, f.name)
		}
	}
	return strings.Join(out, ",")
}

// magicName names a file system by the number that statfs gives.
func magicName(magic int64) string {
	switch magic & 0xffffffff {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.PROC_SUPER_MAGIC:
		return "proc"
	case unix.SYSFS_MAGIC:
		return "sysfs"
	case unix.CGROUP_SUPER_MAGIC:
		return "cgroup"
	case unix.CGROUP2_SUPER_MAGIC:
		return "cgroup2"
	case unix.DEVPTS_SUPER_MAGIC:
		return "devpts"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case 0x65735546:
		return "fuse"
	case 0x19800202:
		return "mqueue"
	case 0x858458f6:
		return "ramfs"
	case unix.SQUASHFS_MAGIC:
		return "squashfs"
	case unix.DEBUGFS_MAGIC:
		return "debugfs"
	case unix.TRACEFS_MAGIC:
		return "tracefs"
	case unix.SECURITYFS_MAGIC:
		return "securityfs"
	case unix.BPF_FS_MAGIC:
		return "bpf"
	case 0x62656570:
		return "configfs"
	case 0x7655821:
		return "resctrl"
	}
	return "0x" + strconv.FormatInt(magic&0xffffffff, 16)
}

// fsKind is how a file system is walked and tried.
type fsKind int

const (
	fsPlain  fsKind = iota
	fsMadeUp        // by the kernel: its top is listed, and little is tried
	fsProc          // as fsMadeUp; names that are numbers are processes
	fsCgroup        // as fsMadeUp; its directories are other people's cgroups
)

func kindOf(p string) fsKind {
	var st unix.Statfs_t
	if retry(func() error { return unix.Statfs(p, &st) }) != nil {
		return fsPlain
	}
	switch magicName(int64(st.Type)) {
	case "proc":
		return fsProc
	case "cgroup", "cgroup2":
		return fsCgroup
	case "sysfs", "debugfs", "tracefs", "securityfs", "bpf", "configfs", "resctrl":
		return fsMadeUp
	}
	return fsPlain
}
