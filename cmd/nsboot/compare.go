package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nsboot/nsboot/internal/fsview"
	"github.com/nsboot/nsboot/internal/viewdiff"
	"golang.org/x/sys/unix"
)

// Exit codes of compare, beside those of nsboot itself.
const (
	exitDifferent     = 1 // there is a difference that nobody has explained
	exitRuntimeFailed = 2 // a runtime did not come up with a view
)

// compareFlags are the flags of compare.
type compareFlags struct {
	bundle  string
	with    []string
	json    bool
	noProbe bool

	masked []string // by the bundle's config
}

func compareCommand(a *app, args []string) (int, error) {
	var f compareFlags
	fs := newFlags("compare")
	fs.StringVarP(&f.bundle, "bundle", "b", ".", "the bundle's directory: config.json is in it")
	fs.StringArrayVar(&f.with, "with", nil, "compare with `COMMAND`, an OCI runtime and its flags; may be repeated (default runsc on PATH)")
	fs.BoolVar(&f.json, "json", false, "print a JSON document")
	fs.BoolVar(&f.noProbe, "no-probe", false, "look only: try nothing at the mount points")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	switch {
	case fs.NArg() == 0:
		return a.compareRuntimes(&f)
	case fs.NArg() != 2:
		return 0, &usageError{msg: fmt.Sprintf("compare: %d arguments", fs.NArg()), hint: "none compares runtimes, two compare recorded views: nsboot compare a.json b.json"}
	case fs.Changed("bundle") || fs.Changed("with") || f.noProbe:
		return 0, &usageError{msg: "compare: recorded views need no bundle, no runtime and no probes", hint: "nsboot compare " + fs.Arg(0) + " " + fs.Arg(1)}
	}
	return a.compareViews(fs.Arg(0), fs.Arg(1), &f)
}

// compareViews compares two recorded views.
func (a *app) compareViews(left, right string, f *compareFlags) (int, error) {
	started := time.Now()
	var files [2]io.Reader
	for i, name := range [...]string{left, right} {
		file, err := os.Open(name)
		if err != nil {
			return 0, fmt.Errorf("compare: %w", err)
		}
		defer file.Close()
		files[i] = file
	}
	keep := f.keep()
	keep.Recorded = true
	r, err := viewdiff.Compare(viewdiff.Side{Name: left, View: fsview.NewReader(files[0])}, viewdiff.Side{Name: right, View: fsview.NewReader(files[1])}, keep)
	if err != nil {
		return 0, fmt.Errorf("compare: %w", err)
	}
	return a.report(&viewdiff.Report{A: left, Comparisons: []*viewdiff.Comparison{{Result: r}}}, started, f)
}

// keep says what is to be kept of the views beside their differences.
func (f *compareFlags) keep() viewdiff.Options { return viewdiff.Options{Masked: f.masked} }

// report prints what was found, and returns the exit code.
func (a *app) report(r *viewdiff.Report, started time.Time, f *compareFlags) (int, error) {
	r.Judge()
	r.Seconds = time.Since(started).Seconds()
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		r.Memory = usage.Maxrss << 10
	}
	var err error
	if f.json {
		err = a.printJSON(r)
	} else {
		for i, c := range r.Comparisons {
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			if err = viewdiff.WriteText(a.stdout, c.Result, wantsColor(a.stdout)); err != nil {
				break
			}
		}
	}
	if err != nil {
		return 0, fmt.Errorf("compare: %w", err)
	}
	switch r.Verdict {
	case viewdiff.VerdictFailed:
		return exitRuntimeFailed, nil
	case viewdiff.VerdictDifferent:
		return exitDifferent, nil
	}
	return 0, nil
}
