package nsmount

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/nsboot/nsboot/overlayfs"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// layered is one tree that needs an overlay: for a writable layer, or for
// mount points that a read-only tree lacks.
type layered struct {
	index   int
	step    *Step
	src     int       // descriptor of the real tree or file
	host    int       // what src was before its ids were mapped; -1: it is as it was
	missing []missing // mount points for the stub layer

	// Opened by path before the scratch tmpfs covers what may lie on the way.
	parent int    // of a file with a writable layer: its directory
	name   string // and its name there
	base   int    // what --overlay dir= names
}

// close gives back what the layer opened; the root's source is kept.
func (l *layered) close() {
	if l.index != 0 {
		unix.Close(l.src)
	}
	closeFD(l.parent)
	closeFD(l.base)
}

// missing is a mount point that a tree lacks.
type missing struct {
	path string // resolved, from the tree's root
	file bool
}

// prepare makes every overlay of the plan, detached, before anything is
// mounted. Their writable layers and stubs live on a scratch tmpfs that is
// attached to the root's mount point just while they are made: before 6.15 the
// kernel takes no layer from a detached mount. The overlays keep the layers
// alive.
func (b *builder) prepare(rootSrc int) error {
	list, err := b.needLayers(rootSrc)
	defer func() {
		for i := range list {
			list[i].close()
		}
	}()
	if err != nil || len(list) == 0 {
		return err
	}
	if err := b.readMountTable(list); err != nil {
		return err
	}
	scratch, err := b.k.newFS("tmpfs", "tmpfs", []string{"mode=0700"}, 0)
	if err != nil {
		return fmt.Errorf("scratch tmpfs: %w", err)
	}
	defer unix.Close(scratch)
	if err := b.k.attach(scratch, b.tree.target); err != nil {
		return fmt.Errorf("scratch tmpfs: attach: %w", err)
	}
	err = b.attachSources(scratch, list)
	for i := 0; i < len(list) && err == nil; i++ {
		var tree int
		if tree, err = b.overlay(scratch, list[i]); err != nil {
			err = b.layerError(list[i], err)
			break
		}
		b.layers[list[i].index] = tree
	}
	if uerr := b.detachScratch(scratch); err == nil {
		err = uerr
	}
	return err
}

// detachScratch takes a scratch tmpfs away again. A failure stops the boot, and
// the second try is for not leaving it on the host's directory even then.
func (b *builder) detachScratch(scratch int) error {
	if err := b.k.umount(fdPath(scratch), unix.MNT_DETACH); err != nil {
		unix.Unmount(fdPath(scratch), unix.MNT_DETACH)
		return fmt.Errorf("detach the scratch tmpfs: %w", err)
	}
	return nil
}

func (b *builder) layerError(l layered, err error) error {
	if l.index == 0 {
		return err
	}
	return b.fail(l.step, err)
}

// needLayers finds the trees that need an overlay: only where something is to
// be written, or a mount point is really missing.
func (b *builder) needLayers(rootSrc int) ([]layered, error) {
	var list []layered
	for i := range b.plan.Steps {
		s := &b.plan.Steps[i]
		ro := slices.Contains(s.Flags, "ro") || slices.Contains(s.Flags, "rro")
		if s.Op != OpRoot && s.Op != OpBind || s.Overlay == nil && len(s.Stubs) == 0 {
			continue
		}
		src := rootSrc
		if i > 0 {
			var err error
			if src, err = b.openSource(i); s.Optional && errors.Is(err, unix.ENOENT) {
				b.report("%s: %s is gone", s.Origin, s.Source)
				continue
			}
			if err != nil {
				return list, b.fail(s, err)
			}
		}
		l := layered{index: i, step: s, src: src, host: -1, parent: -1, base: -1}
		if s.Overlay == nil && !ro && !onReadOnly(src) {
			l.close()
			continue // what is missing is made there
		}
		var err error
		if l.missing, err = b.missing(s, src); err == nil && (s.Overlay != nil && !isSpecial(src) || len(l.missing) > 0) {
			b.lacks(s, l.missing)
			if s.Overlay == nil && !ro {
				b.report("%s: %s is on a read-only file system: the mount points that it lacks are in a layer of their own", s.Origin, s.Source)
			}
			if err = b.openByPath(&l); err == nil {
				list = append(list, l)
				continue
			}
		}
		l.close()
		if err != nil {
			return list, b.layerError(l, err)
		}
	}
	return list, nil
}

// onReadOnly reports whether nothing can be made in a tree though its config says
// nothing of it: it is on a file system, or on a mount, that is read-only.
func onReadOnly(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Flags&unix.ST_RDONLY != 0
}

// isSpecial reports whether fd is a socket, a device or a FIFO: there is nothing
// in it that a layer could keep (C12 speaks of directories and regular files),
// and the socket of an overlay is nobody's.
func isSpecial(fd int) bool {
	st, err := fstat(fd)
	kind := st.Mode & unix.S_IFMT
	return err == nil && kind != unix.S_IFDIR && kind != unix.S_IFREG
}

// lacks keeps in mind which mount points a layer is to make.
func (b *builder) lacks(s *Step, list []missing) {
	for _, m := range list {
		if b.lacked == nil {
			b.lacked = make(map[string]bool)
		}
		b.lacked[path.Join(s.Target, m.path)] = true
	}
}

// missing lists the step's stubs that its real tree lacks (S1: what exists wins).
func (b *builder) missing(s *Step, src int) ([]missing, error) {
	var out []missing
	tree := pathres.At(src)
	for _, rel := range s.Stubs {
		if fd, err := tree.Open("/"+rel, unix.O_PATH, true); err == nil { // one call, where nothing is missing
			unix.Close(fd)
			continue
		}
		found, err := tree.Lookup("/"+rel, false)
		if err != nil {
			return nil, fmt.Errorf("mount point of %s: %w", path.Join(s.Target, rel), err)
		}
		if found.Path != found.Existing {
			out = append(out, missing{found.Path, b.bindsFile(path.Join(s.Target, rel))})
		}
	}
	return out, nil
}

// bindsFile reports whether a file is bound at target (S3).
func (b *builder) bindsFile(target string) bool {
	if b.binds == nil {
		b.binds = make(map[string]int)
		for i := range b.plan.Steps {
			if s := &b.plan.Steps[i]; s.Op == OpBind {
				b.binds[s.Target] = i
			}
		}
	}
	i, ok := b.binds[target]
	if !ok {
		return false
	}
	var st unix.Stat_t
	var err error
	if fd, ok := b.handedOver(i); ok {
		st, err = fstat(fd)
	} else {
		err = unix.Stat(b.plan.Steps[i].Source, &st)
	}
	return err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR
}

// overlay makes one detached overlay.
func (b *builder) overlay(scratch int, l layered) (int, error) {
	st, err := fstat(l.src)
	if err != nil {
		return -1, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return b.fileOverlay(scratch, l)
	}
	if l.step.IDMap != nil {
		mapped, err := b.mappedLayer(scratch, l.step, l.src, strconv.Itoa(l.index))
		if err != nil {
			return -1, err
		}
		defer unix.Close(mapped)
		l.src, l.host = mapped, l.src
	}
	layers := overlayfs.Layers{Lower: []int{l.src}, Upper: -1, Work: -1}
	if len(l.missing) > 0 {
		dir, err := b.stubLayer(scratch, l)
		if err != nil {
			return -1, fmt.Errorf("stub layer: %w", err)
		}
		defer unix.Close(dir)
		layers.Lower = append(layers.Lower, dir)
	}
	if l.step.Overlay != nil {
		if err := b.upper(scratch, l, &layers); err != nil {
			return -1, err
		}
		defer unix.Close(layers.Upper)
		defer unix.Close(layers.Work)
		err := overlayfs.CopyRootAttr(layers.Upper, l.src)
		if errors.Is(err, overlayfs.ErrOwner) && inUserNamespace() {
			if err = nil; !b.saidOwner {
				b.saidOwner = true
				b.report("%s: %s: its owner has no id in the user namespace: the writable layer over it is of whoever boots, and a file of that owner can be removed in it, but not changed; nor in other such layers", l.step.Origin, l.step.Source)
			}
		}
		if err != nil {
			return -1, err
		}
	}
	tree, err := b.mountLayers(layers, l.step)
	if err != nil {
		return -1, err
	}
	if l.host >= 0 {
		l.src = l.host
	}
	if err := b.submounts(l); err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

func (b *builder) mountLayers(layers overlayfs.Layers, s *Step) (int, error) {
	if err := b.k.ask("overlay"); err != nil {
		return -1, err
	}
	tree, err := overlayfs.Mount(layers, overlayfs.Options{UserXattr: inUserNamespace(), NewUpper: s.Overlay == nil || s.Overlay.Dir == ""})
	if err != nil {
		return -1, explainOverlay(err)
	}
	if err := b.attributes(s, tree, false); err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// stubLayer makes the directory that holds a tree's missing mount points: the
// lowest layer (S1, S3, S4).
func (b *builder) stubLayer(scratch int, l layered) (int, error) {
	dir, err := b.scratchDir(scratch, "stubs"+strconv.Itoa(l.index), 0o755)
	if err != nil {
		return -1, err
	}
	uid, gid := b.k.root()
	for _, m := range l.missing {
		fd, _, err := pathres.At(dir).Make(m.path, pathres.MakeOptions{File: m.file, UID: uid, GID: gid, DirMode: b.profile.DirMode, FileMode: b.profile.FileMode})
		if err != nil {
			unix.Close(dir)
			return -1, err
		}
		unix.Close(fd)
	}
	return dir, nil
}

func (b *builder) scratchDir(parent int, name string, mode uint32) (int, error) {
	if err := b.k.mkdir(parent, name, mode); err != nil {
		return -1, err
	}
	return unix.Openat(parent, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}
