package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/nsboot/nsboot/internal/stubs"
	"golang.org/x/sys/unix"
)

// Store is where containers are recorded.
type Store struct{ Root string }

// Container is one container's directory, locked.
type Container struct {
	ID    string
	State State
	dir   string
	lock  int
}

const (
	stateFile   = "state.json"
	startFIFO   = "start"
	outcomeFIFO = "outcome"
	planFile    = "plan.json"
	copyFile    = "state.copy"
)

func (s Store) base() string          { return filepath.Join(s.Root, "containers") }
func (s Store) path(id string) string { return filepath.Join(s.base(), id) }

// maxTries bounds the loops that only other commands' work keeps going.
const maxTries = 1000

// Create makes the directory of a new container and its FIFOs, and locks it.
func (s Store) Create(id string) (*Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	for range maxTries {
		c, err := s.tryCreate(id)
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, ErrNotExist) {
			return c, err
		}
	}
	return nil, fmt.Errorf("container %s: removed again and again by other commands: %w", id, unix.EAGAIN)
}

// tryCreate fails with one of the two ErrNotExist where another command has
// removed the empty directory of all containers, or this one before it was locked.
func (s Store) tryCreate(id string) (*Container, error) {
	err := os.MkdirAll(s.base(), 0o700)
	for tries := 0; errors.Is(err, os.ErrExist) && tries < 100; tries++ {
		err = os.MkdirAll(s.base(), 0o700) // it was there, and is removed by another command
	}
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	dir := s.path(id)
	err = os.Mkdir(dir, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("container %s: %w", id, ErrExist)
	}
	if err != nil {
		s.tidy()
		return nil, fmt.Errorf("container %s: %w", id, err)
	}
	c, err := lockDir(id, dir, unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{startFIFO, outcomeFIFO} {
		if err := unix.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			c.Remove()
			return nil, fmt.Errorf("container %s: %s: %w", id, name, err)
		}
	}
	return c, nil
}

// Open locks an existing container and reads its state. A directory without a
// state, left by a create that was killed at once, opens with an empty one. One
// whose state makes no sense is ErrCorrupt; with force, which is for removing it,
// it opens with the copy of its state, or an empty one if that makes none either.
// And with force no empty directory stays where there is no container.
func (s Store) Open(id string, force bool) (*Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	c, err := lockDir(id, s.path(id), unix.LOCK_EX)
	if err != nil {
		if force {
			s.tidy()
		}
		return nil, err
	}
	state, err := s.read(id)
	if force && errors.Is(err, ErrCorrupt) {
		if state, err = s.readFile(id, copyFile); err != nil {
			state, err = State{}, nil
		}
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.Close()
		return nil, err
	}
	c.State, c.State.ID = state, id
	return c, nil
}

// Share is Open for those who need the container to stay, and do not change it:
// any number of them at once.
func (s Store) Share(id string) (*Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	c, err := lockDir(id, s.path(id), unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	if c.State, err = s.read(id); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// lockDir opens the directory and waits for its lock, LOCK_EX or LOCK_SH. Whoever
// had it may have removed the directory: then it is not the container any more.
func lockDir(id, dir string, lock int) (*Container, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("container %s: %w", id, ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", id, &os.PathError{Op: "open", Path: dir, Err: err})
	}
	for err = unix.Flock(fd, lock); errors.Is(err, unix.EINTR); err = unix.Flock(fd, lock) {
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("container %s: lock: %w", id, err)
	}
	var open, named unix.Stat_t
	if unix.Fstat(fd, &open) != nil || unix.Lstat(dir, &named) != nil || open.Ino != named.Ino || open.Dev != named.Dev {
		unix.Close(fd)
		return nil, fmt.Errorf("container %s: %w", id, ErrNotExist)
	}
	return &Container{ID: id, State: State{ID: id}, dir: dir, lock: fd}, nil
}

// Read reads a container's state without its lock.
func (s Store) Read(id string) (State, error) {
	if err := CheckID(id); err != nil {
		return State{}, err
	}
	state, err := s.read(id)
	if errors.Is(err, os.ErrNotExist) {
		if _, derr := os.Stat(s.path(id)); derr != nil {
			return State{}, fmt.Errorf("container %s: %w", id, ErrNotExist)
		}
		return State{ID: id}, nil
	}
	return state, err
}

// Facts asks the machine about a recorded container. Whoever holds the lock
// counts as at work, the caller too.
func (s Store) Facts(state *State) Facts {
	f := s.FactsLocked(state)
	f.Locked = s.locked(state.ID)
	return f
}

// FactsLocked is Facts for whoever has the lock.
func (s Store) FactsLocked(state *State) Facts {
	return Facts{Alive: Alive(state.Pid, state.StartTime), Waiting: s.waiting(state.ID)}
}

func (s Store) locked(id string) bool {
	fd, err := unix.Open(s.path(id), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return errors.Is(unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Alive reports whether the process of that pid and start time runs.
func Alive(pid int, startTime uint64) bool {
	if pid <= 0 {
		return false
	}
	start, letter, err := stubs.ProcessStart(pid)
	return err == nil && start == startTime && letter != 'Z' && letter != 'X'
}

// List reads all containers, sorted by ID. One that vanishes meanwhile is left
// out. An error may come with a list: of those that could be read.
func (s Store) List() ([]State, error) {
	entries, err := os.ReadDir(s.base())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	var list []State
	var errs []error
	for _, e := range entries {
		state, err := s.Read(e.Name())
		if errors.Is(err, ErrNotExist) || CheckID(e.Name()) != nil {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, state)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	return list, errors.Join(errs...)
}

// StartFIFO is the path by which the process waits to be started.
func (c *Container) StartFIFO() string { return filepath.Join(c.dir, startFIFO) }

// OutcomeFIFO is the path by which it tells how that went.
func (c *Container) OutcomeFIFO() string { return filepath.Join(c.dir, outcomeFIFO) }

// Remove forgets the container and gives up its lock. Only the files that are
// known are removed: the directory holds nothing else.
func (c *Container) Remove() error {
	defer c.Close()
	for _, name := range []string{startFIFO, outcomeFIFO, planFile, "." + planFile, copyFile, "." + copyFile, stateFile, "." + stateFile} {
		if err := os.Remove(filepath.Join(c.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("container %s: %w", c.ID, err)
		}
	}
	if err := os.Remove(c.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("container %s: %w", c.ID, err)
	}
	Store{Root: filepath.Dir(filepath.Dir(c.dir))}.tidy()
	return nil
}

// tidy leaves no empty directories where there is no container, also those of
// commands that were killed: the one of journals (package stubs) is beside. The
// kernel removes none that something is in, and nothing else than directories.
func (s Store) tidy() {
	unix.Rmdir(s.base())
	unix.Rmdir(filepath.Join(s.Root, "stubs"))
	if filepath.Base(s.Root) == "nsboot" {
		unix.Rmdir(s.Root)
	}
}

// Close gives up the lock.
func (c *Container) Close() {
	if c.lock >= 0 {
		unix.Close(c.lock)
		c.lock = -1
	}
}
