package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/fs2"
	"golang.org/x/sys/unix"
)

// Pids lists the processes in the cgroup and below it, in any hierarchy.
func (g *Group) Pids() ([]int, error) {
	var all []int
	for _, dir := range g.m.GetPaths() {
		pids, err := cgroups.GetAllPids(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			return nil, fmt.Errorf("cgroup %s: %w", dir, err)
		}
		all = append(all, pids...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Signal sends sig to every process. They stand still meanwhile, where the host
// can do that, so that none escapes by starting another.
func (g *Group) Signal(sig unix.Signal) error {
	if _, v2 := g.m.(*fs2.Manager); v2 && sig == unix.SIGKILL {
		if cgroups.WriteFile(g.m.Path(""), "cgroup.kill", "1") == nil { // since Linux 5.14
			return nil
		}
	}
	if g.Frozen() || g.Pause() != nil {
		return g.signal(sig)
	}
	return errors.Join(g.signal(sig), g.Resume())
}

// signal opens each process and then looks for it once more: a recycled pid is
// not hit.
func (g *Group) signal(sig unix.Signal) error {
	before, err := g.Pids()
	if err != nil {
		return err
	}
	fds := map[int]int{}
	for _, pid := range before {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			defer unix.Close(fd)
			fds[pid] = fd
		}
	}
	now, err := g.Pids()
	if err != nil {
		return err
	}
	for _, pid := range now {
		fd, ok := fds[pid]
		if !ok {
			continue
		}
		if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("process %d: %w", pid, err)
		}
	}
	return nil
}

// Kill ends every process and waits until none is left. A frozen one dies, too:
// it is thawed, by whomever it was frozen.
func (g *Group) Kill() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		pids, err := g.Pids()
		if err != nil || len(pids) == 0 {
			return err
		}
		if err := g.Signal(unix.SIGKILL); err != nil {
			return err
		}
		if err := g.thaw(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v do not die: %w", pids, unix.ETIMEDOUT)
		}
	}
}

// thaw undoes Pause, and in v1 what the container itself has frozen below its own
// cgroup: there a frozen process waits with its death, too.
func (g *Group) thaw() error {
	if g.Frozen() {
		if err := g.Resume(); err != nil {
			return err
		}
	}
	dir := g.m.GetPaths()["freezer"]
	if dir == "" {
		return nil
	}
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && name != dir {
			err = cgroups.WriteFile(name, "freezer.state", string(cgroups.Thawed))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("freezer: %w", err)
		}
		return nil
	})
}

// Pause freezes every process; Resume lets them go on.
func (g *Group) Pause() error { return g.freeze(cgroups.Frozen) }

// Resume undoes Pause.
func (g *Group) Resume() error { return g.freeze(cgroups.Thawed) }

func (g *Group) freeze(state cgroups.FreezerState) error {
	if err := g.m.Freeze(state); err != nil {
		return fmt.Errorf("freezer: %w", err)
	}
	return nil
}

// Frozen reports whether Pause is in force.
func (g *Group) Frozen() bool {
	state, err := g.m.GetFreezerState()
	return err == nil && state == cgroups.Frozen
}
