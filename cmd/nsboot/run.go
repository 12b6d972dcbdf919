package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/nsmount"
)

// runFlags are the flags of run.
type runFlags struct {
	bundle, plan, sourceFDs string
	console                 string
	preserve                int
	pidFile                 string
	detach, keep            bool // of run alone
	id                      string
}

func runCommand(a *app, args []string) (int, error) {
	var f runFlags
	args, cmd, hasCmd := cutCommand(args)
	fs := newFlags("run")
	fs.StringVarP(&f.bundle, "bundle", "b", ".", "the bundle's directory: config.json is in it")
	fs.StringVar(&f.plan, "plan", "", "replay the plan recorded in FILE by plan --format json")
	fs.StringVar(&f.sourceFDs, "source-fds", "", "descriptors of the root and of each bind, in config.json's order: 3,4,5")
	fs.IntVar(&f.preserve, "preserve-fds", 0, "keep that many descriptors from 3 on open in the process")
	fs.BoolVarP(&f.detach, "detach", "d", false, "create the container ID, start it and leave it: nsboot delete ends it")
	fs.StringVar(&f.pidFile, "pid-file", "", "with an ID: write the process's pid to FILE")
	fs.StringVar(&f.console, "console-socket", "", "with --detach: hand the process's terminal over at the AF_UNIX socket S")
	fs.BoolVar(&f.keep, "keep", false, "keep the record of the container ID when its process has ended, until nsboot delete")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if fs.NArg() > 1 {
		return 0, &usageError{msg: fmt.Sprintf("unexpected argument %q after the ID", fs.Arg(1)), hint: "a command for the container goes after --: nsboot run -- " + strings.Join(fs.Args()[1:], " ")}
	}
	if fs.NArg() == 1 {
		if err := checkID(fs.Arg(0)); err != nil {
			return 0, err
		}
		f.id = fs.Arg(0)
	}
	if err := f.checkDetach(fs.NArg() == 1); err != nil {
		return 0, err
	}
	if hasCmd && len(cmd) == 0 {
		return 0, &usageError{msg: "nothing after --", hint: "leave -- out to run process.args of config.json"}
	}
	if f.detach {
		a.log.holdWarnings()
	}
	a.log.holdUnlessRoot()
	b, err := a.loadBundle(f.bundle)
	if err != nil {
		return 0, err
	}
	if hasCmd && b.spec.Process != nil {
		b.spec.Process.Args = cmd
	}
	if err := a.asRoot("run", b.spec); err != nil {
		return 0, err
	}
	if f.detach {
		return 0, a.detach(fs.Arg(0), b, &f)
	}
	return a.boot(b, &f)
}

// checkDetach refuses what makes sense only for a container that has a name, or
// that outlives the command.
func (f *runFlags) checkDetach(hasID bool) error {
	const hint = "nsboot run --detach ID leaves a container behind"
	switch {
	case f.detach && !hasID:
		return &usageError{msg: "run --detach: no ID: the container could not be named afterwards", hint: "nsboot run --detach web"}
	case !hasID && f.keep:
		return &usageError{msg: "--keep: no ID: the container could not be named afterwards", hint: "nsboot run --keep web"}
	case !f.detach && f.console != "":
		return &usageError{msg: "--console-socket: a run in the foreground uses the terminal that it was started on", hint: hint}
	case !hasID && f.pidFile != "":
		return &usageError{msg: "--pid-file: no ID: a run without one ends with its process", hint: "nsboot run --pid-file FILE web"}
	}
	return nil
}

// detach is create and start; what could not be started is deleted.
func (a *app) detach(id string, b *bundle, f *runFlags) error {
	if err := a.create(id, b, f); err != nil {
		return err
	}
	if err := a.start(id); err != nil {
		return errors.Join(err, a.delete(id, true))
	}
	return nil
}

// cutCommand splits the arguments at --.
func cutCommand(args []string) (own, cmd []string, has bool) {
	for i, s := range args {
		if s == "--" {
			return args[:i], args[i+1:], true
		}
	}
	return args, nil, false
}

// boot runs the bundle. It returns only where something is left to do.
func (a *app) boot(b *bundle, f *runFlags) (int, error) {
	p, err := a.prepare(b, f)
	if err != nil {
		return 0, err
	}
	if sandbox := p.plan.Sandbox(); sandbox != "" {
		return 0, hinted(fmt.Errorf("the container belongs to the pod of %s: a run in the foreground does not take it away from there again (K4)", sandbox), "nsboot run --detach ID, or create and start")
	}
	id := f.id
	if id == "" {
		id = "nsboot-" + strconv.Itoa(os.Getpid())
	}
	g, err := a.newCgroup(b, id)
	if err != nil {
		return 0, err
	}
	h := a.newHooks(b, id, p.plan.Profile)
	p.opts.Moments = h.moments()
	p.opts.Listener = listener(p.process, creating(b, id))
	p.use(g)
	end, err := a.foreground(g)
	if err != nil {
		return 0, err
	}
	if h != nil {
		h.cgroups = p.opts.Cgroups
	}
	r, err := a.recordRun(b, p, h, f)
	if err != nil {
		return 0, errors.Join(err, end())
	}
	code, err := nsmount.Boot(p.plan, p.process, p.opts)
	err = errors.Join(err, end())
	over, rerr := r.end(err != nil)
	if over {
		h.poststop()
	}
	return code, errors.Join(err, rerr)
}
