package nsmount

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// schedule sets policy and priorities, of the waiting child if there is one: nsboot
// may have the right to where root of the child's user namespace has not. The
// process is in its cgroup by then, whose limits on realtime are what counts.
func (l *launcher) schedule() error {
	if s := l.p.Scheduler; s != nil {
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: s.Policy, Flags: s.Flags, Nice: s.Nice, Priority: s.Priority,
			Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period}
		if err := unix.SchedSetAttr(l.pid, &attr, 0); err != nil {
			return fmt.Errorf("process.scheduler: set %s: %w", s.name(), schedWhy(err))
		}
	}
	if p := l.p.IOPriority; p != nil {
		const whoProcess, classShift = 1, 13 // ioprio_set(2)
		_, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, uintptr(l.pid), uintptr(p.Class<<classShift|p.Level))
		if errno != 0 {
			return fmt.Errorf("process.ioPriority: set %s %d: %w", p.name(), p.Level, schedWhy(errno))
		}
	}
	return nil
}

// runOn sets the CPUs that the waiting child may run on; an empty list leaves them.
func (l *launcher) runOn(name, list string) error {
	if list == "" {
		return nil
	}
	mask, err := parseSet(list, maxCPUs)
	if err != nil {
		return fmt.Errorf("process.execCPUAffinity.%s: %w", name, err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SCHED_SETAFFINITY, uintptr(l.pid), uintptr(len(mask)*8), uintptr(unsafe.Pointer(&mask[0])))
	switch {
	case errno == unix.EINVAL:
		return fmt.Errorf("process.execCPUAffinity.%s: %q: %w (the machine, or the process's cpuset, has none of these CPUs)", name, list, errno)
	case errno != 0:
		return fmt.Errorf("process.execCPUAffinity.%s: %q: %w", name, list, errno)
	}
	return nil
}

// affinity is p's ExecCPUAffinity, or one that asks for nothing.
func (p *Process) affinity() CPUAffinity {
	if p.ExecCPUAffinity == nil {
		return CPUAffinity{}
	}
	return *p.ExecCPUAffinity
}

func (s *Scheduler) name() string {
	if int(s.Policy) < len(schedPolicies) {
		return schedPolicies[s.Policy]
	}
	return fmt.Sprint("policy ", s.Policy)
}

func (p *IOPriority) name() string {
	if int(p.Class) < len(ioClasses) {
		return ioClasses[p.Class]
	}
	return fmt.Sprint("class ", p.Class)
}

// schedWhy explains an errno of sched_setattr and ioprio_set.
func schedWhy(err error) error {
	var why string
	switch errno := syscall.Errno(0); {
	case !errors.As(err, &errno):
	case errno == unix.EPERM:
		why = "it needs CAP_SYS_NICE on the host, which root of a user namespace does not have; or the cgroup has no realtime of its own, or the CPUs are not all the machine's"
	case errno == unix.EOPNOTSUPP:
		why = "the kernel is built without it"
	case errno == unix.EBUSY:
		why = "the machine has not that much time left for SCHED_DEADLINE"
	}
	if why == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, why)
}
