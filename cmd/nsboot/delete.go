package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/nsboot/nsboot/internal/cgroup"
	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
)

func deleteCommand(a *app, args []string) (int, error) {
	var force bool
	fs := newFlags("delete")
	fs.BoolVarP(&force, "force", "f", false, "kill it first if it runs; it is no error that it is gone")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	id, err := oneID(fs)
	if err != nil {
		return 0, err
	}
	if err := a.asRootOf(id); err != nil {
		return 0, err
	}
	if force {
		cgroup.Sweep(a.global.cgroupsDir()) // what killed runs have left
	}
	err = a.delete(id, force)
	if force && errors.Is(err, container.ErrNotExist) {
		return 0, nil
	}
	return 0, err
}

// delete forgets a container and removes what it left on the host. What a
// process of it left running without a pid namespace ends with it.
func (a *app) delete(id string, force bool) error {
	if force {
		// Before the lock: a create of a child may be at work, and holds it.
		if state, err := a.global.store().Read(id); err == nil && nsmount.IsSandbox(state.Annotations) {
			if err := a.deleteChildren(id, true); err != nil {
				return err
			}
		}
		a.global.store().Unblock(id, 2*time.Second)
	}
	c, status, err := a.openForce(id, force)
	if err != nil {
		return err
	}
	defer c.Close()
	if status != container.Stopped && !force {
		return hinted(fmt.Errorf("container %s is %s: only a stopped one can be deleted", id, status), "nsboot delete --force "+id+" kills it first")
	}
	if nsmount.IsSandbox(c.State.Annotations) {
		if err := a.deleteChildren(id, force); err != nil {
			return err
		}
	}
	// Its cgroup first: a frozen process dies once that is thawed.
	if err := dropCgroup(&c.State); err != nil {
		return fmt.Errorf("container %s: %w", id, err)
	}
	if err := container.Kill(&c.State); err != nil {
		return fmt.Errorf("container %s: %w", id, err)
	}
	if err := a.leavePod(&c.State); err != nil {
		return fmt.Errorf("container %s: %w", id, err)
	}
	if err := a.sweep(&c.State); err != nil {
		return fmt.Errorf("container %s: %w", id, err)
	}
	h, err := a.recordedHooks(&c.State)
	if err == nil {
		err = c.Remove()
	}
	if err == nil {
		h.poststop()
	}
	return err
}
