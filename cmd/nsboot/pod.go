package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
)

// joinPod finds the sandbox container of a child of a pod (K4) and keeps it from
// being deleted until the child is recorded and made: close what is returned,
// which is nil for any other container. What the sandbox container's annotations
// say of shared mounts holds for the bundle from here on.
func (a *app) joinPod(b *bundle) (*container.Container, error) {
	id, err := nsmount.SandboxOf(b.spec.Annotations)
	if err != nil || id == "" {
		return nil, err
	}
	store := a.global.store()
	c, err := store.Share(id)
	if err != nil {
		return nil, hinted(fmt.Errorf("the pod's sandbox: %w", err), "create the sandbox container first; both under the same --root")
	}
	if !nsmount.IsSandbox(c.State.Annotations) {
		c.Close()
		return nil, fmt.Errorf("the pod's sandbox: container %s is none: its annotations do not say so (K4)", id)
	}
	status := c.State.Status(store.FactsLocked(&c.State))
	if status != container.CreatedS && status != container.Running {
		c.Close()
		return nil, fmt.Errorf("the pod's sandbox: container %s is %s", id, status)
	}
	b.pod = c.State.Annotations
	return c, nil
}

// podOf is the boot's view of joinPod's answer.
func podOf(sandbox *container.Container, id string) *nsmount.Pod {
	if sandbox == nil {
		return nil
	}
	return &nsmount.Pod{Sandbox: target(&sandbox.State), ID: id}
}

func target(s *container.State) nsmount.Target {
	return nsmount.Target{Pid: s.Pid, StartTime: s.StartTime, Profile: s.Profile}
}

// leavePod takes a child away from what its sandbox container sees (K5). Any
// process that is still in the sandbox container's mount namespace shows the way.
func (a *app) leavePod(child *container.State) error {
	if child.Sandbox == "" {
		return nil
	}
	sandbox, err := a.global.store().Read(child.Sandbox)
	if errors.Is(err, container.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	t := target(&sandbox)
	if ns, err := container.MountNS(t.Pid); err != nil || ns != sandbox.MountNS || !container.Alive(t.Pid, t.StartTime) {
		pids, err := container.Processes(&sandbox)
		if err != nil || len(pids) == 0 {
			return err
		}
		t.Pid = pids[0]
		if t.StartTime, err = container.StartTime(t.Pid); err != nil {
			return nil // it has ended
		}
	}
	return nsmount.RemoveFromPod(nsmount.Pod{Sandbox: t, ID: child.ID})
}

// children lists the containers of the pod whose sandbox container id is. Records
// that cannot be read are not its.
func (a *app) children(id string) (ids []string) {
	list, _ := a.global.store().List()
	for i := range list {
		if list[i].Sandbox == id {
			ids = append(ids, list[i].ID)
		}
	}
	return ids
}

// deleteChildren has a sandbox container go after its children, or, with force,
// take them along.
func (a *app) deleteChildren(id string, force bool) error {
	ids := a.children(id)
	if len(ids) == 0 {
		return nil
	}
	if !force {
		return hinted(fmt.Errorf("container %s is the sandbox of %s: they are deleted first", id, strings.Join(ids, ", ")),
			"nsboot delete --force "+id+" takes them along")
	}
	for _, child := range ids {
		if err := a.delete(child, true); err != nil && !errors.Is(err, container.ErrNotExist) {
			return err
		}
	}
	return nil
}
