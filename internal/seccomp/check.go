package seccomp

import (
	"fmt"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// maxErrno is the highest errno that the kernel passes on.
const maxErrno = 4095

// Check finds values that no runtime could honour. A filter that says nothing
// is no filter: see Asked.
func Check(c *specs.LinuxSeccomp) error {
	if !Asked(c) {
		return nil
	}
	if err := check(c); err != nil {
		return fmt.Errorf("linux.seccomp.%w", err)
	}
	return nil
}

func check(c *specs.LinuxSeccomp) error {
	if err := checkAction("defaultAction", "defaultErrnoRet", c.DefaultAction, c.DefaultErrnoRet); err != nil {
		return err
	}
	if c.DefaultAction == specs.ActNotify {
		return fmt.Errorf("defaultAction %s: not for every call: the process could not even be started", c.DefaultAction)
	}
	for i, a := range c.Architectures {
		if !slices.Contains(architectures[:], a) {
			return fmt.Errorf("architectures[%d] %s is no architecture that is known", i, strconv.Quote(string(a)))
		}
	}
	for i, f := range c.Flags {
		if !slices.Contains(flagNames[:], f) {
			return fmt.Errorf("flags[%d] %s is no flag that is known", i, strconv.Quote(string(f)))
		}
	}
	notify := false
	for i := range c.Syscalls {
		s := &c.Syscalls[i]
		if err := checkSyscall(s); err != nil {
			return fmt.Errorf("syscalls[%d].%w", i, err)
		}
		notify = notify || s.Action == specs.ActNotify
	}
	return checkListener(c, notify)
}

// Asked reports whether the section asks for a filter at all.
func Asked(c *specs.LinuxSeccomp) bool {
	return c != nil && (c.DefaultAction != "" || len(c.Syscalls) > 0)
}

func checkListener(c *specs.LinuxSeccomp, notify bool) error {
	switch {
	case notify && c.ListenerPath == "":
		return fmt.Errorf("listenerPath is not set: %s needs somebody to notify", specs.ActNotify)
	case c.ListenerPath == "" && c.ListenerMetadata != "":
		return fmt.Errorf("listenerMetadata is set, but listenerPath is not")
	case c.ListenerPath != "" && c.ListenerPath[0] != '/':
		return fmt.Errorf("listenerPath %s is not an absolute path", strconv.Quote(c.ListenerPath))
	case len(c.ListenerPath) >= 108:
		return fmt.Errorf("listenerPath is %d bytes long; the path of a socket has at most 107", len(c.ListenerPath))
	}
	return nil
}

func checkAction(field, errnoField string, a specs.LinuxSeccompAction, errno *uint) error {
	ret, ok := actionNumber(a)
	switch {
	case !ok:
		return fmt.Errorf("%s %s is no action that is known", field, strconv.Quote(string(a)))
	case errno == nil:
	case ret != retErrno && ret != retTrace:
		return fmt.Errorf("%s is set, but %s returns none", errnoField, a)
	case *errno > maxErrno:
		return fmt.Errorf("%s is %d: the kernel knows none above %d", errnoField, *errno, maxErrno)
	}
	return nil
}

func checkSyscall(s *specs.LinuxSyscall) error {
	if len(s.Names) == 0 {
		return fmt.Errorf("names is empty: it names the system calls")
	}
	for i, name := range s.Names {
		if name == "" {
			return fmt.Errorf("names[%d] is empty", i)
		}
		if name == "write" && s.Action == specs.ActNotify {
			return fmt.Errorf("names[%d]: write cannot have %s: it is how the process hands its listener over", i, s.Action)
		}
	}
	if err := checkAction("action", "errnoRet", s.Action, s.ErrnoRet); err != nil {
		return err
	}
	for i, a := range s.Args {
		if a.Index >= 6 {
			return fmt.Errorf("args[%d].index is %d: a system call has arguments 0 to 5", i, a.Index)
		}
		if !slices.Contains(operators[:], a.Op) {
			return fmt.Errorf("args[%d].op %s is no operator that is known", i, strconv.Quote(string(a.Op)))
		}
	}
	return nil
}
