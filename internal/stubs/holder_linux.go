package stubs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Holder is a process that stubs are kept for after the boot that made them has
// ended: its pid as the caller sees it, and its start time in clock ticks since
// the machine's boot (field 22 of /proc/PID/stat), by which a recycled pid is
// told from it.
type Holder struct {
	Pid       int
	StartTime uint64
}

// errHeld says that a living process holds the journal.
var errHeld = errors.New("held for a living process")

// HoldFor records that the stubs are h's: as long as that process lives, nobody
// removes them, though no boot has the journal open. After that, the next to
// open the journal does.
func (j *Journal) HoldFor(h Holder) error {
	if err := j.write(fmt.Sprintf("holder %d %d \"\"", h.Pid, h.StartTime)); err != nil {
		return fmt.Errorf("journal of stubs %s: %w", j.file, err)
	}
	return nil
}

// BasePath returns the path that the journal was opened with.
func (j *Journal) BasePath() string { return j.basePath }

// alive reports whether the process still runs: a zombie does not.
func (h Holder) alive() bool {
	start, state, err := ProcessStart(h.Pid)
	return err == nil && start == h.StartTime && state != 'Z' && state != 'X'
}

// ProcessStart reads a process's start time, in clock ticks since the machine's
// boot, and its state letter, from /proc/PID/stat. The letter is X too for one
// that has given up its namespaces on its way out: pid 1 of a pid namespace may
// wait there, as good as dead, until somebody outside has reaped others.
func ProcessStart(pid int) (start uint64, state byte, err error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	// The second field is the command in parentheses, which may hold anything.
	i := strings.LastIndexByte(string(text), ')')
	f := strings.Fields(string(text[i+1:]))
	if i < 0 || len(f) < 20 {
		return 0, 0, fmt.Errorf("/proc/%d/stat: cannot make sense of it", pid)
	}
	state = f[0][0]
	if _, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/mnt"); errors.Is(err, os.ErrNotExist) && state != 'Z' {
		state = 'X'
	}
	start, err = strconv.ParseUint(f[19], 10, 64)
	return start, state, err
}
