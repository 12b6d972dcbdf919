package nsmount

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Scheduler is process.scheduler in the kernel's numbers: struct sched_attr.
type Scheduler struct {
	Policy   uint32 `json:"policy"` // SCHED_
	Flags    uint64 `json:"flags,omitzero"`
	Nice     int32  `json:"nice,omitzero"`
	Priority uint32 `json:"priority,omitzero"`
	Runtime  uint64 `json:"runtime,omitzero"` // nanoseconds, as the next two
	Deadline uint64 `json:"deadline,omitzero"`
	Period   uint64 `json:"period,omitzero"`
}

// IOPriority is process.ioPriority: a class (IOPRIO_CLASS_) and a level in it.
type IOPriority struct {
	Class uint32 `json:"class"`
	Level uint32 `json:"level"`
}

// CPUAffinity are the CPUs, "0-3,7", that a process which is executed in a running
// container may run on before it joins the container's cgroup, and after.
type CPUAffinity struct {
	Initial string `json:"initial,omitempty"`
	Final   string `json:"final,omitempty"`
}

// The names of sched(7), at their number, of sched_setattr(2), at their bit, and of
// ioprio_set(2), at their number.
var (
	schedPolicies = [...]string{"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"}
	schedFlags    = [...]string{"SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY",
		"SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"}
	ioClasses = [...]string{"IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"}
)

const (
	maxRealtime = 99   // sched(7)
	minRuntime  = 1024 // nanoseconds: sched_setattr(2)
	maxIOLevel  = 7    // ioprio_set(2)
	maxCPUs     = 8192 // the most that a kernel can be built for
)

// compileScheduling reads what process says of CPUs and priorities.
func (p *Process) compileScheduling(in *specs.Process) (err error) {
	if p.Scheduler, err = compileScheduler(in.Scheduler); err != nil {
		return fmt.Errorf("process.scheduler.%w", err)
	}
	if io := in.IOPriority; io != nil && *io != (specs.LinuxIOPriority{}) {
		class := slices.Index(ioClasses[:], string(io.Class))
		if class <= 0 {
			return fmt.Errorf("process.ioPriority.class: %q: none of %s", io.Class, strings.Join(ioClasses[1:], ", "))
		}
		if io.Priority < 0 || io.Priority > maxIOLevel {
			return fmt.Errorf("process.ioPriority.priority: %d: must be between 0 and %d", io.Priority, maxIOLevel)
		}
		p.IOPriority = &IOPriority{uint32(class), uint32(io.Priority)}
	}
	if a := in.ExecCPUAffinity; a != nil && *a != (specs.CPUAffinity{}) {
		for _, set := range [...]struct{ name, list string }{{"initial", a.Initial}, {"final", a.Final}} {
			if _, err := parseSet(set.list, maxCPUs); set.list != "" && err != nil {
				return fmt.Errorf("process.execCPUAffinity.%s: %w", set.name, err)
			}
		}
		p.ExecCPUAffinity = &CPUAffinity{a.Initial, a.Final}
	}
	return nil
}

// compileScheduler returns nil where nothing is asked for. A value that the policy
// has no use for is an error: the kernel would pass over it.
func compileScheduler(in *specs.Scheduler) (*Scheduler, error) {
	if in == nil || in.Policy == "" && in.Nice == 0 && in.Priority == 0 && len(in.Flags) == 0 && in.Runtime|in.Deadline|in.Period == 0 {
		return nil, nil
	}
	policy := slices.Index(schedPolicies[:], string(in.Policy))
	switch {
	case policy < 0:
		return nil, fmt.Errorf("policy: %q: no scheduling policy that Linux has", in.Policy)
	case in.Policy == specs.SchedISO:
		return nil, fmt.Errorf("policy: %s: reserved: no Linux implements it", in.Policy)
	}
	s := &Scheduler{Policy: uint32(policy), Nice: in.Nice, Priority: uint32(in.Priority), Runtime: in.Runtime, Deadline: in.Deadline, Period: in.Period}
	for i, name := range in.Flags {
		bit := slices.Index(schedFlags[:], string(name))
		if bit < 0 {
			return nil, fmt.Errorf("flags[%d]: %q: no flag of sched_setattr", i, name)
		}
		s.Flags |= 1 << bit
	}
	realtime := in.Policy == specs.SchedFIFO || in.Policy == specs.SchedRR
	switch {
	case in.Nice < -20 || in.Nice > 19:
		return nil, fmt.Errorf("nice: %d: must be between -20 and 19", in.Nice)
	case in.Nice != 0 && in.Policy != specs.SchedOther && in.Policy != specs.SchedBatch:
		return nil, fmt.Errorf("nice: %d: only SCHED_OTHER and SCHED_BATCH have one, not %s", in.Nice, in.Policy)
	case realtime && (in.Priority < 1 || in.Priority > maxRealtime):
		return nil, fmt.Errorf("priority: %d: must be between 1 and %d for %s", in.Priority, maxRealtime, in.Policy)
	case !realtime && in.Priority != 0:
		return nil, fmt.Errorf("priority: %d: only SCHED_FIFO and SCHED_RR have one, not %s", in.Priority, in.Policy)
	}
	return s, s.checkDeadline(string(in.Policy))
}

// checkDeadline checks the three times, which go with one policy: sched_setattr(2).
func (s *Scheduler) checkDeadline(policy string) error {
	deadline, period := s.Deadline, s.Period
	switch {
	case policy != string(specs.SchedDeadline):
		if s.Runtime|s.Deadline|s.Period != 0 {
			return fmt.Errorf("runtime, deadline, period: only SCHED_DEADLINE has them, not %s", policy)
		}
		return nil
	case s.Runtime < minRuntime:
		return fmt.Errorf("runtime: %d nanoseconds: SCHED_DEADLINE wants %d at least", s.Runtime, minRuntime)
	case period == 0:
		period = deadline
	}
	if s.Runtime > deadline || deadline > period || (deadline|period)>>63 != 0 {
		return fmt.Errorf("runtime %d, deadline %d, period %d: none may be above the next", s.Runtime, s.Deadline, s.Period)
	}
	return nil
}

// parseSet reads a list of numbers below limit, "0-3,7", as the bits of a mask.
func parseSet(list string, limit int) ([]uint64, error) {
	mask := make([]uint64, limit/64)
	empty := true
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue // runc has it so
		}
		first, last, isRange := strings.Cut(item, "-")
		from, err := strconv.ParseUint(first, 10, 32)
		to := from
		if err == nil && isRange {
			to, err = strconv.ParseUint(last, 10, 32)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q: neither a number nor a range such as 0-3", item)
		case from > to:
			return nil, fmt.Errorf("%q: the range goes backwards", item)
		case to >= uint64(limit):
			return nil, fmt.Errorf("%q: %d is above %d, the highest there can be", item, to, limit-1)
		}
		for ; from <= to; from++ {
			mask[from/64] |= 1 << (from % 64)
		}
		empty = false
	}
	if empty {
		return nil, errors.New("names none")
	}
	return mask, nil
}
