package fsview

import (
	"errors"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// walker walks the tree, parents first, siblings by name.
type walker struct {
	*look
	n   int
	cut bool
	buf []byte
}

// tree writes what is at and below each of the paths.
func (l *look) tree() {
	w := &walker{look: l, buf: make([]byte, 4096)}
	for _, p := range roots(l.o.Paths) {
		w.visit(p, 0, fsPlain, true, 0)
	}
}

// roots are the paths to walk, sorted and none below another.
func roots(paths []string) (out []string) {
	if len(paths) == 0 {
		return []string{"/"}
	}
	sorted := slices.Clone(paths)
	slices.SortFunc(sorted, ComparePaths)
	for _, p := range sorted {
		if len(out) == 0 || !Below(p, out[len(out)-1]) {
			out = append(out, p)
		}
	}
	return out
}

// visit writes an entry and walks what is below it. above and kind are the
// device and the kind of file system of the directory that it is in; top says
// that there was none.
func (w *walker) visit(p string, above uint64, kind fsKind, top bool, depth int) {
	if w.cut || w.stopped() || w.skips(p) {
		return
	}
	if w.n++; w.o.MaxEntries > 0 && w.n > w.o.MaxEntries {
		w.cut = true
		w.put(Record{Kind: KindCut, Path: p})
		return
	}
	var st unix.Stat_t
	if err := retry(func() error { return unix.Lstat(p, &st) }); err != nil {
		w.put(Record{Kind: KindEntry, Path: p, Facts: map[string]string{FactError: "stat: " + outcome(err)}})
		return
	}
	entered := top || st.Dev != above
	if isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; isDir && entered {
		kind = kindOf(p)
	}
	f := w.facts(p, &st, kind)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		w.put(Record{Kind: KindEntry, Path: p, Facts: f})
		return
	}
	var names []string
	switch {
	case w.o.Depth > 0 && depth >= w.o.Depth:
	case kind == fsPlain || entered || w.isMountPoint(p):
		var err error
		if names, err = sortedNames(p); err != nil {
			f["list"] = outcome(err)
		}
	default:
		names = w.mountsBelow(p)
	}
	w.put(Record{Kind: KindEntry, Path: p, Facts: f})
	for _, name := range names {
		if !leftOut(kind, p, name, w) {
			w.visit(join(p, name), st.Dev, kind, false, depth+1)
		}
	}
}

// leftOut reports whether a name comes and goes with other processes.
func leftOut(kind fsKind, dir, name string, w *walker) bool {
	switch kind {
	case fsProc:
		return strings.Trim(name, "0123456789") == ""
	case fsCgroup:
		var st unix.Stat_t
		p := join(dir, name)
		return unix.Lstat(p, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && !w.isMountPoint(p)
	}
	return false
}

func (l *look) isMountPoint(p string) bool {
	_, found := slices.BinarySearchFunc(l.mounts, p, func(m mount, p string) int { return ComparePaths(m.path, p) })
	return found
}

// mountsBelow are the names in a directory that lead to mounts: of a directory
// that is not listed, these are visited all the same.
func (l *look) mountsBelow(dir string) (names []string) {
	for _, m := range l.mounts {
		if m.path == dir || !Below(m.path, dir) {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(m.path[len(dir):], "/"), "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// facts are those of one entry.
func (w *walker) facts(p string, st *unix.Stat_t, kind fsKind) map[string]string {
	f := make(map[string]string, 8)
	f["type"] = typeName(st.Mode)
	f["mode"] = octal(st.Mode & 0o7777)
	f["uid"] = strconv.FormatUint(uint64(st.Uid), 10)
	f["gid"] = strconv.FormatUint(uint64(st.Gid), 10)
	if isDevice(st.Mode) {
		f["device"] = device(st.Rdev)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK && kind != fsProc { // self leads to a pid
		if target, err := os.Readlink(p); err == nil {
			f["target"] = target
		} else {
			f["target"] = outcome(err)
		}
	}
	if kind != fsPlain {
		return f
	}
	f["links"] = strconv.FormatUint(uint64(st.Nlink), 10)
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		f["size"] = strconv.FormatInt(st.Size, 10)
	}
	if names := w.xattrs(p); names != "" {
		f["xattrs"] = names
	}
	return f
}

// xattrs lists the names of an entry's extended attributes.
func (w *walker) xattrs(p string) string {
	for {
		n, err := unix.Llistxattr(p, w.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ERANGE) && len(w.buf) < 1<<16:
			w.buf = make([]byte, 1<<16)
			continue
		case errors.Is(err, unix.EOPNOTSUPP):
			return ""
		case err != nil:
			return outcome(err)
		case n == 0:
			return ""
		}
		names := strings.Split(strings.TrimSuffix(string(w.buf[:n]), "\x00"), "\x00")
		slices.Sort(names)
		return strings.Join(names, " ")
	}
}

func sortedNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

func octal(mode uint32) string {
	text := strconv.FormatUint(uint64(mode), 8)
	return "0000"[min(len(text), 4):] + text
}

func isDevice(mode uint32) bool {
	return mode&unix.S_IFMT == unix.S_IFCHR || mode&unix.S_IFMT == unix.S_IFBLK
}

func device(rdev uint64) string {
	return strconv.Itoa(int(unix.Major(rdev))) + ":" + strconv.Itoa(int(unix.Minor(rdev)))
}

func typeName(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "link"
	case unix.S_IFCHR:
		return "character device"
	case unix.S_IFBLK:
		return "block device"
	case unix.S_IFIFO:
		return "pipe"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "unknown"
}

// Clean makes a path of the command line absolute.
func Clean(p string) (string, error) {
	if path.IsAbs(p) {
		return path.Clean(p), nil
	}
	cwd, err := unix.Getwd()
	if err != nil {
		return "", err
	}
	return path.Join(cwd, p), nil
}
