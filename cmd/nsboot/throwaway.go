package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsboot/nsboot/internal/mounttree"
	"github.com/nsboot/nsboot/nsmount"
)

// hostMount is one line of the mount table, and what a look at it told.
type hostMount struct {
	id, parent int
	point      string   // where it is mounted
	fsType     string   // ext4, tmpfs, ...
	flags      []string // what it does not allow: ro, nosuid, nodev, noexec, nosymfollow
	file       bool     // a file is mounted, not a directory
	skip       string   // why it cannot be bound, if it cannot
}

// throwawayPlan makes the plan of `nsboot do` from the host's mount table: each
// file system that can be a layer gets a writable layer in memory over it,
// what the kernel makes up (proc, sysfs, devtmpfs, ...) is bound as it is, and
// all else is bound read-only, which a warning tells. What lies at or below a
// path of rw is the host's own. disks are device nodes that lead past the file
// systems to the disk: they are masked.
func throwawayPlan(mounts []hostMount, rw, disks []string) (*nsmount.Plan, error) {
	visible := visibleMounts(mounts)
	if len(visible) == 0 || visible[0].point != "/" {
		return nil, fmt.Errorf("the mount table has no / in it")
	}
	p := &nsmount.Plan{Version: nsmount.PlanVersion, Profile: "oci"}
	rw, err := outermost(rw)
	if err != nil {
		return nil, err
	}
	for i, m := range visible {
		if i > 0 && within(m.point, rw) {
			continue
		}
		if m.skip != "" {
			p.Warnings = append(p.Warnings, nsmount.Warning{Origin: "host:" + m.point, Text: "left out: " + m.skip})
			continue
		}
		s := hostStep(m, i == 0)
		if i == 0 && s.Overlay == nil {
			return nil, fmt.Errorf("/ is %s, which cannot be the lower layer of an overlay", m.fsType)
		}
		if why := heldBack(m); why != "" {
			p.Warnings = append(p.Warnings, nsmount.Warning{Origin: s.Origin, Text: "read-only: " + why})
		}
		p.Steps = append(p.Steps, s)
	}
	for _, dir := range rw {
		p.Steps = append(p.Steps, nsmount.Step{Op: nsmount.OpBind, Origin: "--rw", Destination: dir, Target: dir, Source: dir, Recursive: true})
	}
	for _, node := range disks {
		if !within(node, rw) {
			p.Steps = append(p.Steps, nsmount.Step{Op: nsmount.OpMask, Origin: "disk", Destination: node, Target: node})
		}
	}
	return p, nil
}

// hostStep says how one mount of the host is shown.
func hostStep(m hostMount, root bool) nsmount.Step {
	s := nsmount.Step{Op: nsmount.OpBind, Origin: "host:" + m.point, Destination: m.point, Target: m.point, Source: m.point}
	if root {
		s.Op = nsmount.OpRoot
	}
	switch kind := kindOf(m); {
	case kind == fsKernel:
	case kind == fsLayer && !m.file && !slices.Contains(m.flags, "ro"):
		s.Overlay, s.Flags = &nsmount.Overlay{}, m.flags
	case root && kind == fsLayer:
		// Nothing is written to a read-only root, but a command may want to.
		s.Overlay, s.Flags = &nsmount.Overlay{}, without(m.flags, "ro")
	default:
		s.Flags = []string{"ro"}
	}
	return s
}

func without(list []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == word })
}

// heldBack says why a mount that is writable on the host is not so here.
func heldBack(m hostMount) string {
	switch {
	case slices.Contains(m.flags, "ro") || kindOf(m) == fsKernel:
		return ""
	case kindOf(m) == fsOther:
		return m.fsType + " cannot be the lower layer of an overlay"
	case m.file:
		return "a file mounted by itself"
	}
	return ""
}

// fsKind is what can be done with a file system.
type fsKind int

const (
	fsOther  fsKind = iota // not known to be good as a layer
	fsLayer                // can be the lower layer of an overlay
	fsKernel               // made up by the kernel: what is written there reaches no disk
)

// kindOf sorts a mount by its type. What stands under /dev is the host's own,
// its tmpfs too: programs meet each other there.
func kindOf(m hostMount) fsKind {
	switch m.fsType {
	case "proc", "sysfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "securityfs", "selinuxfs", "debugfs", "tracefs",
		"bpf", "configfs", "fusectl", "hugetlbfs", "binfmt_misc", "nsfs", "rpc_pipefs", "resctrl":
		return fsKernel
	case "tmpfs", "ramfs":
		if m.point == "/dev" || strings.HasPrefix(m.point, "/dev/") || strings.HasPrefix(m.point, "/sys/") || strings.HasPrefix(m.point, "/proc/") {
			return fsKernel
		}
		return fsLayer
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs", "reiserfs", "overlay", "squashfs", "erofs",
		"iso9660", "udf", "nfs", "nfs4", "9p", "virtiofs":
		return fsLayer
	}
	return fsOther
}

// visibleMounts lists the mounts that a path leads to, parents first: of those
// stacked on one place only the top one, of those below a place that was
// mounted over later none.
func visibleMounts(mounts []hostMount) []hostMount {
	table := make([]mounttree.Mount, len(mounts))
	for i, m := range mounts {
		table[i] = mounttree.Mount{ID: m.id, Parent: m.parent, Point: m.point}
	}
	var out []hostMount
	for i, seen := range mounttree.Visible(table) {
		if seen {
			out = append(out, mounts[i])
		}
	}
	slices.SortStableFunc(out, func(a, b hostMount) int { return len(a.point) - len(b.point) })
	return out
}

// isBelow reports whether p is dir or lies below it; both are clean.
func isBelow(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

func within(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return isBelow(p, dir) })
}

// outermost drops the paths that lie below another.
func outermost(paths []string) ([]string, error) {
	sorted := slices.Clone(paths)
	slices.SortFunc(sorted, func(a, b string) int { return len(a) - len(b) })
	var out []string
	for _, p := range sorted {
		switch {
		case p != path.Clean(p) || !strings.HasPrefix(p, "/"):
			return nil, fmt.Errorf("--rw %s: not a clean absolute path", p)
		case p == "/":
			return nil, &usageError{msg: "--rw /: nothing would be thrown away", hint: "run the command without nsboot, or name the directories it is to change"}
		case !within(p, out):
			out = append(out, p)
		}
	}
	return out, nil
}
