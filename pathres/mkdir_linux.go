package pathres

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Made is one thing that [Root.Make] created, as [Root.Remove] needs it.
type Made struct {
	Path     string // resolved, from the root
	Dev, Ino uint64
	Dir      bool // else an empty regular file
}

// MakeOptions say what [Root.Make] creates and whom it tells.
type MakeOptions struct {
	// File: the last component is an empty regular file, else a directory.
	File bool
	// DirMode and FileMode are the exact modes (07777) of what is created,
	// whatever the umask. What exists keeps its own.
	DirMode, FileMode uint32
	// UID and GID are the owner of what is created; both 0: the caller, as ever.
	UID, GID int
	// NoLinks refuses symbolic links with ELOOP (P1 of runsc-2019).
	NoLinks bool

	// Before, if not nil, is called just before something is created at the
	// resolved path; its error stops Make before that. Where another process is
	// quicker, or the call fails, no Made follows.
	Before func(path string, dir bool) error
	// Made, if not nil, is called just after. Its error stops Make; the thing
	// stays, for the caller to remove.
	Made func(Made) error
}

// Make opens path inside the root, creating what is missing of it, and returns an
// O_PATH descriptor of the last component, which the caller closes. Dangling links
// are followed inside the root, and what they point to is created (P1, P2).
//
// A directory where a file is wanted is EISDIR and anything else than a directory
// where one is wanted is ENOTDIR (P4); a device, FIFO or socket will do as a file.
//
// Where everything exists this is one openat2 and resolved is "": who needs the
// resolved path then calls [Root.Lookup]. Otherwise resolved is the path that the
// descriptor was reached by.
//
// On an error what was created so far stays; Made has told of it. The error is a
// *[PathError] that names the component to blame.
func (r Root) Make(path string, o MakeOptions) (fd int, resolved string, err error) {
	if fd, ok := r.makeFast(path, &o); ok {
		return fd, "", nil
	}
	w, err := newWalker(r, "create", path, o.NoLinks)
	if err != nil {
		return -1, "", err
	}
	defer w.close()
	m := maker{o: &o, path: path}
	w.create, w.file = m.create, o.File
	if _, err := w.run(); err != nil {
		return -1, "", err
	}
	top := w.top()
	switch at := w.resolved(); {
	case o.File && top.isDir():
		return -1, "", w.fail(at, unix.EISDIR)
	case !o.File && !top.isDir():
		return -1, "", w.fail(at, unix.ENOTDIR)
	}
	resolved = w.resolved()
	if len(w.stack) == 1 { // the root's own descriptor stays the root's
		fd, err = openat(r.fd, ".", unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return -1, "", w.fail("/", err)
		}
		return fd, resolved, nil
	}
	fd = top.fd
	w.stack = w.stack[:len(w.stack)-1]
	return fd, resolved, nil
}

// makeFast is the case that all is there. Whatever fails here is left to the walk,
// which can say which component failed.
func (r Root) makeFast(path string, o *MakeOptions) (int, bool) {
	flags := unix.O_PATH
	if !o.File {
		flags |= unix.O_DIRECTORY
	}
	fd, err := r.Open(path, flags, o.NoLinks)
	if err != nil {
		return -1, false
	}
	if !o.File {
		return fd, true
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		unix.Close(fd)
		return -1, false
	}
	return fd, true
}

// maker creates the components that a walk misses.
type maker struct {
	o    *MakeOptions
	path string
}

func (m *maker) fail(at string, err error) error {
	return &PathError{Op: "create", Path: m.path, At: at, Err: err}
}

// create is the walker's; nil and no error means that the name is to be looked at
// again, because somebody else was there first or came in between.
func (m *maker) create(parent int, name, at string, dir bool) (*level, error) {
	if m.o.Before != nil {
		if err := m.o.Before(at, dir); err != nil {
			return nil, m.fail(at, err)
		}
	}
	var l *level
	var err error
	if dir {
		l, err = m.mkdir(parent, name, at)
	} else {
		l, err = m.mkfile(parent, name, at)
	}
	if err == unix.EEXIST {
		return nil, nil
	}
	return l, err
}

func (m *maker) made(at string, st *unix.Stat_t, dir bool) error {
	if m.o.Made == nil {
		return nil
	}
	if err := m.o.Made(Made{Path: at, Dev: uint64(st.Dev), Ino: st.Ino, Dir: dir}); err != nil {
		return m.fail(at, err)
	}
	return nil
}

// mkdir makes a directory and opens it. mkdirat gives no descriptor, so what is
// found under the name afterwards is taken for the new directory only if it could
// be it: a directory, no link, with none below it. Otherwise somebody renamed, and
// the walk looks again.
func (m *maker) mkdir(parent int, name, at string) (*level, error) {
	if err := unix.Mkdirat(parent, name, m.o.DirMode); err != nil {
		if err == unix.EEXIST {
			return nil, err
		}
		return nil, m.fail(at, err)
	}
	l, err := openLevel(parent, name)
	if err == unix.ENOENT {
		return nil, nil
	}
	if err != nil {
		return nil, m.fail(at, err)
	}
	if !l.isDir() || l.st.Nlink > 2 {
		unix.Close(l.fd)
		return nil, nil
	}
	err = m.made(at, &l.st, true)
	if err == nil {
		err = m.chown(l.fd, at)
	}
	if err == nil {
		err = m.chmodDir(&l, at)
	}
	if err != nil {
		unix.Close(l.fd)
		return nil, err
	}
	return &l, nil
}

// chown gives away what was created. It comes before the mode, which it may change.
func (m *maker) chown(fd int, at string) error {
	if m.o.UID == 0 && m.o.GID == 0 {
		return nil
	}
	if err := unix.Fchownat(fd, "", m.o.UID, m.o.GID, unix.AT_EMPTY_PATH); err != nil {
		return m.fail(at, fmt.Errorf("setting its owner: %w", err))
	}
	return nil
}

// chmodDir gives back the bits that the umask took. A directory with bits that
// were never asked for is left: its file system has modes of its own (vfat), or it
// is another one that was renamed here.
func (m *maker) chmodDir(l *level, at string) error {
	const inherited = unix.S_ISGID // from a set-group-ID parent
	want, have := m.o.DirMode&0o7777, l.st.Mode&0o7777
	if have == want || have&^(want|inherited) != 0 {
		return nil
	}
	// "." below an O_PATH descriptor: fchmod refuses one, and the name may lead
	// elsewhere by now.
	if err := unix.Fchmodat(l.fd, ".", want, 0); err != nil {
		return m.fail(at, fmt.Errorf("setting its mode: %w", err))
	}
	return nil
}

// mkfile makes an empty file; O_EXCL gives the descriptor of the new file and of
// nothing else.
func (m *maker) mkfile(parent int, name, at string) (*level, error) {
	mode := m.o.FileMode
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(parent, name, flags, mode)
	if err == unix.EEXIST || err == unix.EINTR {
		return nil, nil
	}
	if err != nil {
		return nil, m.fail(at, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, m.fail(at, err)
	}
	if err := m.made(at, &st, false); err != nil {
		return nil, err
	}
	if err := m.chown(fd, at); err != nil {
		return nil, err
	}
	if st.Mode&0o7777 != mode&0o7777 {
		if err := unix.Fchmod(fd, mode); err != nil {
			return nil, m.fail(at, fmt.Errorf("setting its mode: %w", err))
		}
	}
	l, err := openLevel(parent, name)
	if err != nil {
		return nil, nil
	}
	if l.st.Dev != st.Dev || l.st.Ino != st.Ino {
		unix.Close(l.fd)
		return nil, nil
	}
	return &l, nil
}
