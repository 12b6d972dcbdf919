package fsview

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"github.com/nsboot/nsboot/internal/mounttree"
	"golang.org/x/sys/unix"
)

// mount is one line of the mount table.
type mount struct {
	id, parent int
	path       string
	facts      map[string]string
}

// readMounts fills in the mounts that a path leads to, by path, and returns the
// others. Where there is no table, mount points are found by looking.
func (l *look) readMounts() (hidden []mount, byTable bool) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		l.mounts = l.foundMounts()
		return nil, false
	}
	defer f.Close()
	table, err := mountinfo.GetMountsFromReader(f, nil)
	if err != nil || len(table) == 0 {
		l.mounts = l.foundMounts()
		return nil, false
	}
	var all []mount
	for _, m := range table {
		if !l.skips(m.Mountpoint) {
			all = append(all, mount{m.ID, m.Parent, m.Mountpoint, tableFacts(m)})
		}
	}
	l.mounts, hidden = visible(all)
	return hidden, true
}

// tableFacts are those of a mount that a process can observe, with the names of
// mount(8). What a file system is made with (size=, lowerdir=) is left out: what
// of it can be seen is in the tree and in the probes.
func tableFacts(m *mountinfo.Info) map[string]string {
	f := map[string]string{"type": m.FSType, "access": "rw", "atime": "strictatime", "propagation": "private"}
	own := strings.Split(m.Options, ",")
	for i, o := range append(own, strings.Split(m.VFSOptions, ",")...) {
		switch o {
		case "ro":
			f["access"] = o
		case "nosuid", "nodev", "noexec", "nosymfollow", "nodiratime", "sync", "dirsync", "mand", "lazytime":
			f[o] = "yes"
		case "noatime", "relatime":
			if i < len(own) {
				f["atime"] = o
			}
		}
	}
	var kinds []string
	for _, word := range strings.Fields(m.Optional) {
		switch name, _, _ := strings.Cut(word, ":"); name {
		case "shared":
			kinds = append(kinds, "shared")
		case "master":
			kinds = append(kinds, "slave")
		case "unbindable":
			kinds = append(kinds, "unbindable")
		}
	}
	if len(kinds) > 0 {
		f["propagation"] = strings.Join(kinds, " ")
	}
	return f
}

// Flags lists what a mount's facts allow and do not allow, as mount(8) does.
func Flags(f map[string]string) string {
	list := []string{f["access"]}
	for _, name := range [...]string{"nosuid", "nodev", "noexec", "nosymfollow", "sync", "dirsync", "mand", "lazytime", "nodiratime"} {
		if f[name] != "" {
			list = append(list, name)
		}
	}
	return strings.Trim(strings.Join(append(list, f["atime"]), ","), ",")
}

// visible parts the mounts that a path leads to from those that others cover.
func visible(all []mount) (seen, hidden []mount) {
	table := make([]mounttree.Mount, len(all))
	for i, m := range all {
		table[i] = mounttree.Mount{ID: m.id, Parent: m.parent, Point: m.path}
	}
	for i, there := range mounttree.Visible(table) {
		if there {
			seen = append(seen, all[i])
		} else {
			hidden = append(hidden, all[i])
		}
	}
	byPath := func(a, b mount) int { return ComparePaths(a.path, b.path) }
	slices.SortStableFunc(seen, byPath)
	slices.SortStableFunc(hidden, byPath)
	return seen, hidden
}

// foundMounts finds mount points without a table: where the device number
// changes, down to the third level.
func (l *look) foundMounts() (out []mount) {
	var visit func(p string, above uint64, depth int)
	visit = func(p string, above uint64, depth int) {
		var st unix.Stat_t
		if l.skips(p) || unix.Lstat(p, &st) != nil {
			return
		}
		if p == "/" || st.Dev != above {
			out = append(out, mount{path: p, facts: map[string]string{}})
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR || depth == 3 {
			return
		}
		names, _ := sortedNames(p)
		for _, name := range names {
			visit(join(p, name), st.Dev, depth+1)
		}
	}
	visit("/", 0, 0)
	return out
}

// mountRecords writes the table.
func (l *look) mountRecords(hidden []mount) {
	for _, m := range l.mounts {
		addStatfs(m.path, m.facts)
		l.put(Record{Kind: KindMount, Path: m.path, Facts: m.facts})
	}
	for i := 0; i < len(hidden); {
		n := i
		f := map[string]string{}
		for ; n < len(hidden) && hidden[n].path == hidden[i].path; n++ {
			h := hidden[n].facts
			f[strconv.Itoa(n-i+1)] = h["type"] + " " + h["access"]
		}
		l.put(Record{Kind: KindHidden, Path: hidden[i].path, Facts: f})
		i = n
	}
}
