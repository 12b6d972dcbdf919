package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hooks are config.json's hooks with what they are told of the container.
type hooks struct {
	app   *app
	spec  *specs.Hooks
	state stateJSON

	cgroups map[string]string // of the container, as its record has them
}

// newHooks returns nil where there is nothing to run.
func (a *app) newHooks(b *bundle, id, profile string) *hooks {
	h := b.spec.Hooks
	if h == nil {
		return nil
	}
	//lint:ignore SA1019 deprecated, and honoured
	if len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer)+len(h.StartContainer)+len(h.Poststart)+len(h.Poststop) == 0 {
		return nil
	}
	return &hooks{app: a, spec: h, state: stateJSON{Version: b.spec.Version, ID: id, Bundle: b.dir, Profile: profile, Annotations: b.spec.Annotations}}
}

// record is what a container's state keeps, for start and delete.
func (h *hooks) record() json.RawMessage {
	if h == nil {
		return nil
	}
	text, _ := json.Marshal(h.spec)
	return text
}

// recordedHooks are those of a container that was created before.
func (a *app) recordedHooks(s *container.State) (*hooks, error) {
	if len(s.Hooks) == 0 {
		return nil, nil
	}
	h := &hooks{app: a, cgroups: s.Cgroups, state: stateJSON{Version: s.Version, ID: s.ID, Bundle: s.Bundle, Profile: s.Profile, Annotations: s.Annotations}}
	if err := json.Unmarshal(s.Hooks, &h.spec); err != nil {
		return nil, fmt.Errorf("container %s: its record of hooks: %w", s.ID, err)
	}
	return h, nil
}

// moments are the hooks that belong to a boot, at runtime-spec's places.
func (h *hooks) moments() *nsmount.Moments {
	if h == nil {
		return nil
	}
	return &nsmount.Moments{
		Runtime: func(pid int) error {
			//lint:ignore SA1019 deprecated, and honoured
			if err := h.run("prestart", h.spec.Prestart, container.Creating, pid); err != nil {
				return err
			}
			return h.run("createRuntime", h.spec.CreateRuntime, container.Creating, pid)
		},
		Container: func(pid int) error {
			return h.run("createContainer", h.spec.CreateContainer, container.Creating, pid)
		},
		Start:   h.startContainer,
		Started: h.poststart,
	}
}

// startContainer runs the hooks that are executed inside the container, found
// there too.
func (h *hooks) startContainer(pid int) error {
	if h == nil || len(h.spec.StartContainer) == 0 {
		return nil
	}
	start, err := container.StartTime(pid)
	if err != nil {
		return fmt.Errorf("hooks.startContainer: %w", err)
	}
	t := nsmount.Target{Pid: pid, StartTime: start, Profile: h.state.Profile}
	for i, hook := range h.spec.StartContainer {
		if err := h.inside(t, hook, pid); err != nil {
			return fmt.Errorf("hooks.startContainer[%d] %s: %w", i, hook.Path, err)
		}
	}
	return nil
}

// inside runs one hook in the container, with the state on its standard input
// and the capabilities that nsboot has.
func (h *hooks) inside(t nsmount.Target, hook specs.Hook, pid int) error {
	state, err := h.stateFile(container.CreatedS, pid)
	if err != nil {
		return err
	}
	defer state.Close()
	p := &nsmount.Process{Args: hookArgs(hook), Env: hook.Env, Cwd: "/"}
	if p.Capabilities, err = nsmount.OwnCapabilities(); err != nil {
		return err
	}
	join, err := joiner(h.cgroups, pid)
	if err != nil {
		return err
	}
	type result struct {
		code int
		err  error
	}
	done := make(chan result, 1)
	go func() { // Exec takes the thread for good
		code, err := nsmount.Exec(t, p, nsmount.ExecOptions{Path: hook.Path, Stdin: int(state.Fd()), Forked: join, Timeout: timeout(hook)})
		done <- result{code, err}
	}()
	r := <-done
	if r.err == nil && r.code != 0 {
		r.err = fmt.Errorf("exit status %d", r.code)
	}
	return r.err
}

// stateFile is the state in a file without a name, to be read from the start.
func (h *hooks) stateFile(status container.Status, pid int) (*os.File, error) {
	fd, err := unix.MemfdCreate("state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("state for the hook: %w", err)
	}
	f := os.NewFile(uintptr(fd), "state")
	if _, err := f.Write(h.stateText(status, pid)); err != nil {
		f.Close()
		return nil, err
	}
	_, err = f.Seek(0, 0)
	return f, err
}

func (h *hooks) stateText(status container.Status, pid int) []byte {
	s := h.state
	s.Status, s.Pid = status, pid
	text, _ := json.Marshal(s)
	return text
}

// poststart warns of a hook that fails: the process is running by now.
func (h *hooks) poststart(pid int) error {
	if h == nil {
		return nil
	}
	h.warn("poststart", h.spec.Poststart, container.Running, pid)
	return nil
}

func (h *hooks) poststop() {
	if h != nil {
		h.warn("poststop", h.spec.Poststop, container.Stopped, 0)
	}
}

// warn runs hooks of which each has its turn whatever becomes of the others.
func (h *hooks) warn(kind string, list []specs.Hook, status container.Status, pid int) {
	for i, hook := range list {
		if err := runHook(hook, h.stateText(status, pid)); err != nil {
			h.app.log.warning(fmt.Sprintf("hooks.%s[%d] %s: %v", kind, i, hook.Path, err))
		}
	}
}

// run runs hooks of which the first to fail ends the container.
func (h *hooks) run(kind string, list []specs.Hook, status container.Status, pid int) error {
	for i, hook := range list {
		if err := runHook(hook, h.stateText(status, pid)); err != nil {
			return fmt.Errorf("hooks.%s[%d] %s: %w", kind, i, hook.Path, err)
		}
	}
	return nil
}

func hookArgs(hook specs.Hook) []string {
	if len(hook.Args) > 0 {
		return hook.Args
	}
	return []string{hook.Path}
}

func timeout(hook specs.Hook) time.Duration {
	if hook.Timeout == nil {
		return 0
	}
	return time.Duration(*hook.Timeout) * time.Second
}

// runHook runs one hook with the state on its standard input; what it prints
// is part of the error if it fails.
func runHook(hook specs.Hook, state []byte) error {
	ctx := context.Background()
	if d := timeout(hook); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, hook.Path)
	cmd.Args, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = hookArgs(hook), hook.Env, bytes.NewReader(state), &out, &out
	if cmd.Env == nil {
		cmd.Env = []string{} // its own, not nsboot's
	}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("killed after its timeout of %v", timeout(hook))
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it left something running that holds its output
	case err != nil && out.Len() > 0:
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(out.String()))
	}
	return err
}

// checkHooks names what no hook can be.
func checkHooks(h *specs.Hooks) error {
	if h == nil {
		return nil
	}
	//lint:ignore SA1019 deprecated, and honoured
	kinds := map[string][]specs.Hook{"prestart": h.Prestart, "createRuntime": h.CreateRuntime, "createContainer": h.CreateContainer,
		"startContainer": h.StartContainer, "poststart": h.Poststart, "poststop": h.Poststop}
	for kind, list := range kinds {
		for i, hook := range list {
			switch {
			case !filepath.IsAbs(hook.Path):
				return fmt.Errorf("hooks.%s[%d].path: %q is not absolute", kind, i, hook.Path)
			case hook.Timeout != nil && *hook.Timeout <= 0:
				return fmt.Errorf("hooks.%s[%d].timeout: %d: must be over 0", kind, i, *hook.Timeout)
			}
		}
	}
	return nil
}
