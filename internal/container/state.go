package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Status is runtime-spec's word for what a container is doing.
type Status string

// The statuses of runtime-spec.
const (
	Creating Status = "creating"
	CreatedS Status = "created"
	Running  Status = "running"
	Stopped  Status = "stopped"
	Paused   Status = "paused" // runc's: a running one whose cgroup is frozen; Status does not tell it
)

// State is what is recorded of a container.
type State struct {
	Version     string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Bundle      string            `json:"bundle"` // absolute
	Profile     string            `json:"profile"`
	Created     time.Time         `json:"created"`
	Ready       bool              `json:"ready"`               // create has ended well
	Pid         int               `json:"pid,omitzero"`        // 0: there is no process yet
	StartTime   uint64            `json:"startTime,omitzero"`  // of Pid, in clock ticks since the machine's boot
	MountNS     uint64            `json:"mountNS,omitzero"`    // its mount namespace (see MountNS): what its processes have in common
	Executable  string            `json:"executable,omitzero"` // process.args[0], for start's messages
	SourceFDs   bool              `json:"sourceFDs,omitzero"`  // the sources were descriptors: the paths in the plan say nothing
	Stubs       []string          `json:"stubs,omitempty"`     // host directories that may hold mount points of the container
	Sandbox     string            `json:"sandbox,omitempty"`   // of a child of a pod: the ID of its sandbox container
	Process     json.RawMessage   `json:"process,omitempty"`   // what exec takes over, where it is not told otherwise
	Cgroups     map[string]string `json:"cgroups,omitempty"`   // directories of its own cgroup, by controller; recorded before they are made
	Hooks       json.RawMessage   `json:"hooks,omitempty"`     // config.json's
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Facts are what the machine says of a recorded container.
type Facts struct {
	Alive   bool // the process is there: same pid, same start time, no zombie
	Waiting bool // somebody reads the start FIFO: the process, until it is started
	Locked  bool // a command is at work on the container
}

// Status decides from the record and the facts. Whether the process has been
// started is asked of the process itself: a start that was killed may have come
// to that, or not.
func (s *State) Status(f Facts) Status {
	switch {
	case !s.Ready && (f.Locked || f.Alive):
		return Creating // a create that was killed never becomes more than this
	case !s.Ready, !f.Alive:
		return Stopped
	case f.Waiting:
		return CreatedS
	}
	return Running
}

// Errors that a caller branches on.
var (
	ErrNotExist = errors.New("does not exist")
	ErrExist    = errors.New("already exists")
	ErrCorrupt  = errors.New("not a state")
)

// CheckID refuses what is no file name, or none that a person could type.
func CheckID(id string) error {
	if id == "" || len(id) > 255 || id[0] == '.' || id[0] == '-' {
		return fmt.Errorf("ID %q: letters, digits and _ . + -, the first no . or -", id)
	}
	for _, r := range id {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-", r) {
			return fmt.Errorf("ID %q: %q is not allowed: letters, digits and _ . + -", id, r)
		}
	}
	return nil
}
