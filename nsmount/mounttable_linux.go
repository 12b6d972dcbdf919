package nsmount

import (
	"fmt"

	"github.com/moby/sys/mountinfo"
)

// mountPointsBelow lists what is mounted below dir, in the order of the mount
// table. The table is read at most once a boot, and only where an overlay
// stands in for a recursive bind.
func (b *builder) mountPointsBelow(dir string) ([]string, error) {
	if b.table == nil {
		mounts, err := mountinfo.GetMounts(nil)
		if err != nil {
			return nil, fmt.Errorf("read the mount table: %w", err)
		}
		b.table = make([]string, 0, len(mounts))
		for _, m := range mounts {
			b.table = append(b.table, m.Mountpoint)
		}
	}
	var out []string
	for _, point := range b.table {
		if below(point, dir) {
			out = append(out, point)
		}
	}
	return out, nil
}
