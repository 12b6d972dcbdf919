package main

import (
	"fmt"
	"io"
	"os"

	"github.com/nsboot/nsboot/internal/cgroup"
	"github.com/nsboot/nsboot/internal/config"
	"github.com/nsboot/nsboot/internal/container"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func pauseCommand(a *app, args []string) (int, error) {
	return a.freezeCommand("pause", container.Running, (*cgroup.Group).Pause, args)
}

func resumeCommand(a *app, args []string) (int, error) {
	return a.freezeCommand("resume", container.Paused, (*cgroup.Group).Resume, args)
}

// freezeCommand is pause or resume, of a container that is in state from.
func (a *app) freezeCommand(name string, from container.Status, do func(*cgroup.Group) error, args []string) (int, error) {
	fs := newFlags(name)
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	id, err := oneID(fs)
	if err != nil {
		return 0, err
	}
	state, g, err := a.withCgroup(id)
	if err != nil {
		return 0, err
	}
	if status := a.status(&state); status != from {
		return 0, fmt.Errorf("container %s is %s: %s is for a %s one", id, status, name, from)
	}
	return 0, do(g)
}

// withCgroup reads a container that must have a cgroup of its own.
func (a *app) withCgroup(id string) (container.State, *cgroup.Group, error) {
	state, err := a.global.store().Read(id)
	if err != nil {
		return state, nil, err
	}
	g, err := groupOf(&state)
	if err == nil && g == nil {
		err = hinted(fmt.Errorf("container %s has no cgroup of its own", id), "it gets one by linux.cgroupsPath, by limits in linux.resources, or by nsboot --cgroup-manager=cgroupfs create")
	}
	return state, g, err
}

func updateCommand(a *app, args []string) (int, error) {
	var file string
	fs := newFlags("update")
	fs.StringVarP(&file, "resources", "r", "", "take the limits from FILE, a linux.resources object of config.json; - is standard input")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	id, err := oneID(fs)
	if err != nil {
		return 0, err
	}
	if file == "" {
		return 0, &usageError{msg: "update: no --resources", hint: "nsboot update --resources FILE " + id}
	}
	r, err := a.readResources(file)
	if err != nil {
		return 0, err
	}
	state, g, err := a.withCgroup(id)
	if err != nil {
		return 0, err
	}
	if status := a.status(&state); status == container.Stopped || status == container.Creating {
		return 0, fmt.Errorf("container %s is %s: its limits cannot be changed", id, status)
	}
	return 0, g.Update(r)
}

// readResources reads a resources object of config.json.
func (a *app) readResources(file string) (*specs.LinuxResources, error) {
	in := os.Stdin
	if file != "-" {
		var err error
		if in, err = os.Open(file); err != nil {
			return nil, fmt.Errorf("--resources: %w", err)
		}
		defer in.Close()
	}
	text, err := io.ReadAll(io.LimitReader(in, 16<<20))
	if err != nil {
		return nil, fmt.Errorf("--resources %s: %w", file, err)
	}
	whole := fmt.Appendf(nil, `{"ociVersion":%q,"root":{"path":"/"},"linux":{"resources":%s}}`, specs.Version, text)
	c, err := config.Decode(whole)
	if err != nil {
		return nil, fmt.Errorf("--resources %s: %w", file, err)
	}
	for _, w := range c.Warnings {
		a.log.warning(w)
	}
	if _, _, err := config.Check(c.Spec, nil); err != nil {
		return nil, fmt.Errorf("--resources %s: %w", file, err)
	}
	if c.Spec.Linux.Resources == nil {
		return &specs.LinuxResources{}, nil
	}
	return c.Spec.Linux.Resources, nil
}
