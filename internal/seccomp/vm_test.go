package seccomp

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
)

// sysCall is what a filter is shown.
type sysCall struct {
	audit, nr uint32
	args      [6]uint64
}

// machine runs a filter as the kernel does. x/net's machine reads network
// order, so it is given each word in that.
type machine struct{ vm *bpf.VM }

func newMachine(t testing.TB, f *Filter) machine {
	t.Helper()
	code, all := bpf.Disassemble(f.Program)
	if !all {
		t.Fatal("the program has instructions that nobody knows")
	}
	if len(f.Program) > maxInstructions {
		t.Fatalf("%d instructions", len(f.Program))
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		t.Fatal(err)
	}
	return machine{vm}
}

func (m machine) run(t testing.TB, c sysCall) uint32 {
	t.Helper()
	var data [64]byte
	put := func(off int, v uint32) { binary.BigEndian.PutUint32(data[off:], v) }
	put(0, c.nr)
	put(4, c.audit)
	for i, a := range c.args {
		put(16+8*i, uint32(a))
		put(20+8*i, uint32(a>>32))
	}
	ret, err := m.vm.Run(data[:])
	if err != nil {
		t.Fatal(err)
	}
	return uint32(ret)
}
