package seccomp

import "slices"

// span is a run of numbers, up to the next span's, that have one outcome.
type span struct {
	from uint32
	outcome
}

// outcome is what becomes of a call: the first of rules that matches, else ret.
type outcome struct {
	ret   uint32
	rules []rule
}

func (o *outcome) constant() bool { return len(o.rules) == 0 }

// allNumbers is the end of the numbers that a register holds.
const allNumbers = 1 << 32

// spans covers the numbers from first to before end. Those beyond the last that
// the config names are newer than it: they get newer.
func (s *ruleSet) spans(first, end uint64, def, newer uint32) []span {
	var out []span
	gap := func(from, to uint64) {
		named := min(to, max(from, uint64(s.last)+1))
		if from < named {
			out = append(out, span{uint32(from), outcome{ret: def}})
		}
		if named < to {
			out = append(out, span{uint32(named), outcome{ret: newer}})
		}
	}
	next := first
	for i := 0; i < len(s.rules); {
		nr, n := s.rules[i].nr, i+1
		for n < len(s.rules) && s.rules[n].nr == nr {
			n++
		}
		gap(next, uint64(nr))
		out = append(out, span{nr, decide(s.rules[i:n], def)})
		i, next = n, uint64(nr)+1
	}
	gap(next, end)
	return merge(out)
}

// merge makes one of neighbours with the same constant outcome.
func merge(list []span) []span {
	return slices.CompactFunc(list, func(a, b span) bool { return a.constant() && b.constant() && a.ret == b.ret })
}

// decide makes an outcome of a number's rules, which are in order.
func decide(rules []rule, def uint32) outcome {
	if len(rules[0].conds) == 0 {
		return outcome{ret: rules[0].ret}
	}
	return outcome{ret: def, rules: rules}
}

// x86Spans covers the numbers of amd64, where x32, if there is one, has those
// with its bit set. Without it they end the process; all but -1, which a tracer
// makes of a call that it wants skipped.
func x86Spans(amd64, x32 *ruleSet, def, newer uint32) []span {
	out := amd64.spans(0, x32Bit, def, amd64.newer(def, newer))
	if x32 != nil {
		above := x32.newer(def, newer)
		out = append(out, x32.spans(x32Bit, 2*x32Bit, def, above)...)
		out = append(out, span{2 * x32Bit, outcome{ret: amd64.newer(def, newer)}}, span{3 * x32Bit, outcome{ret: above}})
	} else {
		out = append(out, span{x32Bit, outcome{ret: retKillProcess}})
		if above := amd64.newer(def, newer); above != def {
			out = append(out, span{2 * x32Bit, outcome{ret: above}}, span{3 * x32Bit, outcome{ret: retKillProcess}})
		}
		out = append(out, span{^uint32(0), outcome{ret: def}})
	}
	return merge(out)
}

// newer is what calls above the last get: the default, if there is no last.
func (s *ruleSet) newer(def, newer uint32) uint32 {
	if !s.known {
		return def
	}
	return newer
}
