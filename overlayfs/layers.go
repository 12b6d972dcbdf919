package overlayfs

import (
	"errors"
	"fmt"
	"strconv"
)

// MaxLower is the number of lower layers that the kernel takes (OVL_MAX_STACK,
// since 3.18 and in 6.18).
const MaxLower = 500

// maxParam is the longest string that fsconfig(2) takes, without its NUL.
const maxParam = 255

// Layers of one overlay, as descriptors of directories (O_PATH or better). They
// stay the caller's: nothing here closes one.
type Layers struct {
	// Lower holds the read-only layers, the top one first: what it has wins.
	Lower []int
	// Upper takes the writes and Work is the kernel's scratch directory, empty
	// and on the same mount. Both are -1 when absent: the overlay is read-only.
	// The zero value of Layers names descriptor 0 for both; see [ReadOnly].
	Upper, Work int
}

// ReadOnly returns the layers of a read-only overlay, the top one first.
func ReadOnly(lower ...int) Layers {
	return Layers{Lower: lower, Upper: -1, Work: -1}
}

// all lists every descriptor: the lower ones, then upper and work if present.
func (l Layers) all() []int {
	fds := append([]int(nil), l.Lower...)
	if l.Upper >= 0 {
		fds = append(fds, l.Upper, l.Work)
	}
	return fds
}

// String describes the layers for an error message.
func (l Layers) String() string {
	s := strconv.Itoa(len(l.Lower)) + " lower"
	if l.Upper >= 0 {
		return s + " and an upper layer"
	}
	if len(l.Lower) == 1 {
		return s + " layer, no upper"
	}
	return s + " layers, no upper"
}

// limits checks what can be said without asking the kernel.
func (l Layers) limits() error {
	refuse := func(hint, format string, args ...any) error {
		return &MountError{Op: "checking the layers", Hint: hint, Err: fmt.Errorf(format, args...)}
	}
	switch n := len(l.Lower); {
	case n == 0:
		return refuse("", "an overlay needs at least one lower layer")
	case n > MaxLower:
		return refuse("merge some layers into one directory first",
			"%d lower layers, the kernel takes %d", n, MaxLower)
	case l.Upper < 0 && l.Work >= 0:
		return refuse("", "a work directory without an upper one")
	case l.Upper >= 0 && l.Work < 0:
		return refuse("give an empty directory on the mount of the upper one", "an upper directory without a work directory")
	case l.Upper >= 0 && l.Upper == l.Work:
		return refuse("give an empty directory beside the upper one", "upper and work are the same directory")
	case l.Upper < 0 && n == 1:
		return refuse("bind the directory read-only, or add an empty second layer",
			"a read-only overlay of a single layer: the kernel takes two or more")
	}
	for i, fd := range l.Lower {
		if fd < 0 {
			return refuse("", "lower layer %d has descriptor %d", i+1, fd)
		}
	}
	return nil
}

// A method is a way of handing the layers to the kernel.
type method int

const (
	byDescriptor method = iota // FSCONFIG_SET_FD, a layer a call
	byLink                     // FSCONFIG_SET_STRING /proc/self/fd/N, a layer a call
	byJoined                   // the same, all lower layers in one string
)

func (m method) String() string {
	return [...]string{"by descriptor", "by /proc link", "in one string"}[m]
}

// A setting is one fsconfig call.
type setting struct {
	key   string
	value string // for FSCONFIG_SET_STRING
	fd    int    // for FSCONFIG_SET_FD; -1: value counts
}

var errLong = errors.New("layers too many for the kernel's limit of one string")

// settings lists the calls that hand l over by method m.
func (l Layers) settings(m method) ([]setting, error) {
	one := func(key string, fd int) setting {
		if m == byDescriptor {
			return setting{key: key, fd: fd}
		}
		return setting{key: key, value: link(fd), fd: -1}
	}
	var s []setting
	if m == byJoined {
		var joined []byte
		for i, fd := range l.Lower {
			if i > 0 {
				joined = append(joined, ':')
			}
			joined = append(joined, link(fd)...)
		}
		if len(joined) > maxParam {
			return nil, fmt.Errorf("%w: %d lower layers make %d bytes, it takes %d (kernels before 6.8)",
				errLong, len(l.Lower), len(joined), maxParam)
		}
		s = append(s, setting{key: "lowerdir", value: string(joined), fd: -1})
	} else {
		s = make([]setting, 0, len(l.Lower)+2)
		for _, fd := range l.Lower {
			s = append(s, one("lowerdir+", fd))
		}
	}
	if l.Upper >= 0 {
		s = append(s, one("upperdir", l.Upper), one("workdir", l.Work))
	}
	return s, nil
}

func link(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
