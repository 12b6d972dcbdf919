package pathres

import (
	"strconv"
	"syscall"
)

// ErrMagicLink is what a path leads to when one of its components is a link
// made by the kernel, such as /proc/self/exe. It is an ELOOP to errors.Is, as
// openat2 has it.
var ErrMagicLink error = magicLinkError{}

// maxPath is the kernel's PATH_MAX, its final NUL included.
const maxPath = 4096

type magicLinkError struct{}

func (magicLinkError) Error() string {
	return "a link made by the kernel (magic link) is not followed inside a root"
}

func (magicLinkError) Unwrap() error { return syscall.ELOOP }

// PathError says which path inside a root was tried, what for, and the component
// at which it failed.
type PathError struct {
	Op   string // "open", "lookup", "create", ...
	Path string // as the caller gave it
	At   string // the resolved component that is to blame; "" = Path itself
	Err  error
}

// Error is one line: "create /etc/hello/sub: /etc/hello: not a directory".
// A name with anything unprintable in it is quoted.
func (e *PathError) Error() string {
	s := e.Op + " " + show(e.Path) + ": "
	if e.At != "" && e.At != e.Path {
		s += show(e.At) + ": "
	}
	return s + e.Err.Error()
}

// Unwrap returns Err, at whose end there is always an errno.
func (e *PathError) Unwrap() error { return e.Err }

// reasonError puts words to an errno that says too little alone.
type reasonError struct {
	why string
	err syscall.Errno
}

func (e reasonError) Error() string { return e.why + ": " + e.err.Error() }
func (e reasonError) Unwrap() error { return e.err }

// show quotes a path only where it would not read well otherwise.
func show(path string) string {
	if path == "" {
		return `""`
	}
	for _, c := range path {
		if c == '"' || c == '\\' || c == ' ' || !strconv.IsPrint(c) {
			return strconv.Quote(path)
		}
	}
	return path
}
