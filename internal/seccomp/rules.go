package seccomp

import (
	"cmp"
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// rule is what one entry of the config says about one number.
type rule struct {
	nr    uint32
	conds []condition // ordered by argument, one each; none: always
	ret   uint32
	entry int // of linux.seccomp.syscalls
	via   via
}

// via says how a rule came to a number.
type via int

const (
	direct      via = iota
	muxed           // through socketcall or ipc
	muxedByArgs     // so, and without its conditions, which could not be seen there
)

// condition compares an argument with value; mask is MASKED_EQ's alone.
type condition struct {
	arg         uint32
	op          specs.LinuxSeccompOperator
	value, mask uint64
	bits        int // of the argument
}

// newConditions reads args for an architecture: a 32-bit one has no more than
// the low halves.
func newConditions(args []specs.LinuxSeccompArg, bits int) []condition {
	conds := make([]condition, 0, len(args))
	for _, a := range args {
		c := condition{arg: uint32(a.Index), op: a.Op, value: a.Value, bits: bits}
		if a.Op == specs.OpMaskedEqual {
			c.mask, c.value = a.Value, a.ValueTwo&a.Value
		}
		if bits == 32 {
			c.mask, c.value = uint64(uint32(c.mask)), uint64(uint32(c.value))
		}
		conds = append(conds, c)
	}
	slices.SortStableFunc(conds, func(a, b condition) int { return cmp.Compare(a.arg, b.arg) })
	return conds
}

// repeats reports whether two conditions are about the same argument.
func repeats(conds []condition) bool {
	for i := 1; i < len(conds); i++ {
		if conds[i].arg == conds[i-1].arg {
			return true
		}
	}
	return false
}

// ruleSet is the rules of one architecture, by number and then in the order in
// which they are tried.
type ruleSet struct {
	rules []rule
	last  uint32 // the highest number that the config names
	known bool   // it names any
}

// rulesOf collects what the config says about an architecture's calls.
func rulesOf(c *specs.LinuxSeccomp, names []named, a *arch, def uint32) (*ruleSet, error) {
	set := &ruleSet{rules: make([]rule, 0, len(names)+64)}
	var conds []condition
	for i, n := range names {
		s := &c.Syscalls[n.entry]
		if i == 0 || names[i-1].entry != n.entry {
			conds = newConditions(s.Args, a.bits)
		}
		if n.call == nil {
			continue
		}
		ret := verdict(s.Action, s.ErrnoRet)
		nr, has := a.number(n.call)
		mux, is, behind := a.muxed(n.name)
		if has && !a.private(nr) || behind {
			set.last, set.known = max(set.last, nr, mux), true
		}
		if ret == def {
			continue
		}
		if has {
			set.add(rule{nr, conds, ret, n.entry, direct})
		}
		if behind && len(conds) == 0 {
			set.add(rule{mux, is, ret, n.entry, muxed})
		} else if behind && stricter(ret, def) {
			set.add(rule{mux, is, ret, n.entry, muxedByArgs})
		}
	}
	set.order()
	return set, set.contradiction()
}

// order sorts the rules by number and then as before says. Most numbers have
// one rule, so it is the numbers that are sorted, with their places.
func (s *ruleSet) order() {
	keys := make([]uint64, len(s.rules))
	for i := range s.rules {
		keys[i] = uint64(s.rules[i].nr)<<32 | uint64(i)
	}
	slices.Sort(keys)
	ordered := make([]rule, len(keys))
	for i, k := range keys {
		ordered[i] = s.rules[uint32(k)]
	}
	for i := 0; i < len(ordered); {
		n := i + 1
		for n < len(ordered) && ordered[n].nr == ordered[i].nr {
			n++
		}
		if n > i+1 {
			slices.SortStableFunc(ordered[i:n], func(x, y rule) int { return before(&x, &y) })
		}
		i = n
	}
	s.rules = ordered
}

// add adds a rule; one with two conditions on an argument is several.
func (s *ruleSet) add(r rule) {
	if !repeats(r.conds) {
		s.rules = append(s.rules, r)
		return
	}
	for i := range r.conds {
		s.rules = append(s.rules, rule{r.nr, r.conds[i : i+1 : i+1], r.ret, r.entry, r.via})
	}
}

// contradiction finds two rules with the same conditions and different actions,
// which libseccomp does not take either. Without conditions the first counts.
func (s *ruleSet) contradiction() error {
	for i := 1; i < len(s.rules); i++ {
		x, y := &s.rules[i-1], &s.rules[i]
		if x.nr == y.nr && len(x.conds) > 0 && x.ret != y.ret && x.via == direct && y.via == direct && slices.Equal(x.conds, y.conds) {
			first, second := min(x.entry, y.entry), max(x.entry, y.entry)
			return fmt.Errorf("linux.seccomp.syscalls[%d] and syscalls[%d] have different actions for the same arguments of system call %d", first, second, x.nr)
		}
	}
	return nil
}

// before orders the rules of one number as libseccomp tries them: those without
// conditions first; then by the lowest argument, the higher one first, equality
// before upper before lower bounds, and the closer bound first; where that is
// equal, by the next argument; the shorter list first. Else in config order.
func before(x, y *rule) int {
	for i := 0; i < len(x.conds) && i < len(y.conds); i++ {
		a, b := &x.conds[i], &y.conds[i]
		by := cmp.Or(-cmp.Compare(a.place(), b.place()), -cmp.Compare(a.kind(), b.kind()))
		if by == 0 && a.kind() == kindBelow {
			by = cmp.Compare(a.value, b.value)
		} else if by == 0 {
			by = -cmp.Compare(a.value, b.value)
		}
		if by = cmp.Or(by, cmp.Compare(a.mask, b.mask), cmp.Compare(a.op, b.op)); by != 0 {
			return by
		}
	}
	by := cmp.Or(cmp.Compare(len(x.conds), len(y.conds)), cmp.Compare(x.via, y.via))
	if by == 0 && x.via == muxedByArgs {
		by = cmp.Compare(int32(x.ret&actionMask), int32(y.ret&actionMask)) // the stricter first
	}
	return by
}

// place is the argument, and whether its upper half is looked at.
func (c *condition) place() uint32 {
	upper := uint32(0)
	if c.bits == 64 && (c.op != specs.OpMaskedEqual || c.mask>>32 != 0) {
		upper = 1
	}
	return c.arg<<1 | upper
}

// Kinds of conditions, the most particular last.
const (
	kindAbove = iota
	kindBelow
	kindEqual
)

func (c *condition) kind() int {
	switch c.op {
	case specs.OpGreaterThan, specs.OpGreaterEqual:
		return kindAbove
	case specs.OpLessThan, specs.OpLessEqual:
		return kindBelow
	}
	return kindEqual
}
