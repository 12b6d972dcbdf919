package cgroup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Journal notes in dir, before the cgroup is made, that it is the calling
// process's to remove. forget undoes that. Should the process be killed, Sweep
// removes what it has left.
func (g *Group) Journal(dir string) (forget func(), err error) {
	f, err := newJournal(dir)
	if err == nil {
		err = json.NewEncoder(f).Encode(g.Paths())
	}
	if err != nil {
		return nil, fmt.Errorf("journal of cgroups: %w", err)
	}
	return func() {
		os.Remove(f.Name())
		os.Remove(dir) // if it was the last
		f.Close()
	}, nil
}

// newJournal makes a locked file that no Sweep has taken for a dead one's before
// it was locked.
func newJournal(dir string) (*os.File, error) {
	for tries := 0; ; tries++ {
		var f *os.File
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			f, err = os.CreateTemp(dir, "run-")
		}
		if (errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist)) && tries < 100 {
			continue // another has removed the directory with the last journal in it
		}
		if err != nil {
			return nil, err
		}
		var st unix.Stat_t
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			err = unix.Fstat(int(f.Fd()), &st)
		}
		if err == nil && st.Nlink > 0 {
			return f, nil
		}
		f.Close()
		if err != nil {
			os.Remove(f.Name())
			return nil, err
		}
	}
}

// Sweep removes the cgroups of those whose journals in dir nobody has locked:
// they were killed. One that processes are still in stays until a later Sweep.
func Sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		sweepOne(filepath.Join(dir, e.Name()))
	}
}

func sweepOne(name string) {
	f, err := os.Open(name)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return
	}
	var paths map[string]string
	if json.NewDecoder(f).Decode(&paths) == nil { // else killed before there was a cgroup
		g, err := Open(paths)
		if err != nil {
			return
		}
		pids, err := g.Pids()
		if err != nil || len(pids) > 0 || g.Remove() != nil {
			return
		}
	}
	os.Remove(name)
	os.Remove(filepath.Dir(name)) // if it was the last
}
