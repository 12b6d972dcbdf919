package cgroup

import "encoding/binary"

// An instruction of a device program, as the kernel reads it: a code, two
// registers, where to jump and a number.
type instruction struct {
	code      byte
	dst, src  byte
	jump      int16
	immediate int32
}

// The codes of linux/bpf.h that a device program needs.
const (
	codeLoadWord = 0x61 // dst = *(u32 *)(src + offset)
	codeMove     = 0xbf // dst = src
	codeSet      = 0xb7 // dst = immediate
	codeAnd      = 0x57 // dst &= immediate
	codeShift    = 0x77 // dst >>= immediate
	codeIfEqual  = 0x15 // dst == immediate: jump
	codeIfNot    = 0x55 // dst != immediate: jump
	codeExit     = 0x95 // return the value in the first register
)

// What a device program's registers hold. The context, which the kernel passes
// in register 1, is of three words: the access asked for above the kind of
// device, and its two numbers.
const (
	regResult = iota
	regContext
	regKind
	regLeft // the access that no rule has allowed yet
	regMajor
	regMinor
	regMet
)

// The kinds of devices in the context.
const (
	contextBlock = 1
	contextChar  = 2
)

// deviceProgram assembles what the kernel asks for each open and mknod in a
// cgroup of v2: the rules from the last to the first, until one denies a part
// of what is asked, or some have allowed all of it.
func deviceProgram(rules []deviceRule) []byte {
	p := []instruction{
		{code: codeLoadWord, dst: regKind, src: regContext},
		{code: codeMove, dst: regLeft, src: regKind},
		{code: codeAnd, dst: regKind, immediate: 0xffff},
		{code: codeShift, dst: regLeft, immediate: 16},
		{code: codeLoadWord, dst: regMajor, src: regContext, jump: 4},
		{code: codeLoadWord, dst: regMinor, src: regContext, jump: 8},
	}
	for i := len(rules) - 1; i >= 0; i-- {
		p = append(p, rules[i].instructions()...)
	}
	p = append(p, instruction{code: codeSet, dst: regResult}, instruction{code: codeExit})
	var text []byte
	for _, in := range p {
		text = append(text, in.code, in.src<<4|in.dst)
		text = binary.NativeEndian.AppendUint16(text, uint16(in.jump))
		text = binary.NativeEndian.AppendUint32(text, uint32(in.immediate))
	}
	return text
}

// instructions decide by one rule, or go on behind it.
func (r deviceRule) instructions() (p []instruction) {
	ifNot := func(reg byte, n int64) {
		p = append(p, instruction{code: codeIfNot, dst: reg, immediate: int32(n)})
	}
	switch r.kind {
	case 'b':
		ifNot(regKind, contextBlock)
	case 'c':
		ifNot(regKind, contextChar)
	}
	if r.major != anyNumber {
		ifNot(regMajor, r.major)
	}
	if r.minor != anyNumber {
		ifNot(regMinor, r.minor)
	}
	result := int32(0)
	if r.allow {
		result = 1
		p = append(p, instruction{code: codeAnd, dst: regLeft, immediate: int32(accessAll &^ r.access)})
		ifNot(regLeft, 0)
	} else {
		p = append(p, instruction{code: codeMove, dst: regMet, src: regLeft}, instruction{code: codeAnd, dst: regMet, immediate: int32(r.access)},
			instruction{code: codeIfEqual, dst: regMet})
	}
	p = append(p, instruction{code: codeSet, dst: regResult, immediate: result}, instruction{code: codeExit})
	for i := range p {
		if p[i].code == codeIfNot || p[i].code == codeIfEqual {
			p[i].jump = int16(len(p) - i - 1)
		}
	}
	return p
}
