package seccomp

import (
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/net/bpf"
)

// maxInstructions is the kernel's BPF_MAXINSNS.
const maxInstructions = 4096

// Filter is a compiled section.
type Filter struct {
	Program []bpf.RawInstruction
	Flags   uint32 // of seccomp(2)
	Notify  bool   // it asks somebody: seccomp(2) returns a descriptor for them

	// Skipped are the names that are system calls of none of the machine's
	// architectures: they are another's, newer than this build, or slips.
	Skipped []string
}

// Compile makes the filter of a section, nil if it asks for none, for a machine
// by Go's name. An error names the field.
func Compile(c *specs.LinuxSeccomp, machine string) (*Filter, error) {
	if !Asked(c) {
		return nil, nil
	}
	if err := Check(c); err != nil {
		return nil, err
	}
	archs := archsOf(machine)
	if archs == nil {
		return nil, fmt.Errorf("linux.seccomp is set; this build has no table of %s's system calls", machine)
	}
	names := resolve(c)
	program, err := assemble(c, names, archs)
	if err != nil {
		return nil, err
	}
	notify := slices.ContainsFunc(c.Syscalls, func(s specs.LinuxSyscall) bool { return s.Action == specs.ActNotify })
	return &Filter{Program: program, Flags: flagBits(c, notify), Notify: notify, Skipped: skipped(names, archs)}, nil
}

// assemble makes the program: a section for each architecture that the config
// lists and the machine has, its own first and in any case.
func assemble(c *specs.LinuxSeccomp, names []named, archs []arch) ([]bpf.RawInstruction, error) {
	def := verdict(c.DefaultAction, c.DefaultErrnoRet)
	newer := retErrno | enosys
	if passes(def) {
		newer = def
	}
	sets := make([]*ruleSet, len(archs))
	for i := range archs {
		if i > 0 && !slices.Contains(c.Architectures, archs[i].name) {
			continue
		}
		var err error
		if sets[i], err = rulesOf(c, names, &archs[i], def); err != nil {
			return nil, err
		}
	}
	code := append(make([]bpf.Instruction, 0, maxInstructions/2), load(offArch))
	for i := range archs {
		set := sets[i]
		switch {
		case set == nil || archs[i].table == tableX32:
		case archs[i].table == tableAMD64:
			code = section(code, archs[i].audit, x86Spans(set, sets[slices.IndexFunc(archs, isX32)], def, newer))
		default:
			code = section(code, archs[i].audit, set.spans(0, allNumbers, def, set.newer(def, newer)))
		}
	}
	code = append(code, bpf.RetConstant{Val: retKillProcess})
	if len(code) > maxInstructions {
		return nil, fmt.Errorf("linux.seccomp comes to %d instructions; the kernel takes %d: it has too many rules with args", len(code), maxInstructions)
	}
	return bpf.Assemble(code)
}

func isX32(a arch) bool { return a.table == tableX32 }

// named is a name of the config.
type named struct {
	name  string
	call  *call // nil: nobody knows it
	entry int   // of linux.seccomp.syscalls
}

// resolve looks the names up, once for all architectures.
func resolve(c *specs.LinuxSeccomp) []named {
	total := 0
	for i := range c.Syscalls {
		total += len(c.Syscalls[i].Names)
	}
	names := make([]named, 0, total)
	for i := range c.Syscalls {
		for _, name := range c.Syscalls[i].Names {
			names = append(names, named{name, lookup(name), i})
		}
	}
	return names
}

// skipped lists the names that mean nothing here.
func skipped(names []named, archs []arch) (list []string) {
	for _, n := range names {
		has := func(a arch) bool {
			if _, direct := a.number(n.call); direct {
				return true
			}
			_, _, muxed := a.muxed(n.name)
			return muxed
		}
		if n.call == nil || !slices.ContainsFunc(archs, has) {
			list = append(list, n.name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Actions lists the actions that a rule may have.
func Actions() []string { return texts(actions[:]) }

// Operators lists the operators that a condition may have.
func Operators() []string { return texts(operators[:]) }

// Flags lists the flags that a filter may have.
func Flags() []string { return texts(flagNames[:]) }

// Architectures lists those of a machine, by Go's name.
func Architectures(machine string) (names []string) {
	for _, a := range archsOf(machine) {
		names = append(names, string(a.name))
	}
	return names
}

func texts[T ~string](names []T) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return out
}
