package nsmount

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// VerifyOptions say what the plan does not.
type VerifyOptions struct {
	SourceFDs bool     // the sources were descriptors: the plan's paths say nothing of them
	Children  []string // the IDs of the pod's other containers, if this is its sandbox container
}

// Verify reads the mount table of the process pid, once, and compares it with
// the plan that its container was made from: no findings, no differences. The
// caller makes sure that pid is the container's.
//
// It should run where the container was made: what the plan calls a source is
// looked at from the caller's mount namespace. Of one that is not there, or
// that was handed over as a descriptor, only the mount is looked at, not what it
// shows. The mounts of a pod's other containers are not looked at here.
func Verify(plan *Plan, pid int, o VerifyOptions) ([]Finding, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	text, err := readKernelFile(dir + "/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	infos, err := mountinfo.GetMountsFromReader(bytes.NewReader(text), nil)
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	root, err := pathres.Open(dir + "/root")
	if err != nil {
		return nil, err
	}
	defer root.Close()
	table := make([]TableMount, len(infos))
	for i, m := range infos {
		table[i] = tableMount(m)
	}
	l := looker{root: root, blind: o.SourceFDs}
	return plan.Compare(table, Surroundings{
		Resolve: l.resolve, SameSource: l.sameSource, Special: l.special, Brought: l.brought,
		Child: func(id string) bool { return slices.Contains(o.Children, id) },
	}), l.err
}

func tableMount(m *mountinfo.Info) TableMount {
	return TableMount{
		ID: m.ID, Parent: m.Parent, Root: m.Root, Target: m.Mountpoint, Type: m.FSType, Device: fmt.Sprintf("%d:%d", m.Major, m.Minor),
		Flags: strings.Split(m.Options, ","), Propagation: m.Optional,
	}
}

// looker looks at the container's tree and at the caller's.
type looker struct {
	root  pathres.Root
	blind bool                    // the sources are not where the plan says
	host  map[string][]TableMount // the caller's mounts, by place; nil: not read yet
	err   error
}

func (l *looker) resolve(target string) (string, bool) {
	found, err := l.root.Lookup(target, false)
	if err != nil {
		return target, !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR)
	}
	return found.Path, found.Exists()
}

func (l *looker) sameSource(source, at string) bool {
	var host unix.Stat_t
	if l.blind || unix.Stat(source, &host) != nil {
		return true
	}
	fd, err := l.root.Open(at, unix.O_PATH, true)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	st, err := fstat(fd)
	return err != nil || st.Dev == host.Dev
}

func (l *looker) special(source string) bool {
	if l.blind {
		return true
	}
	fd, err := unix.Open(source, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return true // nothing to be said of it
	}
	defer unix.Close(fd)
	return isSpecial(fd)
}

func (l *looker) brought(source, rel string, m *TableMount) bool {
	if l.blind && source != "/proc" && source != "/sys" { // those are not of config.json
		return true
	}
	fd, err := unix.Open(source, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	source, err = linkOf(fd)
	if err != nil {
		return true
	}
	if l.host == nil {
		infos, err := mountTable(nil)
		if err != nil {
			l.err = err
			return true
		}
		l.host = make(map[string][]TableMount, len(infos))
		for _, i := range infos {
			l.host[i.Mountpoint] = append(l.host[i.Mountpoint], tableMount(i))
		}
	}
	return slices.ContainsFunc(l.host[path.Join(source, rel)], func(h TableMount) bool { return h.isCopy(m) })
}
