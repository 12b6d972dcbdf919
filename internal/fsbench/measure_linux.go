package fsbench

import (
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nsboot/nsboot/internal/fsview"
	"golang.org/x/sys/unix"
)

// Options say where to measure.
type Options struct {
	Places []string // directories, absolute
	Name   string   // of what is made there; a random one if empty
	Stop   *atomic.Bool
}

const (
	batch   = time.Millisecond      // how long a sample takes
	budget  = 30 * time.Millisecond // how long an operation is measured
	samples = 9                     // at most
	least   = 3                     // samples of what takes longer than its budget
	many    = 1000                  // files of the directory that is listed
	page    = 4096
	large   = 1 << 20
)

// Measure gives the times to a sink. Its errors are the sink's, and
// fsview.ErrStopped.
func Measure(to fsview.Sink, o Options) error {
	if o.Name == "" {
		o.Name = fsview.NewProbeName()
	}
	err := to.Write(fsview.Record{Kind: fsview.KindView, Facts: map[string]string{"version": fsview.Version, "asked": "times", "machine": runtime.GOARCH}})
	places := slices.Clone(o.Places)
	slices.SortFunc(places, fsview.ComparePaths)
	for _, dir := range slices.Compact(places) {
		if err != nil || stopped(&o) {
			break
		}
		err = to.Write(fsview.Record{Kind: fsview.KindTime, Path: dir, Facts: measure(dir, &o)})
	}
	switch {
	case err != nil:
	case stopped(&o):
		err = fsview.ErrStopped
	default:
		err = to.Write(fsview.Record{Kind: fsview.KindEnd})
	}
	return errors.Join(err, to.Flush())
}

func stopped(o *Options) bool { return o.Stop != nil && o.Stop.Load() }

// bench measures in one place.
type bench struct {
	o     *Options
	dir   string // where files are made; empty where none can be
	file  string // that is read
	facts map[string]string
}

// measure measures all operations in a place. Where nothing can be written,
// those that read are measured, on the first large file that is found.
func measure(dir string, o *Options) map[string]string {
	b := &bench{o: o, facts: map[string]string{}}
	var before unix.Stat_t
	known := unix.Stat(dir, &before) == nil
	work := path.Join(dir, o.Name)
	err := os.Mkdir(work, 0o700)
	if err == nil {
		b.dir, b.file = work, work+"/file"
		err = b.fill()
		defer func() {
			os.RemoveAll(work)
			if known {
				unix.UtimesNanoAt(unix.AT_FDCWD, dir, []unix.Timespec{before.Atim, before.Mtim}, 0)
			}
		}()
	} else {
		b.file = largest(dir)
	}
	if b.file != "" {
		b.reading()
	}
	if b.dir != "" && err == nil {
		b.writing()
		return b.facts
	}
	for _, name := range []string{OpReaddir, OpCreate, OpRename, OpWrite4K, OpWrite1M, OpSync, OpExec} {
		b.facts[name] = reason(err)
	}
	return b.facts
}

// reason is an error in a word.
func reason(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
	}
	return fmt.Sprint(err)
}

// fill makes the file that is read, and those that are listed.
func (b *bench) fill() error {
	if err := os.WriteFile(b.file, make([]byte, large), 0o700); err != nil {
		return err
	}
	for i := range many {
		f, err := os.Create(b.dir + "/n" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

// largest finds the largest file among the first entries of a tree.
func largest(dir string) (found string) {
	size, left := int64(page), 2000
	var visit func(dir string)
	visit = func(dir string) {
		entries, _ := os.ReadDir(dir) // sorted
		for _, e := range entries {
			if left--; left < 0 {
				return
			}
			p := path.Join(dir, e.Name())
			switch info, err := e.Info(); {
			case err != nil:
			case e.IsDir():
				if p != "/proc" && p != "/sys" && p != "/dev" {
					visit(p)
				}
			case info.Mode().IsRegular() && info.Size() > size && unix.Access(p, unix.R_OK) == nil:
				found, size = p, info.Size()
			}
		}
	}
	visit(dir)
	return found
}

// time measures an operation; each call of f makes it per times.
func (b *bench) time(name string, per int, f func() error) {
	if stopped(b.o) {
		return
	}
	n, spent := 1, time.Duration(0)
	for { // how many make a batch, which also warms up
		d, err := run(n, f)
		if err != nil {
			b.facts[name] = reason(err)
			return
		}
		if d >= batch || n >= 1<<16 {
			break
		}
		n = min(n*int(batch/max(d, batch/16)+1), 1<<16)
	}
	var out []string
	for i := 0; i < samples && (spent < budget || i < least) && !stopped(b.o); i++ {
		d, err := run(n, f)
		if err != nil {
			b.facts[name] = reason(err)
			return
		}
		spent += d
		out = append(out, strconv.FormatInt(max(1, int64(d)/int64(n*per)), 10))
	}
	b.facts[name] = strings.Join(out, " ")
}

func run(n int, f func() error) (time.Duration, error) {
	start := time.Now()
	for range n {
		if err := f(); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
