package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/userns"
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs"
	"github.com/opencontainers/cgroups/fs2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mountpoint is where every host has its cgroups.
const mountpoint = "/sys/fs/cgroup"

// Group is one container's cgroup: a directory in each hierarchy of the host.
type Group struct {
	m       cgroups.Manager
	limits  *cgroups.Resources
	devices func(dir string) error // nil: the parent's rules
}

// New works out the cgroup of a container and checks that the host can do what
// is asked. An empty path makes it nsboot-ID below the caller's own cgroup; in
// v2, where a cgroup with processes has no children, beside it. So does a
// relative one. r may be nil. Nothing is made yet.
func New(id, path string, r *specs.LinuxResources) (*Group, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if r == nil {
		r = &specs.LinuxResources{}
	}
	v2, err := version()
	if err != nil {
		return nil, err
	}
	c := &cgroups.Cgroup{Path: path, Resources: &cgroups.Resources{}}
	if path == "" {
		c.Name = "nsboot-" + strings.TrimPrefix(id, "nsboot-")
	}
	g := &Group{limits: convert(r)}
	if g.devices, err = deviceSetter(r, v2); err != nil {
		return nil, err
	}
	if v2 {
		g.m, err = fs2.NewManager(c, "")
	} else {
		g.m, err = newV1(c)
	}
	if err != nil {
		return nil, fmt.Errorf("linux.cgroupsPath: %w", err)
	}
	if err := g.check(demands(r), v2); err != nil {
		return nil, err
	}
	return g, g.checkFree()
}

// deviceSetter is what sets the device rules of r; nil: there are none.
func deviceSetter(r *specs.LinuxResources, v2 bool) (func(dir string) error, error) {
	rules, err := deviceRules(r.Devices)
	switch {
	case err != nil || len(rules) == 0:
		return nil, err
	case userns.RunningInUserNS():
		return nil, errors.New("linux.resources.devices is set; in a user namespace no device rules can be set")
	case v2:
		return func(dir string) error { return attachDevices(dir, rules) }, nil
	}
	list, err := newDeviceList(rules)
	return list.set, err
}

// newV1 does without a devices controller where there is none: who needs it is
// told by check.
func newV1(c *cgroups.Cgroup) (cgroups.Manager, error) {
	m, err := fs.NewManager(c, nil)
	if cgroups.IsNotFound(err) {
		c.SkipDevices = true
		m, err = fs.NewManager(c, nil)
	}
	if err == nil && len(m.GetPaths()) == 0 {
		err = fmt.Errorf("no hierarchy is mounted below %s", mountpoint)
	}
	return m, err
}

// Open takes up a cgroup that Paths has told of.
func Open(paths map[string]string) (*Group, error) {
	c := &cgroups.Cgroup{Resources: &cgroups.Resources{}}
	dir, unified := paths[""]
	var m cgroups.Manager
	var err error
	if unified && len(paths) == 1 {
		m, err = fs2.NewManager(c, dir)
	} else {
		m, err = fs.NewManager(c, maps.Clone(paths))
	}
	return &Group{m: m}, err
}

// checkPath refuses what is not a path, or names the cgroup of all processes.
func checkPath(path string) error {
	switch {
	case path == "":
		return nil
	case !strings.HasPrefix(path, "/") && strings.Count(path, ":") == 2:
		return fmt.Errorf("linux.cgroupsPath is %q, a slice and a scope of systemd; this build makes plain cgroups only", path)
	case filepath.Clean("/"+path) == "/":
		return fmt.Errorf("linux.cgroupsPath is %q, the root of all cgroups; a container needs its own", path)
	}
	return nil
}

// version tells cgroup v2 alone from v1, or both.
func version() (v2 bool, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(mountpoint, &st); err != nil {
		return false, fmt.Errorf("cgroups: %s: %w", mountpoint, err)
	}
	return int64(st.Type) == unix.CGROUP2_SUPER_MAGIC, nil
}

// check names the first property that no controller of the host honours.
func (g *Group) check(list []demand, v2 bool) error {
	var have []string
	if v2 {
		text, err := os.ReadFile(mountpoint + "/cgroup.controllers")
		if err != nil {
			return fmt.Errorf("cgroups: %w", err)
		}
		have = strings.Fields(string(text))
	} else {
		have = slices.Collect(maps.Keys(g.m.GetPaths()))
	}
	have = append(have, builtin)
	for _, d := range list {
		name, kind := d.v1, "v1"
		if v2 {
			name, kind = d.v2, "v2"
		}
		switch {
		case name == none:
			return fmt.Errorf("linux.resources.%s is set; cgroup %s, which this host has, does not know it", d.field, kind)
		case !slices.Contains(have, name):
			return fmt.Errorf("linux.resources.%s is set; this host has no cgroup %s controller %s", d.field, kind, name)
		}
	}
	return nil
}

// checkFree refuses a cgroup with processes or other cgroups in it: the limits
// would be theirs too, and removing it would remove them.
func (g *Group) checkFree() error {
	pids, err := g.Pids()
	if err != nil {
		return err
	}
	paths := g.m.GetPaths()
	for _, key := range slices.Sorted(maps.Keys(paths)) {
		if len(pids) > 0 {
			return fmt.Errorf("linux.cgroupsPath: the cgroup %s has processes already: %v", paths[key], pids)
		}
		entries, _ := os.ReadDir(paths[key])
		for _, e := range entries {
			if e.IsDir() {
				return fmt.Errorf("linux.cgroupsPath: the cgroup %s has others below it already: %s", paths[key], e.Name())
			}
		}
	}
	return nil
}

// Paths are the directories, by controller as /proc/PID/cgroup names it: in v2,
// and for the unified hierarchy beside v1, by the empty string.
func (g *Group) Paths() map[string]string { return maps.Clone(g.m.GetPaths()) }

// Create makes the directories and sets the limits. After an error nothing of
// it is left.
func (g *Group) Create() error {
	err := g.m.Apply(-1)
	if err != nil {
		err = fmt.Errorf("make the cgroup: %w", err)
	} else {
		err = g.set(g.limits, g.devices)
	}
	if err != nil {
		return errors.Join(err, g.Remove())
	}
	return nil
}

func (g *Group) set(limits *cgroups.Resources, devices func(dir string) error) error {
	err := g.m.Set(limits)
	if err == nil && devices != nil {
		err = devices(g.m.Path("devices"))
	}
	if err != nil {
		err = fmt.Errorf("linux.resources: %w", err)
	}
	return err
}

// Add moves a process, all its threads, into the cgroup.
func (g *Group) Add(pid int) error {
	if err := g.m.AddPid("", pid); err != nil {
		return fmt.Errorf("move process %d into its cgroup: %w", pid, err)
	}
	return nil
}

// AddTo is Add of another process of the container, whose first is init. In v2
// a cgroup that hands controllers on holds no processes: if the container's does,
// init has moved further down, and so does pid.
func (g *Group) AddTo(init, pid int) error {
	err := g.Add(pid)
	if _, v2 := g.m.(*fs2.Manager); !v2 || !errors.Is(err, unix.EBUSY) {
		return err
	}
	own, readErr := cgroups.ParseCgroupFile("/proc/" + strconv.Itoa(init) + "/cgroup")
	sub, below := strings.CutPrefix(filepath.Join(mountpoint, own[""]), g.m.Path("")+"/")
	if readErr != nil || !below {
		return err
	}
	if err := g.m.AddPid(sub, pid); err != nil {
		return fmt.Errorf("move process %d into the cgroup of process %d: %w", pid, init, err)
	}
	return nil
}

// Update sets the limits that r names. Device rules, if it has any, replace
// those that there are: in v2 at once, in v1 while nothing in the cgroup runs.
func (g *Group) Update(r *specs.LinuxResources) error {
	_, v2 := g.m.(*fs2.Manager)
	if err := g.check(demands(r), v2); err != nil {
		return err
	}
	devices, err := deviceSetter(r, v2)
	if err != nil {
		return err
	}
	if devices == nil || v2 || g.Frozen() {
		return g.set(convert(r), devices)
	}
	if err := g.Pause(); err != nil {
		return fmt.Errorf("linux.resources.devices: %w", err)
	}
	return errors.Join(g.set(convert(r), devices), g.Resume())
}

// Remove removes the directories and what the container has made below them;
// that they are gone is no error. Processes keep them: end those first.
func (g *Group) Remove() error {
	// The library's map loses what it has removed.
	paths := g.Paths()
	if err := cgroups.RemovePaths(paths); err != nil {
		return fmt.Errorf("remove the cgroup: %w", err)
	}
	return nil
}
