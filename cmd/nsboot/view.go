package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"

	"github.com/nsboot/nsboot/internal/fsbench"
	"github.com/nsboot/nsboot/internal/fsview"
	"github.com/nsboot/nsboot/nsmount"
	"golang.org/x/sys/unix"
)

// viewFlags are the flags of view.
type viewFlags struct {
	json, noProbe bool
	time          bool
	probeName     string
	skip          []string
	entries       int
	depth         int
}

func viewCommand(a *app, args []string) (int, error) {
	var f viewFlags
	fs := newFlags("view")
	fs.BoolVar(&f.json, "json", false, "a line of JSON for each thing seen, which nsboot compare reads")
	fs.BoolVar(&f.time, "time", false, "measure what small operations cost in each PATH, and nothing else (default / and /tmp)")
	fs.BoolVar(&f.noProbe, "no-probe", false, "look only: try nothing at the mount points")
	fs.IntVar(&f.entries, "max-entries", 1000000, "stop the tree after that many entries; 0 is no limit")
	fs.IntVar(&f.depth, "depth", 0, "descend no further than that below each PATH; 0 is no limit")
	fs.StringArrayVar(&f.skip, "skip", nil, "leave PATH and what is mounted on it out; may be repeated")
	fs.StringVar(&f.probeName, "probe-name", "", "name of what is made in each mount point for a moment (default a random one)")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	o, err := f.options(fs.Args())
	if err != nil {
		return 0, err
	}
	if f.time && len(o.Paths) == 0 {
		o.Paths = []string{"/", "/tmp"}
	}
	return a.view(o, &f)
}

// options checks the flags.
func (f *viewFlags) options(paths []string) (fsview.Options, error) {
	o := fsview.Options{
		MaxEntries: f.entries, Depth: f.depth, Probe: !f.noProbe, ProbeName: f.probeName,
		Capabilities: nsmount.CapabilityNames(), Stop: new(atomic.Bool),
	}
	if f.entries < 0 || f.depth < 0 {
		return o, &usageError{msg: "--max-entries and --depth count from 1; 0 is no limit"}
	}
	for _, list := range []struct {
		from []string
		to   *[]string
	}{{paths, &o.Paths}, {f.skip, &o.Skip}} {
		for _, p := range list.from {
			clean, err := fsview.Clean(p)
			if err != nil {
				return o, fmt.Errorf("%s: %w", p, err)
			}
			*list.to = append(*list.to, clean)
		}
	}
	return o, nil
}

// view prints what is seen. A signal is waited for until nothing that was tried
// is left behind.
func (a *app) view(o fsview.Options, f *viewFlags) (int, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)
	var got atomic.Int32
	go func() {
		if s, ok := (<-signals).(unix.Signal); ok {
			got.Store(int32(s))
			o.Stop.Store(true)
		}
	}()
	var to fsview.Sink = fsview.NewTextWriter(a.stdout)
	if f.json {
		to = fsview.NewWriter(a.stdout)
	}
	var err error
	if f.time {
		err = fsbench.Measure(to, fsbench.Options{Places: o.Paths, Name: o.ProbeName, Stop: o.Stop})
	} else {
		err = fsview.Look(to, o)
	}
	if s := got.Load(); s != 0 {
		return 128 + int(s), nil
	}
	if err != nil {
		return 0, fmt.Errorf("view: %w", err)
	}
	return 0, nil
}
