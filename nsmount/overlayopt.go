package nsmount

import (
	"fmt"
	"strings"
)

// ParseOverlay reads the value of --overlay:
//
//	none | root | all, then :memory or :dir=/ABS, then ,size=N
//
// The layer is a tmpfs unless dir= names a directory to keep it in.
func ParseOverlay(value string) (OverlayOption, error) {
	var o OverlayOption
	value, size, hasSize := strings.Cut(value, ",")
	what, where, _ := strings.Cut(value, ":")
	switch what {
	case "none", "":
		if where != "" || hasSize {
			return o, fmt.Errorf("none has no layer to put anywhere")
		}
		return o, nil
	case "root":
		o.Root = true
	case "all":
		o.Root, o.Binds = true, true
	default:
		return o, fmt.Errorf("%q is none of none, root, all", what)
	}
	if dir, ok := strings.CutPrefix(where, "dir="); ok {
		if !strings.HasPrefix(dir, "/") || strings.IndexByte(dir, 0) >= 0 {
			return o, fmt.Errorf("dir=%s is not an absolute path", dir)
		}
		o.Layer.Dir = dir
	} else if where != "" && where != "memory" {
		return o, fmt.Errorf("%q is neither memory nor dir=/ABS", where)
	}
	if !hasSize {
		return o, nil
	}
	size, ok := strings.CutPrefix(size, "size=")
	if !ok || size == "" {
		return o, fmt.Errorf("after the comma only size=N is known")
	}
	if o.Layer.Dir != "" {
		return o, fmt.Errorf("size=%s limits a layer in memory, not one in a directory", size)
	}
	o.Layer.Size = size
	return o, nil
}
