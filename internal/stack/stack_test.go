package stack

import (
	"testing"
	"unsafe"
)

// TestGrow: the first call moves a new goroutine's stack, and leaves room for
// what would have moved it several times.
func TestGrow(t *testing.T) {
	done := make(chan [3]uintptr)
	go func() {
		var here byte
		at := func() uintptr { return uintptr(unsafe.Pointer(&here)) }
		a := at()
		grow(false)
		b := at()
		deep(200)
		done <- [3]uintptr{a, b, at()}
	}()
	at := <-done
	if at[0] == at[1] {
		t.Error("the stack was not moved")
	}
	if at[1] != at[2] {
		t.Error("20 KiB more moved it again")
	}
}

// deep uses more than 100 bytes of stack n times.
//
//go:noinline
func deep(n int) (sum byte) {
	var frame [64]byte
	for i := range frame {
		frame[i] = byte(n + i)
	}
	if n > 0 {
		sum = deep(n - 1)
	}
	return sum + frame[n%64]
}
