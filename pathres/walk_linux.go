package pathres

import (
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is the kernel's own limit for one resolution.
const maxLinks = 40

// walker resolves one path, one component at a time. Every component is opened
// relative to the descriptor of its parent without following it, and only what
// that descriptor says is believed.
type walker struct {
	op    string
	path  string // as the caller gave it, for errors
	links int
	no    bool // refuse links

	// stack holds what was walked and exists, the root first; ".." pops.
	stack []level

	// create, if not nil, makes a missing component. It returns what it made,
	// opened, or nil where the name is to be looked at again.
	create func(parent int, name, path string, dir bool) (*level, error)
	file   bool // the last component is to be created as a file
}

// level is one existing component. The root's name is "".
type level struct {
	fd   int
	name string
	st   unix.Stat_t
}

func (l *level) isDir() bool { return l.st.Mode&unix.S_IFMT == unix.S_IFDIR }

// newWalker starts at the root, whose descriptor it does not own.
func newWalker(r Root, op, path string, noLinks bool) (*walker, error) {
	w := &walker{op: op, path: path, no: noLinks}
	if err := checkPath(path); err != nil {
		return nil, w.fail("", err)
	}
	root := level{fd: r.fd}
	if err := unix.Fstat(r.fd, &root.st); err != nil {
		return nil, w.fail("/", err)
	}
	w.stack = append(make([]level, 0, 8), root)
	return w, nil
}

// close closes every descriptor but the root's.
func (w *walker) close() { w.truncate(1) }

// truncate pops all levels from n on.
func (w *walker) truncate(n int) {
	for _, l := range w.stack[n:] {
		unix.Close(l.fd)
	}
	w.stack = w.stack[:n]
}

func (w *walker) top() *level { return &w.stack[len(w.stack)-1] }

// resolved is the path of the top, followed by the names given.
func (w *walker) resolved(names ...string) string {
	var b strings.Builder
	for _, l := range w.stack[1:] {
		b.WriteByte('/')
		b.WriteString(l.name)
	}
	for _, n := range names {
		b.WriteByte('/')
		b.WriteString(n)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

func (w *walker) fail(at string, err error) error {
	return &PathError{Op: w.op, Path: w.path, At: at, Err: err}
}

// run walks the whole path. On return the top of the stack is the deepest
// component that exists, and missing the names below it that do not; with
// create, missing is empty.
func (w *walker) run() (missing []string, err error) {
	rest := w.path
	for {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return nil, nil
		}
		name, after := rest, ""
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			name, after = rest[:i], rest[i:]
		}
		switch name {
		case ".":
		case "..":
			if len(w.stack) > 1 {
				w.truncate(len(w.stack) - 1)
			}
		default:
			next, err := w.enter(name, after)
			if err == unix.ENOENT {
				return w.lacking(rest)
			}
			if err != nil {
				return nil, err
			}
			after = next
		}
		rest = after
	}
}

// enter opens name below the top and pushes it, or, where it is a link, returns
// its text followed by after, to be walked next. A name that does not exist, and
// is not to be created, is a bare ENOENT; every other error is complete.
func (w *walker) enter(name, after string) (rest string, err error) {
	for try := 0; ; try++ {
		next, err := openLevel(w.top().fd, name)
		switch {
		case err == unix.ENOENT && w.create == nil:
			return "", unix.ENOENT
		case err == unix.ENOENT && try < maxRetries:
			file := w.file && isLast(after)
			if file && after != "" {
				return "", w.fail(w.resolved(name), unix.EISDIR)
			}
			made, err := w.create(w.top().fd, name, w.resolved(name), !file)
			if err != nil {
				return "", err
			}
			if made == nil {
				continue
			}
			next = *made
		case err != nil:
			return "", w.fail(w.resolved(name), err)
		}
		if next.st.Mode&unix.S_IFMT == unix.S_IFLNK {
			text, err := w.link(next.fd, name)
			unix.Close(next.fd)
			return text + after, err
		}
		if !next.isDir() && after != "" {
			unix.Close(next.fd)
			return "", w.fail(w.resolved(name), unix.ENOTDIR)
		}
		w.stack = append(w.stack, next)
		return after, nil
	}
}

// isLast reports whether nothing but slashes and dots follows.
func isLast(after string) bool {
	for after != "" {
		after = strings.TrimLeft(after, "/")
		if after != "" && after != "." && !strings.HasPrefix(after, "./") {
			return false
		}
		after = strings.TrimPrefix(after, ".")
	}
	return true
}

// link returns the text of the link that fd is, having counted it, and restarts
// at the root if it is absolute.
func (w *walker) link(fd int, name string) (string, error) {
	at := w.resolved(name)
	if w.no {
		return "", w.fail(at, reasonError{"symbolic links are refused here", unix.ELOOP})
	}
	if w.links++; w.links > maxLinks {
		return "", w.fail(at, unix.ELOOP)
	}
	magic, err := isMagic(w.top().fd, fd, name)
	if err != nil {
		return "", w.fail(at, err)
	}
	if magic {
		return "", w.fail(at, ErrMagicLink)
	}
	var buf [maxPath]byte
	n, err := unix.Readlinkat(fd, "", buf[:])
	if err != nil {
		return "", w.fail(at, err)
	}
	if n == 0 {
		return "", w.fail(at, unix.ENOENT)
	}
	text := string(buf[:n])
	if text[0] == '/' {
		w.truncate(1)
	}
	return text, nil
}

// isMagic reports whether the link is followed by the kernel to an object rather
// than by its text. Only two file systems have such links, and in both of them
// the others are short relative texts, so that there the kernel can be asked:
// ELOOP is what RESOLVE_NO_MAGICLINKS answers. ENOENT is the answer for self and
// thread-self in the procfs of a pid namespace that the caller is not in: whoever
// is in it will find its own there.
func isMagic(parent, link int, name string) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(link, &fs); err != nil {
		return false, err
	}
	if fs.Type != unix.PROC_SUPER_MAGIC && fs.Type != unix.AAFS_MAGIC {
		return false, nil
	}
	fd, err := openat2(parent, name, unix.O_PATH, resolveFlags)
	if err == nil {
		unix.Close(fd)
	}
	return err == unix.ELOOP || err == unix.ENOENT, nil
}

// lacking splits what is left of the path when its first name does not exist.
func (w *walker) lacking(rest string) ([]string, error) {
	var names []string
	for _, n := range strings.Split(rest, "/") {
		switch n {
		case "", ".":
		case "..":
			at := w.resolved(names...)
			return nil, w.fail(at, reasonError{"'..' after what does not exist", unix.ENOENT})
		default:
			names = append(names, n)
		}
	}
	return names, nil
}

// openLevel opens name in dir without following it, and looks at what it got.
func openLevel(dir int, name string) (level, error) {
	fd, err := openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return level{}, err
	}
	l := level{fd: fd, name: name}
	if err := unix.Fstat(fd, &l.st); err != nil {
		unix.Close(fd)
		return level{}, err
	}
	return l, nil
}
