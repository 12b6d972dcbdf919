package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/nsboot/nsboot/internal/cgroup"
	"github.com/nsboot/nsboot/internal/config"
	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// manager is who makes cgroups, and the flag that says so.
func (g *globals) manager() (name, flag string) {
	switch {
	case g.cgroups != "" && g.cgroups != "auto":
		return g.cgroups, "--cgroup-manager=" + g.cgroups
	case g.systemd:
		return "systemd", "--systemd-cgroup"
	}
	return "auto", ""
}

// ownCgroup decides whether the process gets a cgroup of its own: where the
// config asks for one and no flag forbids it, or where a flag demands it.
func (g *globals) ownCgroup(spec *specs.Spec) (own bool, warning string) {
	wants := config.WantsCgroup(spec, g.ignore)
	switch name, flag := g.manager(); name {
	case "disabled":
		return false, ""
	case "cgroupfs":
		return true, ""
	case "systemd":
		if !wants {
			return false, flag + ": not applied by this build: the process stays in the cgroup of its caller"
		}
	}
	return wants, ""
}

// newCgroup works out the container's cgroup and makes nothing yet; nil: it has
// none.
func (a *app) newCgroup(b *bundle, id string) (*cgroup.Group, error) {
	if !b.ownCgroup {
		return nil, nil
	}
	if name, flag := a.global.manager(); name == "systemd" {
		return nil, &usageError{msg: flag + ": config.json asks for a cgroup (linux.resources, linux.cgroupsPath), and this build makes none through systemd", hint: "--cgroup-manager=cgroupfs makes it directly; disabled boots without"}
	}
	path, r := config.CgroupSettings(b.spec, a.global.ignore)
	g, err := cgroup.New(id, path, r)
	if err != nil {
		return nil, withoutCgroup(err)
	}
	return g, nil
}

// withoutCgroup adds how to boot all the same.
func withoutCgroup(err error) error {
	if err == nil {
		return nil
	}
	return hinted(err, "--cgroup-manager=disabled boots without a cgroup, --ignore linux.resources without limits")
}

// use has a boot show the cgroup and put the process there before any hook.
func (p *prepared) use(g *cgroup.Group) {
	if g == nil {
		return
	}
	p.group, p.opts.Cgroups = g, g.Paths()
	var m nsmount.Moments
	if p.opts.Moments != nil {
		m = *p.opts.Moments
	}
	hooks := m.Runtime
	m.Runtime = func(pid int) error {
		err := g.Add(pid)
		if err == nil && hooks != nil {
			err = hooks(pid)
		}
		return err
	}
	p.opts.Moments = &m
}

// cgroupsDir is where the cgroups of runs in the foreground are journalled.
func (g *globals) cgroupsDir() string { return filepath.Join(g.store().Root, "cgroups") }

// foreground makes the cgroup of a run in the foreground. end ends what
// is left in it and removes it.
func (a *app) foreground(g *cgroup.Group) (end func() error, err error) {
	if g == nil {
		return func() error { return nil }, nil
	}
	dir := a.global.cgroupsDir()
	cgroup.Sweep(dir)
	forget, err := g.Journal(dir)
	if err != nil {
		return nil, err
	}
	if err := g.Create(); err != nil {
		forget()
		return nil, withoutCgroup(err)
	}
	return func() error {
		err := endCgroup(g)
		if err == nil {
			forget()
		}
		return err
	}, nil
}

func endCgroup(g *cgroup.Group) error {
	if err := g.Kill(); err != nil {
		return err
	}
	return g.Remove()
}

// makeCgroup makes the cgroup of a container whose record has it already. Of
// two containers of one cgroup the other's end would be this one's.
func (a *app) makeCgroup(c *container.Container, g *cgroup.Group) error {
	if g == nil {
		return nil
	}
	all, err := a.global.store().List()
	for i := range all {
		if other := &all[i]; other.ID != c.ID && len(other.Cgroups) > 0 && maps.Equal(other.Cgroups, c.State.Cgroups) {
			c.State.Cgroups = nil // not this one's to remove
			return errors.Join(fmt.Errorf("linux.cgroupsPath: the cgroup is that of container %s", other.ID), c.Save())
		}
	}
	if err != nil {
		return err
	}
	return withoutCgroup(g.Create())
}

// groupOf takes up a recorded container's cgroup; nil: it has none.
func groupOf(s *container.State) (*cgroup.Group, error) {
	if len(s.Cgroups) == 0 {
		return nil, nil
	}
	g, err := cgroup.Open(s.Cgroups)
	if err != nil {
		return nil, fmt.Errorf("container %s: its cgroup: %w", s.ID, err)
	}
	return g, nil
}

// dropCgroup ends what is in a container's cgroup and removes it.
func dropCgroup(s *container.State) error {
	g, err := groupOf(s)
	if err != nil || g == nil {
		return err
	}
	return endCgroup(g)
}

// joiner puts an executed process into the cgroup of the container whose first
// process is init; nil: it has none.
func joiner(paths map[string]string, init int) (func(pid int) error, error) {
	g, err := groupOf(&container.State{Cgroups: paths})
	if err != nil || g == nil {
		return nil, err
	}
	return func(pid int) error { return g.AddTo(init, pid) }, nil
}

// status is what a container is doing; it may be paused.
func (a *app) status(s *container.State) container.Status {
	return orPaused(s, s.Status(a.global.store().Facts(s)))
}

// orPaused tells a running container from one whose cgroup is frozen.
func orPaused(s *container.State, status container.Status) container.Status {
	if status == container.Running {
		if g, err := groupOf(s); err == nil && g != nil && g.Frozen() {
			return container.Paused
		}
	}
	return status
}

// signalAll sends sig to all processes of a container: those in its cgroup and,
// to end them, those that have left it as well.
func signalAll(s *container.State, sig unix.Signal) error {
	g, err := groupOf(s)
	if err != nil {
		return err
	}
	if g == nil {
		return container.SignalAll(s, sig)
	}
	if err := g.Signal(sig); err != nil || sig != unix.SIGKILL {
		return err
	}
	return errors.Join(container.SignalAll(s, sig), thaw(g))
}

// processes lists those in the container's mount namespace and in its cgroup.
func processes(s *container.State) ([]int, error) {
	pids, err := container.Processes(s)
	if err != nil {
		return nil, err
	}
	g, err := groupOf(s)
	if err != nil || g == nil {
		return pids, err
	}
	more, err := g.Pids()
	pids = append(pids, more...)
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// thaw lets a frozen container's processes meet the signal that ends them.
func thaw(g *cgroup.Group) error {
	if g == nil || !g.Frozen() {
		return nil
	}
	return g.Resume()
}
