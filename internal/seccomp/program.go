package seccomp

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/net/bpf"
)

// Where struct seccomp_data has what is looked at; both machines are
// little-endian.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

func load(off uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: 4} }

// section appends the part of a program for one audit architecture. It is
// skipped whole for the others, and ends with a verdict on every way.
func section(code []bpf.Instruction, audit uint32, spans []span) []bpf.Instruction {
	over := len(code) + 1
	code = append(code, bpf.JumpIf{Cond: bpf.JumpEqual, Val: audit, SkipTrue: 1}, nil, load(offNumber))
	code = search(code, spans)
	code[over] = bpf.Jump{Skip: uint32(len(code) - over - 1)}
	return code
}

// search appends what finds the number's span by halves. A conditional jump
// reaches 255 instructions, a plain one any.
func search(code []bpf.Instruction, spans []span) []bpf.Instruction {
	if len(spans) == 1 {
		return spans[0].code(code)
	}
	half := len(spans) / 2
	at, from := len(code), spans[half].from
	code = search(append(code, nil), spans[:half])
	if low := len(code) - at - 1; low <= 255 {
		code[at] = bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: from, SkipTrue: uint8(low)}
	} else {
		code[at] = bpf.JumpIf{Cond: bpf.JumpLessThan, Val: from, SkipTrue: 1}
		code = slices.Insert(code, at+1, bpf.Instruction(bpf.Jump{Skip: uint32(low)}))
	}
	return search(code, spans[half:])
}

// code appends the rules, which are tried one after another.
func (o *outcome) code(code []bpf.Instruction) []bpf.Instruction {
	for i := range o.rules {
		code = append(code, o.rules[i].code()...)
	}
	return append(code, bpf.RetConstant{Val: o.ret})
}

// code is a rule: its conditions, each of which skips the rest if it does not
// hold, then the verdict.
func (r *rule) code() []bpf.Instruction {
	code := []bpf.Instruction{bpf.RetConstant{Val: r.ret}}
	for i := len(r.conds) - 1; i >= 0; i-- {
		code = append(r.conds[i].code(uint8(len(code))), code...)
	}
	return code
}

// code skips as many instructions after it as rest says if the condition does
// not hold. An argument is compared in two halves, as the machine has no more
// than 32 bits.
func (c *condition) code(rest uint8) []bpf.Instruction {
	low := offArgs + 8*c.arg
	code := c.lowCode(rest, low)
	if c.bits == 32 {
		return code
	}
	value, n := uint32(c.value>>32), uint8(len(code))
	var upper []bpf.Instruction
	switch c.op {
	case specs.OpMaskedEqual:
		if mask := uint32(c.mask >> 32); mask != 0 {
			upper = []bpf.Instruction{load(low + 4), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: value, SkipTrue: n + rest}}
		}
	case specs.OpEqualTo:
		upper = []bpf.Instruction{load(low + 4), bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: value, SkipTrue: n + rest}}
	case specs.OpNotEqual:
		upper = []bpf.Instruction{load(low + 4), bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: value, SkipTrue: n}}
	case specs.OpGreaterThan, specs.OpGreaterEqual:
		upper = []bpf.Instruction{load(low + 4),
			bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: value, SkipTrue: n + 1},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: value, SkipTrue: n + rest}}
	case specs.OpLessThan, specs.OpLessEqual:
		upper = []bpf.Instruction{load(low + 4),
			bpf.JumpIf{Cond: bpf.JumpLessThan, Val: value, SkipTrue: n + 1},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: value, SkipTrue: n + rest}}
	}
	return append(upper, code...)
}

// lowCode compares the low half.
func (c *condition) lowCode(rest uint8, off uint32) []bpf.Instruction {
	value := uint32(c.value)
	failIf := func(cond bpf.JumpTest) bpf.Instruction { return bpf.JumpIf{Cond: cond, Val: value, SkipTrue: rest} }
	switch c.op {
	case specs.OpMaskedEqual:
		if mask := uint32(c.mask); mask != 0 {
			return []bpf.Instruction{load(off), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask}, failIf(bpf.JumpNotEqual)}
		}
		return nil // always so
	case specs.OpEqualTo:
		return []bpf.Instruction{load(off), failIf(bpf.JumpNotEqual)}
	case specs.OpNotEqual:
		return []bpf.Instruction{load(off), failIf(bpf.JumpEqual)}
	case specs.OpGreaterThan:
		return []bpf.Instruction{load(off), failIf(bpf.JumpLessOrEqual)}
	case specs.OpGreaterEqual:
		return []bpf.Instruction{load(off), failIf(bpf.JumpLessThan)}
	case specs.OpLessThan:
		return []bpf.Instruction{load(off), failIf(bpf.JumpGreaterOrEqual)}
	default: // SCMP_CMP_LE
		return []bpf.Instruction{load(off), failIf(bpf.JumpGreaterThan)}
	}
}
