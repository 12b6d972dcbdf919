// Package stack gives the main goroutine a stack that a boot does not outgrow,
// once, as nsboot starts.
//
//	import _ "github.com/nsboot/nsboot/internal/stack"
//
// A goroutine starts with 2 KiB and moves each time that it needs twice as much.
// On the way to what a boot needs that costs 23 page faults, of pools of stacks in
// four sizes and of the tables that tell where a frame has pointers: 0.1 ms. A frame that is larger than all of them on the way makes
// the runtime skip them.
//
// # What it does not
//
// It touches none of that stack; pages that nobody needs are never there. The
// collector may halve it again, in a program that lives long enough for one.
package stack

// A package without imports is initialised before all others that have some.
func init() { grow(false) }

// grow has a frame of 28 KiB, for which the runtime makes room before the first
// instruction. Nothing in it is ever used.
//
//go:noinline
func grow(use bool) byte {
	if !use {
		return 0
	}
	var frame [28 << 10]byte
	for i := range frame {
		frame[i] = byte(i)
	}
	return frame[len(frame)/2]
}
