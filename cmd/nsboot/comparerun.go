package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nsboot/nsboot/internal/config"
	"github.com/nsboot/nsboot/internal/fsview"
	"github.com/nsboot/nsboot/internal/trial"
	"github.com/nsboot/nsboot/internal/viewdiff"
	"github.com/nsboot/nsboot/nsmount"
	"golang.org/x/sys/unix"
)

// contest is a bundle booted under nsboot and under others.
type contest struct {
	*trial.Trial
	app      *app
	flags    *compareFlags
	progress *progress
	views    []*recorded // nsboot's first
	failures []viewdiff.Failure
}

// recorded is the view of one runtime, in a scratch file.
type recorded struct {
	trial.Runtime
	file *os.File
}

// compareRuntimes boots the bundle under nsboot and the others, one after the
// other: what one tries in a directory that the host has is not to be seen by
// the next.
func (a *app) compareRuntimes(f *compareFlags) (int, error) {
	started := time.Now()
	others, err := a.others(f.with)
	if err != nil {
		return 0, err
	}
	if err := needRoot("compare"); err != nil {
		return 0, err
	}
	bundle, err := bundleOf(f.bundle)
	if err != nil {
		return 0, err
	}
	if l := bundle.spec.Linux; l != nil {
		f.masked = append(append(f.masked, l.MaskedPaths...), l.ReadonlyPaths...)
	}
	ctx, signalled, stop := untilSignal()
	defer stop()
	t, err := trial.New(bundle.dir, "/proc/self/exe")
	if err != nil {
		return 0, fmt.Errorf("compare: %w", err)
	}
	c := &contest{Trial: t, app: a, flags: f, progress: newProgress(os.Stderr)}
	report, err := c.run(ctx, append([]trial.Runtime{a.itself(t.Binary())}, others...))
	c.progress.stop()
	if cerr := t.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("scratch directory: %w", cerr))
	}
	if s := signalled.Load(); s != 0 {
		return 128 + int(s), err
	}
	if err != nil {
		return 0, fmt.Errorf("compare: %w", err)
	}
	for _, failure := range report.Failures {
		a.log.error(strings.TrimSuffix("compare: "+failure.Name+" failed: "+failure.Reason+"\n"+quoted(failure.Stderr), "\n"), "")
	}
	return a.report(report, started, f)
}

// quoted marks what a runtime said as somebody else's words.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	return "  | " + strings.ReplaceAll(text, "\n", "\n  | ")
}

// bundleOf reads a bundle's config.json. What of it this build refuses is no
// matter here: nsboot itself will say so.
func bundleOf(dir string) (*bundle, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", dir, err)
	}
	c, err := config.Load(abs)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &nsmount.HintError{Err: err, HintText: "--bundle names the directory with config.json; nsboot spec writes one"}
	}
	if err != nil {
		return nil, err
	}
	return &bundle{dir: abs, spec: c.Spec}, nil
}

// untilSignal returns a context that a signal cancels, and which it was.
func untilSignal() (ctx context.Context, got *atomic.Int32, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, got := make(chan os.Signal, 1), new(atomic.Int32)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	go func() {
		if s, ok := (<-signals).(unix.Signal); ok {
			got.Store(int32(s))
			cancel()
		}
	}()
	return ctx, got, func() { signal.Stop(signals); cancel() }
}

// itself is nsboot as a runtime, with the flags that it was given.
func (a *app) itself(binary string) trial.Runtime {
	rt := trial.Runtime{Name: "nsboot", Argv: append([]string{binary}, a.global.given...)}
	if a.global.profile != nsmount.DefaultProfile {
		rt.Name += " --profile=" + a.global.profile
	}
	rt.Argv = append(rt.Argv, "--profile="+a.global.profile)
	return rt
}

// others are the runtimes to compare with.
func (a *app) others(with []string) (list []trial.Runtime, err error) {
	if len(with) == 0 {
		if _, err := exec.LookPath("runsc"); err != nil {
			return nil, &usageError{msg: "compare: there is no runsc on PATH", hint: "--with names what to compare with: nsboot compare --with 'runc'"}
		}
		with = []string{"runsc --network=none --overlay2=" + a.runscOverlay()}
	}
	for _, line := range with {
		argv, err := trial.Words(line)
		if err == nil && len(argv) == 0 {
			err = errors.New("empty")
		}
		if err != nil {
			return nil, &usageError{msg: fmt.Sprintf("--with %q: %v", line, err), hint: "a runtime and its flags: --with 'runsc --network=none'"}
		}
		if argv[0], err = exec.LookPath(argv[0]); err != nil {
			return nil, &usageError{msg: fmt.Sprintf("--with %q: %v", line, err), hint: "name it by its path"}
		}
		if argv[0], err = filepath.Abs(argv[0]); err != nil {
			return nil, fmt.Errorf("--with %q: %w", line, err)
		}
		list = append(list, trial.Runtime{Name: line, Argv: argv})
	}
	return list, nil
}

// runscOverlay is what --overlay is to runsc.
func (a *app) runscOverlay() string {
	switch what, _, _ := strings.Cut(a.global.overlay, ":"); what {
	case "root", "all":
		return what + ":memory"
	}
	return "none"
}

// run has each runtime make a view, and compares nsboot's with the others'.
func (c *contest) run(ctx context.Context, runtimes []trial.Runtime) (*viewdiff.Report, error) {
	for _, rt := range runtimes {
		if err := c.look(ctx, rt); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, nil
		}
	}
	report := &viewdiff.Report{A: runtimes[0].Name, Failures: c.failures, Comparisons: []*viewdiff.Comparison{}}
	if len(c.views) == 0 || c.views[0].Name != report.A {
		return report, nil // nsboot itself failed: there is nothing to compare with
	}
	for _, v := range c.views[1:] {
		c.progress.step("comparing with " + v.Name)
		var sides [2]viewdiff.Side
		for i, s := range [...]*recorded{c.views[0], v} {
			if _, err := s.file.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
			sides[i] = viewdiff.Side{Name: s.Name, View: fsview.NewReader(s.file)}
		}
		r, err := viewdiff.Compare(sides[0], sides[1], c.flags.keep())
		if err != nil {
			return nil, err
		}
		report.Comparisons = append(report.Comparisons, &viewdiff.Comparison{Result: r})
	}
	if c.flags.time {
		err := c.measure(ctx, report)
		report.Failures = c.failures
		return report, err
	}
	return report, nil
}

// look has one runtime make a view. What fails there is no error, but a failure
// that is told of.
func (c *contest) look(ctx context.Context, rt trial.Runtime) error {
	file, err := c.File(fmt.Sprintf("view-%d", len(c.views)+len(c.failures)))
	if err != nil {
		return err
	}
	job := trial.Job{Probe: fsview.NewProbeName(), Out: c.progress.count(file)}
	job.Args = []string{"view", "--json", "--skip", c.Program, "--probe-name", job.Probe}
	if c.flags.noProbe {
		job.Args = append(job.Args, "--no-probe")
	}
	c.progress.step(rt.Name)
	end := c.Run(ctx, rt, job)
	failure := viewdiff.Failure{Name: rt.Name, Reason: end.Reason(), Stderr: end.Stderr}
	if !end.Failed() {
		err := whole(file)
		if err == nil {
			c.views = append(c.views, &recorded{rt, file})
			return nil
		}
		failure.Reason = err.Error()
	}
	if cerr := file.Close(); cerr != nil {
		return cerr
	}
	c.failures = append(c.failures, failure)
	return nil
}

// whole checks that a runtime came up with a view, and all of it.
func whole(file *os.File) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := fsview.NewReader(file)
	_, err := r.Header()
	for err == nil {
		_, err = r.Next()
	}
	if err == io.EOF {
		return nil
	}
	return fmt.Errorf("it came up with no view: %w", err)
}
