package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	"github.com/nsboot/nsboot/pathres"
)

// createFlags are the flags of create.
type createFlags struct {
	runFlags
}

func createCommand(a *app, args []string) (int, error) {
	var f createFlags
	fs := newFlags("create")
	fs.StringVarP(&f.bundle, "bundle", "b", ".", "the bundle's directory: config.json is in it")
	fs.StringVar(&f.pidFile, "pid-file", "", "write the process's pid to FILE")
	fs.StringVar(&f.plan, "plan", "", "replay the plan recorded in FILE by plan --format json")
	fs.StringVar(&f.sourceFDs, "source-fds", "", "descriptors of the root and of each bind, in config.json's order: 3,4,5")
	fs.IntVar(&f.preserve, "preserve-fds", 0, "keep that many descriptors from 3 on open in the process")
	fs.StringVar(&f.console, "console-socket", "", "hand the process's terminal over at the AF_UNIX socket S")
	fs.Bool("no-pivot", false, "accepted: the root is switched by pivot_root all the same")
	fs.Bool("no-new-keyring", false, "accepted: no keyring is ever made")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	id, err := oneID(fs)
	if err != nil {
		return 0, err
	}
	a.log.holdWarnings()
	a.log.holdUnlessRoot()
	b, err := a.loadBundle(f.bundle)
	if err != nil {
		return 0, err
	}
	if err := a.asRoot("create", b.spec); err != nil {
		return 0, err
	}
	return 0, a.create(id, b, &f.runFlags)
}

// create makes a container whose process waits for start.
func (a *app) create(id string, b *bundle, f *runFlags) error {
	sandbox, err := a.joinPod(b)
	if err != nil {
		return err
	}
	if sandbox != nil {
		defer sandbox.Close()
	}
	p, err := a.prepare(b, f)
	if err != nil {
		return err
	}
	if err := checkConsole(p.process.Terminal, true, f.console); err != nil {
		return err
	}
	p.opts.Pod = podOf(sandbox, id)
	c, err := a.global.store().Create(id)
	if err != nil {
		return err
	}
	g, err := a.newCgroup(b, id)
	if err != nil {
		c.Remove()
		return err
	}
	h := a.newHooks(b, id, p.plan.Profile)
	p.opts.Moments = h.moments()
	p.use(g)
	p.opts.Listener = listener(p.process, creating(b, id))
	if err := describe(c, b, p, h, f); err != nil {
		err = errors.Join(err, dropCgroup(&c.State))
		c.Remove()
		return err
	}
	if err := a.createProcess(c, p, f.pidFile); err != nil {
		err = errors.Join(sayNotFound(err), dropCgroup(&c.State))
		c.Remove()
		return err
	}
	c.Close()
	return nil
}

// describe fills in what is known of a container before it has a process.
func describe(c *container.Container, b *bundle, p *prepared, h *hooks, f *runFlags) error {
	process, err := json.Marshal(p.process)
	if err != nil {
		return err
	}
	c.State = container.State{
		Version: b.spec.Version, ID: c.ID, Bundle: b.dir, Profile: p.plan.Profile, Created: time.Now().UTC(),
		Executable: p.process.Args[0], Process: process, Annotations: b.spec.Annotations,
		Hooks: h.record(), Stubs: p.places(), Sandbox: p.plan.Sandbox(), Cgroups: p.opts.Cgroups, SourceFDs: f.sourceFDs != "",
	}
	return nil
}

// save records a container as it is described, with its plan: ahead of what
// happens, so that whatever a SIGKILL leaves is found by delete.
func save(c *container.Container, p *prepared) error {
	plan, err := json.MarshalIndent(p.plan, "", "  ")
	if err == nil {
		err = c.SavePlan(plan)
	}
	if err == nil {
		err = c.Save()
	}
	return err
}

// sayNotFound adds the words that clients look for in what a runtime says.
func sayNotFound(err error) error {
	var look *pathres.LookError
	if errors.As(err, &look) && errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: executable file not found in $PATH", err)
	}
	return err
}

// places lists the directories that mount points may be made in: more than will
// be, but known beforehand.
func (p *prepared) places() (dirs []string) {
	for i := range p.plan.Steps {
		s := &p.plan.Steps[i]
		if s.Op != nsmount.OpRoot && s.Op != nsmount.OpBind {
			continue
		}
		if st, err := os.Stat(s.Source); err == nil && st.IsDir() && !slices.Contains(dirs, s.Source) {
			dirs = append(dirs, s.Source)
		}
	}
	for _, fd := range p.opts.Sources {
		if dir, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// createProcess boots up to the exec. The record is ahead of what happens, so
// that whatever a SIGKILL leaves is found by delete.
func (a *app) createProcess(c *container.Container, p *prepared, pidFile string) error {
	plan, err := json.MarshalIndent(p.plan, "", "  ")
	if err == nil {
		err = c.SavePlan(plan)
	}
	if err == nil {
		err = c.Save()
	}
	if err == nil {
		err = a.makeCgroup(c, p.group)
	}
	if err != nil {
		return err
	}
	made, err := nsmount.Create(p.plan, p.process, p.opts, nsmount.HoldOptions{
		StartFIFO: c.StartFIFO(), OutcomeFIFO: c.OutcomeFIFO(),
		Forked: func(pid int, start uint64) error {
			c.State.Pid, c.State.StartTime = pid, start
			return c.Save()
		},
	})
	if err != nil {
		return err
	}
	c.State.Stubs, c.State.Ready = made.Stubs, true
	if c.State.MountNS, err = container.MountNS(made.Pid); err == nil {
		err = c.Save()
	}
	if err == nil && pidFile != "" {
		err = writeFile(pidFile, strconv.Itoa(made.Pid))
	}
	if err != nil {
		container.Kill(&c.State)
		a.leavePod(&c.State)
		a.sweep(&c.State)
	}
	return err
}

// writeFile replaces a file at once: whoever waits for it never reads half.
func writeFile(name, text string) error {
	tmp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := os.Rename(tmp, name); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// sweep removes the mount points that a dead container has left on the host.
func (a *app) sweep(state *container.State) error {
	for _, base := range state.Stubs {
		if err := nsmount.SweepStubs(a.global.stubsDir(), base); err != nil {
			return err
		}
	}
	return nil
}
