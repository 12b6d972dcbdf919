package nsmount

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountRecord remembers one MountAt.
type mountRecord struct {
	Target   string   `json:"target"`
	MountID  uint64   `json:"mountID"`
	Unique   bool     `json:"unique"` // the kernel never gives the id out again (6.8)
	StateDir string   `json:"stateDir"`
	Sources  []string `json:"sources"` // host trees that may hold mount points
}

func defaultRecordDir() string { return path.Join(path.Dir(DefaultStateDir()), "mounts") }

// recordFile names the record of a target. The name is only a place to look:
// the target is in the record.
func recordFile(dir, target string) string {
	h := fnv.New128a()
	h.Write([]byte(target))
	return fmt.Sprintf("%s/%x", dir, h.Sum(nil))
}

func recordMount(plan *Plan, target string, mounted int, o MountOptions) error {
	r := mountRecord{Target: target, StateDir: o.StateDir}
	var err error
	if r.MountID, r.Unique, err = mountID(mounted); err != nil {
		return err
	}
	for i := range plan.Steps {
		if s := &plan.Steps[i]; (s.Op == OpRoot || s.Op == OpBind) && s.Overlay == nil && len(s.Stubs) > 0 {
			r.Sources = append(r.Sources, s.Source)
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file := recordFile(o.RecordDir, target)
	for try := 0; ; try++ {
		if err = os.MkdirAll(o.RecordDir, 0o700); err == nil {
			err = os.WriteFile(file+".new", data, 0o600)
		}
		if !os.IsNotExist(err) || try == 100 { // else the last umount has just removed the directory
			break
		}
	}
	if err != nil {
		return fmt.Errorf("record of mounts: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("record of mounts: %w", err)
	}
	return nil
}

// readRecord returns nil if there is no record of target.
func readRecord(dir, target string) (*mountRecord, error) {
	file := recordFile(dir, target)
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("record of mounts %s: %w", file, err)
	}
	f := os.NewFile(uintptr(fd), file)
	defer f.Close()
	st, err := fstat(fd)
	if err != nil || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("record of mounts %s: others could have written it", file)
	}
	var r mountRecord
	if err := json.NewDecoder(f).Decode(&r); err != nil {
		return nil, fmt.Errorf("record of mounts %s: %w", file, err)
	}
	if r.Target != target {
		return nil, nil
	}
	return &r, nil
}

// mountID asks for the id of the mount that fd lies on: one that is never
// given out again, where the kernel has such.
func mountID(fd int) (id uint64, unique bool, err error) {
	const mntIDUnique = 0x4000 // STATX_MNT_ID_UNIQUE, since 6.8
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID|mntIDUnique, &st); err != nil {
		return 0, false, fmt.Errorf("statx: %w", err)
	}
	return st.Mnt_id, st.Mask&mntIDUnique != 0, nil
}

// isMountPoint reports whether fd is the root of a mount.
func isMountPoint(fd int) (bool, error) {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &st); err != nil {
		return false, fmt.Errorf("statx: %w", err)
	}
	return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}

// forgetStale refuses a target that has a living tree of nsboot's on it, and
// cleans up after one that is gone.
func forgetStale(dir, target string) error {
	r, err := readRecord(dir, target)
	if r == nil || err != nil {
		return err
	}
	fd, err := unix.Open(target, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("target %s: %w", target, err)
	}
	defer unix.Close(fd)
	if r.isAt(fd) {
		return &HintError{fmt.Errorf("target %s: nsboot has mounted a tree there already", target), "nsboot umount " + target}
	}
	return r.forget(dir)
}

// isAt reports whether the recorded tree is what fd is the root of.
func (r *mountRecord) isAt(fd int) bool {
	id, unique, err := mountID(fd)
	top, merr := isMountPoint(fd)
	return err == nil && merr == nil && top && id == r.MountID && unique == r.Unique
}

// forget removes the mount points that were made for a tree that is gone, and
// its record. A boot that uses them is left to remove them at its end.
func (r *mountRecord) forget(dir string) error {
	var first error
	for _, source := range r.Sources {
		if err := SweepStubs(r.StateDir, source); err != nil && first == nil {
			first = err
		}
	}
	if err := os.Remove(recordFile(dir, r.Target)); err != nil && !os.IsNotExist(err) && first == nil {
		first = fmt.Errorf("record of mounts: %w", err)
	}
	// Nothing stays where it was the last one.
	if os.Remove(dir) == nil && path.Base(path.Dir(dir)) == "nsboot" {
		os.Remove(path.Dir(dir))
	}
	return first
}

// Unmount takes down what MountAt mounted on target, with all that is mounted
// below it, and removes the mount points that were made for it. The tree is
// detached lazily: processes in it keep it until they end. mounted tells
// whether it was there: that it is not is no error, so a second Unmount is
// fine (K5). What is mounted there by anybody else is refused and left alone.
func Unmount(target string) (mounted bool, err error) { return unmount(target, defaultRecordDir()) }

func unmount(target, dir string) (bool, error) {
	target, err := filepath.EvalSymlinks(target)
	if err == nil {
		target, err = filepath.Abs(target)
	}
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	fd, err := unix.Open(target, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("%s: %w", target, err)
	}
	defer unix.Close(fd)
	r, err := readRecord(dir, target)
	if err != nil {
		return false, err
	}
	here := r != nil && r.isAt(fd)
	if !here {
		other, err := isMountPoint(fd)
		switch {
		case err != nil:
			return false, fmt.Errorf("%s: %w", target, err)
		case other && r != nil:
			return false, fmt.Errorf("%s: what is mounted there now is not what nsboot mounted", target)
		case other:
			return false, fmt.Errorf("%s: not mounted by nsboot", target)
		case r != nil:
			return false, r.forget(dir)
		}
		return false, nil
	}
	if err := unix.Unmount(fdPath(fd), unix.MNT_DETACH); err != nil && !gone(err) {
		return true, fmt.Errorf("%s: detach: %w", target, err)
	}
	return true, r.forget(dir)
}
