package nsmount

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/overlayfs"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// overlayMount mounts an overlay of config.json's own. Mount points that it
// lacks come from a layer below its others, so that none is made in its upper
// directory, which is the host's (S1, S5).
func (b *builder) overlayMount(i int, s *Step, set uint64) (int, error) {
	l, err := b.openLayers(s.Layers)
	defer closeLayers(l)
	if err != nil {
		return -1, err
	}
	if err := b.keepWork(l); err != nil {
		return -1, err
	}
	if s.IDMap == nil && len(s.Stubs) == 0 {
		return b.mergeLayers(s, l, set)
	}
	return b.withScratch(s, func(scratch int) (int, error) {
		// What is mapped or made here takes the place of what was opened.
		mine := overlayfs.Layers{Lower: slices.Clone(l.Lower), Upper: l.Upper, Work: l.Work}
		var made []int
		defer func() {
			for _, fd := range made {
				unix.Close(fd)
			}
		}()
		for n, fd := range mine.Lower {
			if s.IDMap == nil {
				break
			}
			mapped, err := b.mappedLayer(scratch, s, fd, strconv.Itoa(i)+"-"+strconv.Itoa(n))
			if err != nil {
				return -1, fmt.Errorf("lower layer %d of %d: %w", n+1, len(mine.Lower), err)
			}
			made = append(made, mapped)
			mine.Lower[n] = mapped
		}
		stubs, err := b.overlayStubs(scratch, i, s, mine)
		if err != nil {
			return -1, err
		}
		if stubs >= 0 {
			made = append(made, stubs)
			mine.Lower = append(mine.Lower, stubs)
		}
		return b.mergeLayers(s, mine, set)
	})
}

// keepWork has what the kernel makes in the work directory removed again, should
// the boot fail, unless it is there from before.
func (b *builder) keepWork(l overlayfs.Layers) error {
	var st unix.Stat_t
	if l.Work < 0 || unix.Fstatat(l.Work, kernelWork, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		return nil
	}
	fd, err := unix.FcntlInt(uintptr(l.Work), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		b.tree.works = append(b.tree.works, fd)
	}
	return err
}

// mergeLayers makes the overlay.
func (b *builder) mergeLayers(s *Step, l overlayfs.Layers, set uint64) (int, error) {
	if err := b.k.ask("overlay"); err != nil {
		return -1, err
	}
	o := overlayfs.Options{Source: s.Source, Attr: set, Extra: s.Data, UserXattr: inUserNamespace()}
	if n := slices.Index(o.Extra, "userxattr"); n >= 0 {
		o.Extra, o.UserXattr = slices.Delete(slices.Clone(o.Extra), n, n+1), true
	}
	tree, err := overlayfs.Mount(l, o)
	return tree, explainOverlay(err)
}

// explainOverlay brings the hint of the package's errors to where hints are shown.
func explainOverlay(err error) error {
	if m := (*overlayfs.MountError)(nil); errors.As(err, &m) && m.Hint != "" {
		return &HintError{err, m.Hint}
	}
	return err
}

// overlayStubs makes the layer of mount points that the layers lack, and gives
// -1 if they lack none. What they have is looked up in an overlay of them that
// nobody can write to.
func (b *builder) overlayStubs(scratch, i int, s *Step, l overlayfs.Layers) (int, error) {
	if len(s.Stubs) == 0 {
		return -1, nil
	}
	lower := l.Lower
	if l.Upper >= 0 {
		lower = append([]int{l.Upper}, lower...)
	}
	seen, err := b.mergeLayers(&Step{Source: s.Source}, overlayfs.ReadOnly(lower...), 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(seen)
	miss, err := b.missing(s, seen)
	if err != nil || len(miss) == 0 {
		return -1, err
	}
	b.lacks(s, miss)
	dir, err := b.stubLayer(scratch, layered{index: i, step: s, missing: miss})
	if err != nil {
		return -1, fmt.Errorf("stub layer: %w", err)
	}
	return dir, nil
}

// openLayers opens the layers: host paths, as the sources of binds are. A
// relative one starts at the container's root and does not leave it.
func (b *builder) openLayers(p *overlayfs.PathList) (overlayfs.Layers, error) {
	l := overlayfs.Layers{Upper: -1, Work: -1}
	for n, path := range p.Lower {
		fd, err := b.openLayer(path)
		if err != nil {
			return l, fmt.Errorf("lower layer %d of %d, %s: %w", n+1, len(p.Lower), visible(path), err)
		}
		l.Lower = append(l.Lower, fd)
	}
	if p.Upper == "" {
		return l, nil
	}
	var err error
	if l.Upper, err = b.openLayer(p.Upper); err != nil {
		return l, fmt.Errorf("upperdir %s: %w", visible(p.Upper), err)
	}
	if l.Work, err = b.openLayer(p.Work); err != nil {
		return l, fmt.Errorf("workdir %s: %w", visible(p.Work), err)
	}
	return l, nil
}

func (b *builder) openLayer(path string) (int, error) {
	if strings.HasPrefix(path, "/") {
		return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if len(b.tree.hosts) == 0 {
		return -1, fmt.Errorf("a relative path, and the root is no directory of the host: %w", unix.EINVAL)
	}
	return pathres.At(b.tree.hosts[0]).Open("/"+path, unix.O_PATH|unix.O_DIRECTORY, false)
}

func closeLayers(l overlayfs.Layers) {
	for _, fd := range l.Lower {
		unix.Close(fd)
	}
	closeFD(l.Upper)
	closeFD(l.Work)
}

// mappedLayer is the directory fd with the step's id mapping (5.19), attached on
// the scratch tmpfs, as a layer must be before 6.15. The caller closes it.
func (b *builder) mappedLayer(scratch int, s *Step, fd int, name string) (int, error) {
	tree, err := b.k.clone(fd, false)
	if err != nil {
		return -1, explainClone(err)
	}
	var onto int
	if err = b.idmap(s, tree); err == nil {
		if onto, err = b.scratchDir(scratch, "idmap"+name, 0o700); err == nil {
			err = b.k.attach(tree, onto)
			unix.Close(onto)
		}
	}
	if err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}
