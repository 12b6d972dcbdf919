package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nsboot/nsboot/internal/fsview"
	"github.com/nsboot/nsboot/internal/viewdiff"
	"github.com/nsboot/nsboot/internal/viewpage"
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
	html    string
	json    bool
	time    bool
	noProbe bool

	masked []string // by the bundle's config
}

func compareCommand(a *app, args []string) (int, error) {
	var f compareFlags
	fs := newFlags("compare")
	fs.StringVarP(&f.bundle, "bundle", "b", ".", "the bundle's directory: config.json is in it")
	fs.StringArrayVar(&f.with, "with", nil, "compare with `COMMAND`, an OCI runtime and its flags; may be repeated (default runsc on PATH)")
	fs.BoolVar(&f.json, "json", false, "print a JSON document")
	fs.BoolVar(&f.time, "time", false, "measure also what small operations on files cost")
	fs.StringVar(&f.html, "html", "", "write one self-contained page to `FILE`")
	fs.BoolVar(&f.noProbe, "no-probe", false, "look only: try nothing at the mount points")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	switch {
	case f.html != "" && f.json:
		return 0, &usageError{msg: "compare: --html and --json", hint: "one of them: --json is printed, --html written to a file"}
	case fs.NArg() == 0:
		return a.compareRuntimes(&f)
	case fs.NArg() != 2:
		return 0, &usageError{msg: fmt.Sprintf("compare: %d arguments", fs.NArg()), hint: "none compares runtimes, two compare recorded views: nsboot compare a.json b.json"}
	case fs.Changed("bundle") || fs.Changed("with") || f.noProbe || f.time:
		return 0, &usageError{msg: "compare: recorded views need no bundle, no runtime, no probes and no times", hint: "nsboot compare " + fs.Arg(0) + " " + fs.Arg(1)}
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
func (f *compareFlags) keep() viewdiff.Options {
	o := viewdiff.Options{Masked: f.masked}
	if f.html != "" {
		o.TreeRows = treeRows
	}
	return o
}

// treeRows is how many rows of the trees a page shows before it leaves out what
// is the same.
const treeRows = 1500

// report prints what was found, and returns the exit code.
func (a *app) report(r *viewdiff.Report, started time.Time, f *compareFlags) (int, error) {
	r.Judge()
	r.Seconds = time.Since(started).Seconds()
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		r.Memory = usage.Maxrss << 10
	}
	var err error
	switch {
	case f.json:
		err = a.printJSON(r)
	case f.html != "":
		if err = writePage(f.html, r); err == nil {
			_, err = fmt.Fprintf(a.stdout, "%s: %s\n", f.html, strings.ToLower(viewpage.Headline(r)))
		}
	default:
		err = a.reportText(r)
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

// reportText prints what was found for people.
func (a *app) reportText(r *viewdiff.Report) error {
	for i, c := range r.Comparisons {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := viewdiff.WriteText(a.stdout, c.Result, wantsColor(a.stdout)); err != nil {
			return err
		}
	}
	return viewdiff.WriteTimes(a.stdout, r.Times)
}

// writePage writes a page, whole or not at all.
func writePage(name string, r *viewdiff.Report) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".nsboot-page-")
	if err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	err = errors.Join(viewpage.Write(f, r), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("--html: %w", err), os.Remove(f.Name()))
	}
	return nil
}
