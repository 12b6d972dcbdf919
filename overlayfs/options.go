package overlayfs

import (
	"fmt"
	"strings"
)

// Options of one overlay. The zero value is what a privileged caller with an
// upper directory of unknown history wants.
type Options struct {
	// UserXattr keeps the overlay's own marks in user.overlay.* instead of
	// trusted.overlay.*. A mount in a user namespace needs it (5.11).
	UserXattr bool
	// Source is the device name in the mount table; "overlay" if empty.
	Source string
	// Attr holds the MOUNT_ATTR_* flags of the new mount. An overlay without an
	// upper layer is read-only whatever Attr says.
	Attr uint64
	// NewUpper says that the caller has just made Upper and Work itself, so that
	// no other overlay can be using them. It saves looking (0.2 ms).
	NewUpper bool
	// Extra holds further parameters of the file system, "key=value" or "key".
	// Those that name layers are refused.
	Extra []string
}

// settings turns the options into fsconfig calls; a setting without a value is
// a flag.
func (o Options) settings() ([]setting, error) {
	source := o.Source
	if source == "" {
		source = "overlay"
	}
	s := []setting{{key: "source", value: source, fd: -1}}
	if o.UserXattr {
		s = append(s, setting{key: "userxattr", fd: -1})
	}
	for _, e := range o.Extra {
		key, value, found := strings.Cut(e, "=")
		switch key {
		case "":
			return nil, fmt.Errorf("overlay parameter %q has no name", e)
		case "lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir", "source", "userxattr":
			return nil, fmt.Errorf("overlay parameter %q: %s is set by its own field only", e, key)
		}
		if found && value == "" {
			return nil, fmt.Errorf("overlay parameter %q has no value", e)
		}
		s = append(s, setting{key: key, value: value, fd: -1})
	}
	for _, p := range s {
		if strings.IndexByte(p.key, 0) >= 0 || strings.IndexByte(p.value, 0) >= 0 {
			return nil, fmt.Errorf("overlay parameter %q=%q holds a NUL byte", p.key, p.value)
		}
		if len(p.key) > maxParam || len(p.value) > maxParam {
			return nil, fmt.Errorf("overlay parameter %.40q is longer than the kernel's %d bytes", p.key+"="+p.value, maxParam)
		}
	}
	return s, nil
}
