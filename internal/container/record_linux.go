package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Save replaces the recorded state at once, and then its copy, by which one that
// was damaged can still be removed with all that belongs to it.
func (c *Container) Save() error {
	data, err := json.Marshal(&c.State)
	if err != nil {
		return err
	}
	if err := c.write(stateFile, data); err != nil {
		return err
	}
	return c.write(copyFile, data)
}

// SavePlan records the plan that the container is made from.
func (c *Container) SavePlan(data []byte) error { return c.write(planFile, data) }

func (c *Container) write(name string, data []byte) error {
	tmp := filepath.Join(c.dir, "."+name)
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fmt.Errorf("container %s: %w", c.ID, err)
	}
	if err := os.Rename(tmp, filepath.Join(c.dir, name)); err != nil {
		return fmt.Errorf("container %s: %w", c.ID, err)
	}
	return nil
}

func (s Store) read(id string) (State, error) { return s.readFile(id, stateFile) }

func (s Store) readFile(id, name string) (state State, err error) {
	data, err := os.ReadFile(filepath.Join(s.path(id), name))
	if err != nil {
		return state, fmt.Errorf("container %s: %w", id, err)
	}
	if err = json.Unmarshal(data, &state); err == nil && state.ID != id {
		err = fmt.Errorf("it is of container %q", state.ID)
	}
	if err != nil {
		return State{}, fmt.Errorf("container %s: %s: %w: %w", id, name, ErrCorrupt, err)
	}
	return state, nil
}

// Plan reads the recorded plan.
func (s Store) Plan(id string) ([]byte, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(s.path(id), planFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("container %s: %w", id, ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", id, err)
	}
	return data, nil
}

// waiting reports whether the start FIFO has a reader: a created process keeps
// it open, and loses it in exec.
func (s Store) waiting(id string) bool {
	fd, err := unix.Open(filepath.Join(s.path(id), startFIFO), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}
