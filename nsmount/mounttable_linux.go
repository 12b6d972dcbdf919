package nsmount

import (
	"fmt"
	"slices"

	"github.com/moby/sys/mountinfo"
)

// readMountTable reads where the caller's namespace has mounts, once, and only
// where an overlay stands in for a recursive bind. It is done before the
// scratch tmpfs is attached, whose own mounts are nobody's.
func (b *builder) readMountTable(list []layered) error {
	if !slices.ContainsFunc(list, func(l layered) bool { return l.step.Recursive }) {
		return nil
	}
	mounts, err := mountinfo.GetMounts(nil)
	if err != nil {
		return fmt.Errorf("read the mount table: %w", err)
	}
	for _, m := range mounts {
		b.table = append(b.table, m.Mountpoint)
	}
	return nil
}
