package nsmount

import (
	"fmt"
	"strings"

	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// submount is what is mounted below an overlaid tree, as a detached bind.
type submount struct {
	rel  string
	tree int
}

// submounts takes along what is mounted below an overlaid recursive bind: an
// overlay shows one file system only. They are read-only, for what the overlay
// holds back from the host must not get there through them.
func (b *builder) submounts(l layered) error {
	if !l.step.Recursive {
		return nil
	}
	host, err := linkOf(l.src)
	if err != nil {
		return err
	}
	for _, point := range b.table {
		if !below(point, host) {
			continue
		}
		rel := strings.TrimPrefix(point[len(strings.TrimSuffix(host, "/")):], "/")
		// No link: a mount point is none, and where one is now somebody has swapped a parent.
		at, err := pathres.At(l.src).Open(rel, unix.O_PATH, true)
		if err != nil {
			return fmt.Errorf("%s, mounted below it: %w", point, err)
		}
		tree, err := b.k.clone(at, false)
		unix.Close(at)
		if err != nil {
			return fmt.Errorf("%s, mounted below it: %w", point, explainClone(err))
		}
		b.subs[l.index] = append(b.subs[l.index], submount{rel, tree})
		if l.step.IDMap != nil && l.step.IDMap.Recursive {
			if err := b.idmap(l.step, tree); err != nil {
				return fmt.Errorf("%s, mounted below it: %w", point, err)
			}
		}
		if err := b.k.setattr(tree, false, unix.MOUNT_ATTR_RDONLY, 0, unix.MS_PRIVATE); err != nil {
			return fmt.Errorf("%s, mounted below it: %w", point, explainAttr(err))
		}
		if l.step.Overlay != nil {
			b.report("%s: %s, mounted below the overlaid tree, is read-only", l.step.Origin, point)
		}
	}
	return nil
}

// attachSubmounts puts them back over the overlay, once that is mounted.
func (b *builder) attachSubmounts(i int, tree int) error {
	for _, m := range b.subs[i] {
		onto, err := pathres.At(tree).Open(m.rel, unix.O_PATH, true)
		if err != nil {
			return fmt.Errorf("submount %s: %w", m.rel, err)
		}
		err = b.k.attach(m.tree, onto)
		unix.Close(onto)
		if err != nil {
			return fmt.Errorf("submount %s: attach: %w", m.rel, err)
		}
	}
	return nil
}
