package trial

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// keeper keeps the bundle as it was: it knows what was not there before a run
// and may be made by a runtime as a mount point.
type keeper struct {
	trees  []string // directories of the host that the container sees
	absent []spot   // parents first
	times  []kept
}

// kept are the times of a directory before the run.
type kept struct {
	spot
	atime, mtime unix.Timespec
}

// made lists what runtimes make in a root unasked.
func made() []string {
	list := []string{"/proc", "/sys", "/tmp", "/dev"}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr",
		"ptmx", "core", "console", "pts", "shm", "mqueue", "fuse", "net", "net/tun"} {
		list = append(list, "/dev/"+name)
	}
	return list
}

// newKeeper looks at the places where mount points can be made.
func newKeeper(l *layout, more ...string) *keeper {
	k := &keeper{}
	places := append(made(), l.cwd)
	for _, t := range l.trees {
		places = append(places, t.destination)
		if t.host != "" {
			k.trees = append(k.trees, t.host)
		}
	}
	seen := map[spot]bool{}
	for places = append(places, more...); len(places) > 0; places = places[1:] {
		for _, part := range parts(places[0]) {
			for _, s := range l.onHost(part) {
				if seen[s] {
					continue
				}
				seen[s] = true
				if !s.there() {
					k.absent = append(k.absent, s)
					k.keepTimes(spot{s.dir, up(s.rel)})
				} else if target := s.link(); target != "" && len(places) < 1000 {
					// A mount point is made where a link leads.
					if !path.IsAbs(target) {
						target = path.Join(path.Dir(part), target)
					}
					places = append(places, path.Join(target, strings.TrimPrefix(places[0], part)))
				}
			}
		}
	}
	return k
}

// link is the text of the link at the spot, or nothing.
func (s spot) link() string {
	fd, err := s.open(unix.O_PATH | unix.O_NOFOLLOW)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", text)
	if err != nil {
		return ""
	}
	return string(text[:n])
}

// parts are a path and its parents, the shortest first.
func parts(p string) (out []string) {
	for p = path.Clean("/" + p); p != "/"; p = path.Dir(p) {
		out = append(out, p)
	}
	slices.Reverse(out)
	return out
}

// up is the parent of a relative path.
func up(rel string) string {
	if i := strings.LastIndexByte(rel, '/'); i > 0 {
		return rel[:i]
	}
	return "."
}

// open opens what is at the spot, never leaving dir.
func (s spot) open(flags int) (int, error) {
	root, err := unix.Open(s.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	return unix.Openat2(root, s.rel, &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

// there reports whether something is at the spot. A link that leads nowhere is.
func (s spot) there() bool {
	fd, err := s.open(unix.O_PATH | unix.O_NOFOLLOW)
	if err == nil {
		unix.Close(fd)
	}
	return err != unix.ENOENT
}

// keepTimes remembers the times of a directory, once.
func (k *keeper) keepTimes(s spot) {
	if slices.ContainsFunc(k.times, func(t kept) bool { return t.spot == s }) {
		return
	}
	fd, err := s.open(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil {
		k.times = append(k.times, kept{s, st.Atim, st.Mtim})
	}
}

// restore removes what was not there before and is nobody's: an empty directory,
// an empty file, a device node or a link.
func (k *keeper) restore() {
	for _, s := range slices.Backward(k.absent) {
		s.remove()
	}
	for _, t := range k.times {
		if fd, err := t.open(unix.O_RDONLY | unix.O_DIRECTORY); err == nil {
			unix.UtimesNanoAt(fd, ".", []unix.Timespec{t.atime, t.mtime}, 0)
			unix.Close(fd)
		}
	}
}

func (s spot) remove() {
	parent, err := spot{s.dir, up(s.rel)}.open(unix.O_PATH | unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer unix.Close(parent)
	name := path.Base(s.rel)
	var st unix.Stat_t
	if unix.Fstatat(parent, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
	case unix.S_IFREG:
		if st.Size == 0 {
			unix.Unlinkat(parent, name, 0)
		}
	default:
		unix.Unlinkat(parent, name, 0)
	}
}

// sweep removes what a program that was killed left behind: directories of that
// name in a tree's root, with files and directories in them.
func (k *keeper) sweep(name string) {
	for _, dir := range k.trees {
		fd, err := spot{dir, name}.open(unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW)
		if err != nil {
			continue
		}
		if list, err := names(fd); err == nil {
			for _, n := range list {
				if unix.Unlinkat(fd, n, 0) != nil {
					unix.Unlinkat(fd, n, unix.AT_REMOVEDIR)
				}
			}
		}
		unix.Close(fd)
		unix.Rmdir(filepath.Join(dir, name))
	}
}
