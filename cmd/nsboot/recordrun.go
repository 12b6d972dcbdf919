package main

import (
	"errors"
	"strconv"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
)

// runRecord is a run in the foreground that has an ID: as long as it lasts the
// container is there for the other commands. Without an ID nothing is recorded.
type runRecord struct {
	app     *app
	c       *container.Container
	id      string
	keep    bool
	pidFile string
	next    nsmount.Moments // what else belongs to the boot
}

// recordRun records the container that is about to boot, and has the boot tell of
// its process.
func (a *app) recordRun(b *bundle, p *prepared, h *hooks, f *runFlags) (*runRecord, error) {
	if f.id == "" {
		return nil, nil
	}
	c, err := a.global.store().Create(f.id)
	if err != nil {
		return nil, err
	}
	if err = describe(c, b, p, h, f); err == nil {
		err = save(c, p)
	}
	if err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	r := &runRecord{app: a, c: c, id: f.id, keep: f.keep, pidFile: f.pidFile}
	if p.opts.Moments != nil {
		r.next = *p.opts.Moments
	}
	moments := r.next
	moments.Runtime, moments.Started = r.runtime, r.started
	p.opts.Moments = &moments
	return r, nil
}

// runtime is told of the process when all is mounted.
func (r *runRecord) runtime(pid int) error {
	start, err := container.StartTime(pid)
	if err == nil {
		r.c.State.Pid, r.c.State.StartTime = pid, start
		err = r.c.Save()
	}
	if err == nil && r.next.Runtime != nil {
		err = r.next.Runtime(pid)
	}
	return err
}

// started is told when it has become the program. It may be over again already.
func (r *runRecord) started(pid int) error {
	ns, err := container.MountNS(pid)
	if err == nil {
		r.c.State.MountNS = ns
	}
	r.c.State.Ready = true
	err = r.c.Save()
	r.c.Close()
	if err == nil && r.pidFile != "" {
		err = writeFile(r.pidFile, strconv.Itoa(pid))
	}
	if r.next.Started != nil {
		err = errors.Join(err, r.next.Started(pid))
	}
	return err
}

// end forgets the container, unless it is to be kept. It is not over if it stays,
// or if somebody has deleted it meanwhile and seen to all that belongs to its end.
func (r *runRecord) end(failed bool) (over bool, err error) {
	if r == nil {
		return true, nil
	}
	r.c.Close()
	if r.keep && !failed {
		return false, nil
	}
	c, err := r.app.global.store().Open(r.id, true)
	if errors.Is(err, container.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	return true, c.Remove()
}
