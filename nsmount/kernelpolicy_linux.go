package nsmount

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scriptKernel is what the process sets for itself alone, with nobody's leave.
type scriptKernel struct {
	setPersonality bool
	personality    uintptr
	setMemory      bool
	memoryMode     uintptr
	nodes          *uint64 // bits, nil for none
	sizeNodes      uintptr // one more than there are bits: set_mempolicy(2) wants it so
}

func (k *scriptKernel) prepare(p *Process) {
	if p.Personality != nil {
		k.setPersonality, k.personality = true, uintptr(*p.Personality)
	}
	if m := p.MemoryPolicy; m != nil {
		k.setMemory, k.memoryMode = true, uintptr(m.Mode)
		if len(m.Nodes) > 0 {
			k.nodes, k.sizeNodes = &m.Nodes[0], uintptr(64*len(m.Nodes)+1)
		}
	}
}

// setKernel sets what linux.personality and linux.memoryPolicy say.
//
//go:noinline
//go:norace
//go:nosplit
func setKernel(s *script) {
	r, k := &s.record, &s.kernel
	if k.setPersonality && r.fails(stagePersonality, 0, syscallErrno(unix.SYS_PERSONALITY, k.personality, 0, 0, 0)) {
		return
	}
	if k.setMemory {
		r.fails(stageMemory, 0, syscallErrno(unix.SYS_SET_MEMPOLICY, k.memoryMode, uintptr(unsafe.Pointer(k.nodes)), k.sizeNodes, 0))
	}
}

// kernelStage puts a failure into words.
func kernelStage(r record) (stage, why string) {
	if r.stage == stagePersonality {
		return "set linux.personality", ""
	}
	switch syscall.Errno(r.errno) {
	case unix.EINVAL:
		why = "the machine, or the process's cpuset, has none of its nodes, or the kernel not that mode or combination of flags"
	case unix.ENOSYS:
		why = "the kernel is built without NUMA"
	}
	return "set linux.memoryPolicy", why
}
