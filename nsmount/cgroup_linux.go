package nsmount

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// cgroup mounts the process's cgroups: on a host with cgroup2 alone a cgroup2,
// else a tmpfs with one directory for each hierarchy of the host, as runc lays
// it out. Without a cgroup namespace of its own the container sees its own
// cgroup only, not the host's tree.
func (b *builder) cgroup(s *Step) error {
	a, err := parseAttrs(s.Flags)
	if err != nil {
		return err
	}
	set := a.set | a.recSet
	if isCgroup2("/sys/fs/cgroup") || s.Type == "cgroup2" {
		return b.cgroup2(s, set)
	}
	return b.cgroupHybrid(s, set)
}

func isCgroup2(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && int64(st.Type) == unix.CGROUP2_SUPER_MAGIC
}

// cgroup2 mounts the unified hierarchy; where the kernel refuses (a user
// namespace without a cgroup namespace of its own) the own part of the host's
// is bound, read-only.
func (b *builder) cgroup2(s *Step, set uint64) error {
	if dir := b.opts.Cgroups[""]; dir != "" {
		return b.cgroup2Own(s, dir, set)
	}
	tree, err := b.k.newFS("cgroup2", "cgroup", s.Data, set)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EBUSY) {
		b.report("%s: the kernel refuses a new cgroup2 (%v): a read-only bind of /sys/fs/cgroup stands in", s.Origin, err)
		if tree, err = b.k.openTree(unix.AT_FDCWD, "/sys/fs/cgroup", cloneFlags(true)); err == nil {
			err = b.k.setattr(tree, true, set|unix.MOUNT_ATTR_RDONLY, 0, unix.MS_PRIVATE)
		}
	}
	if err != nil {
		return fmt.Errorf("mount cgroup2: %w", err)
	}
	return b.mountOn(s, tree, nil)
}

// cgroup2Own binds the container's own directory: a cgroup namespace of its own
// does not exist yet.
func (b *builder) cgroup2Own(s *Step, dir string, set uint64) error {
	if len(s.Data) > 0 {
		b.report("%s: %v: of the whole hierarchy, left as the host has it", s.Origin, s.Data)
	}
	tree, err := b.k.openTree(unix.AT_FDCWD, dir, cloneFlags(false))
	if err != nil {
		return fmt.Errorf("bind %s: %w", dir, err)
	}
	if err := b.k.setattr(tree, false, set, 0, unix.MS_PRIVATE); err != nil {
		unix.Close(tree)
		return explainAttr(err)
	}
	return b.mountOn(s, tree, nil)
}

// cgroupHybrid lays out a tmpfs with the host's hierarchies.
func (b *builder) cgroupHybrid(s *Step, set uint64) error {
	list, err := ownCgroups(b.opts.Cgroups)
	if err != nil {
		return err
	}
	if len(list) == 0 { // as in a container that was not given any
		b.report("%s: no cgroups are mounted below /sys/fs/cgroup here: an empty, read-only directory stands in", s.Origin)
		set |= unix.MOUNT_ATTR_RDONLY
	}
	tree, err := b.k.newFS("tmpfs", "tmpfs", []string{"mode=0755"}, set&^unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	defer unix.Close(tree)
	keep, err := unix.FcntlInt(uintptr(tree), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	if err := b.mountOn(s, keep, nil); err != nil {
		return err
	}
	for _, c := range list {
		if err := b.cgroupBind(tree, c, set); err != nil {
			return fmt.Errorf("cgroup %s: %w", c.name, err)
		}
	}
	if set&unix.MOUNT_ATTR_RDONLY == 0 {
		return nil
	}
	if err := b.k.setattr(tree, false, unix.MOUNT_ATTR_RDONLY, 0, 0); err != nil {
		return explainAttr(err)
	}
	return nil
}

// cgroupBind binds the process's own directory of one hierarchy.
func (b *builder) cgroupBind(tree int, c ownCgroup, set uint64) error {
	onto, err := b.scratchDir(tree, c.name, 0o755)
	if err != nil {
		return err
	}
	defer unix.Close(onto)
	src, err := b.cgroupTree(c)
	if err != nil {
		return err
	}
	defer unix.Close(src)
	if err := b.k.setattr(src, false, set, 0, unix.MS_PRIVATE); err != nil {
		return explainAttr(err)
	}
	if err := b.k.attach(src, onto); err != nil {
		return err
	}
	for _, alias := range c.aliases {
		if err := b.k.symlink(c.name, tree, alias); err != nil {
			return fmt.Errorf("link %s: %w", alias, err)
		}
	}
	return nil
}

// cgroupTree is a detached bind of the own directory or, in a cgroup namespace,
// a mount whose root is that of the namespace.
func (b *builder) cgroupTree(c ownCgroup) (int, error) {
	if c.fsType != "" {
		tree, err := b.k.newFS(c.fsType, "cgroup", c.data, 0)
		if err != nil {
			return -1, fmt.Errorf("mount %s: %w", c.fsType, err)
		}
		return tree, nil
	}
	tree, err := b.k.openTree(unix.AT_FDCWD, c.dir, cloneFlags(false))
	if err != nil {
		return -1, fmt.Errorf("bind %s: %w", c.dir, err)
	}
	return tree, nil
}

// ownCgroup is the process's directory in one hierarchy of the host.
type ownCgroup struct {
	name    string   // its name below /sys/fs/cgroup: "cpu,cpuacct"
	aliases []string // the single controllers, where they are mounted together
	dir     string

	fsType string   // in a cgroup namespace: mounted anew, not bound
	data   []string // its controllers
}

// ownCgroups finds the process's directory in each hierarchy mounted below
// /sys/fs/cgroup: the one in made, by controller, or else nsboot's own.
func ownCgroups(made map[string]string) ([]ownCgroup, error) {
	mounts, err := mountTable(func(m *mountinfo.Info) (skip, stop bool) {
		return m.FSType != "cgroup" && m.FSType != "cgroup2" || path.Dir(m.Mountpoint) != "/sys/fs/cgroup", false
	})
	if err != nil {
		return nil, err
	}
	text, err := readKernelFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	own := map[string]string{} // controllers -> path
	for line := range strings.Lines(string(text)) {
		if f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3); len(f) == 3 {
			own[f[1]] = f[2]
		}
	}
	var list []ownCgroup
	for _, m := range mounts {
		c := ownCgroup{name: path.Base(m.Mountpoint), dir: m.Mountpoint}
		if strings.HasPrefix(m.Root, "/..") { // a cgroup namespace further down
			c.fsType, c.data = m.FSType, controllers(m)
		}
		for ctrl, p := range own {
			if sameHierarchy(m, ctrl) {
				first, _, _ := strings.Cut(ctrl, ",")
				if dir := made[first]; dir != "" {
					c.dir, c.fsType = dir, ""
					break
				}
				if rel, ok := strings.CutPrefix(p, strings.TrimSuffix(m.Root, "/")); ok {
					c.dir = path.Join(m.Mountpoint, rel)
				}
			}
		}
		if strings.Contains(c.name, ",") {
			c.aliases = strings.Split(c.name, ",")
		}
		list = append(list, c)
	}
	return list, nil
}

// controllers are the parameters that say which hierarchy of cgroup v1 a mount
// is.
func controllers(m *mountinfo.Info) []string {
	if m.FSType != "cgroup" {
		return nil
	}
	var out []string
	for _, o := range strings.Split(m.VFSOptions, ",") {
		if o != "rw" && o != "ro" {
			out = append(out, o)
		}
	}
	return out
}

// sameHierarchy reports whether a mount is the hierarchy that /proc/self/cgroup
// names by its controllers; the unified one has none.
func sameHierarchy(m *mountinfo.Info, controllers string) bool {
	if m.FSType == "cgroup2" {
		return controllers == ""
	}
	if controllers == "" {
		return false
	}
	opts := "," + m.VFSOptions + ","
	for _, c := range strings.Split(controllers, ",") {
		if !strings.Contains(opts, ","+c+",") {
			return false
		}
	}
	return true
}
