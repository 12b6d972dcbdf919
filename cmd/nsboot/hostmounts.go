package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// hostMounts reads the mount table of this process.
func hostMounts() ([]hostMount, error) {
	table, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	mounts := make([]hostMount, 0, len(table))
	for _, m := range table {
		h := hostMount{id: m.ID, parent: m.Parent, point: m.Mountpoint, fsType: m.FSType}
		for _, o := range strings.Split(m.Options, ",") {
			switch o {
			case "ro", "nosuid", "nodev", "noexec", "nosymfollow":
				h.flags = append(h.flags, o)
			}
		}
		h.look(m.Root)
		mounts = append(mounts, h)
	}
	return mounts, nil
}

// look finds out what a mount's type does not tell. root is what of its file
// system is mounted.
func (m *hostMount) look(root string) {
	var st unix.Stat_t
	switch {
	case m.fsType == "autofs": // a look would wake it, and what it mounts would not be seen here
		m.skip = "an automount point works only in the namespace of its daemon"
	case m.fsType == "nsfs" && strings.HasPrefix(root, "mnt:"):
		m.skip = "the kernel does not bind a mount namespace into one made later"
	case kindOf(*m) == fsKernel:
	default:
		if err := unix.Lstat(m.point, &st); err != nil { // a user's FUSE, a dead server
			m.skip = err.Error()
			return
		}
		m.file = st.Mode&unix.S_IFMT != unix.S_IFDIR
	}
}

// rawDisk are the beginnings of the names of character devices through which
// a disk can be written.
var rawDisk = [...]string{"sg", "bsg", "nvme", "ng", "mmcblk", "mtd", "ubi"}

// diskNodes lists the device nodes below dir that lead to a disk past its file
// system.
func diskNodes(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // gone again, or not for us
		case d.IsDir() && p != dir && (d.Name() == "pts" || d.Name() == "shm" || d.Name() == "mqueue" || d.Name() == "hugepages"):
			return filepath.SkipDir
		case d.Type()&fs.ModeDevice == 0:
			return nil
		case d.Type()&fs.ModeCharDevice == 0 || isRawDisk(strings.TrimPrefix(p, dir+"/")):
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

func isRawDisk(name string) bool {
	for _, begin := range rawDisk {
		if rest, ok := strings.CutPrefix(name, begin); ok && rest != "" && (rest[0] == '/' || rest[0] >= '0' && rest[0] <= '9') {
			return true
		}
	}
	return false
}

// resolveRW finds the host's real path of each --rw.
func resolveRW(paths []string) ([]string, error) {
	out := make([]string, len(paths))
	for i, p := range paths {
		abs, err := filepath.Abs(p)
		if err == nil {
			abs, err = filepath.EvalSymlinks(abs)
		}
		if err != nil {
			hint := ""
			if os.IsNotExist(err) {
				hint = "make it first: mkdir -p " + p
			}
			return nil, hinted(fmt.Errorf("--rw %s: %w", p, err), hint)
		}
		out[i] = abs
	}
	return out, nil
}
