package seccomp

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// call is a system call: its name, and its number in each table, -1 if it is
// not there.
type call struct {
	name                         string
	amd64, x32, i386, arm64, arm int32
}

// arch is one architecture that a machine runs programs of.
type arch struct {
	name  specs.Arch
	audit uint32 // AUDIT_ARCH_ of linux/audit.h: what the kernel tells filters
	table table
	bits  int // of an argument
}

// table says which numbers of a call an architecture has.
type table int

const (
	tableAMD64 table = iota
	tableX32
	table386
	tableARM64
	tableARM
)

// A machine's architectures, its own first. x32 has no audit number of its own:
// it is amd64 with a bit set in the numbers of its calls.
var (
	archsAMD64 = [...]arch{
		{specs.ArchX86_64, 0xc000003e, tableAMD64, 64},
		{specs.ArchX86, 0x40000003, table386, 32},
		{specs.ArchX32, 0xc000003e, tableX32, 32},
	}
	archsARM64 = [...]arch{
		{specs.ArchAARCH64, 0xc00000b7, tableARM64, 64},
		{specs.ArchARM, 0x40000028, tableARM, 32},
	}
)

// x32Bit marks the calls of x32.
const x32Bit = 0x40000000

// archsOf are a machine's architectures, by Go's name for it.
func archsOf(machine string) []arch {
	switch machine {
	case "amd64":
		return archsAMD64[:]
	case "arm64":
		return archsARM64[:]
	}
	return nil
}

// architectures are those of runtime-spec. One of another machine asks for
// nothing: no program of it can run.
var architectures = [...]specs.Arch{
	specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64, specs.ArchMIPS, specs.ArchMIPS64,
	specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32, specs.ArchPPC, specs.ArchPPC64,
	specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC, specs.ArchPARISC64, specs.ArchRISCV64,
	specs.ArchLOONGARCH64, specs.ArchM68K, specs.ArchSH, specs.ArchSHEB,
}

// lookup finds a system call by name; nil if there is none.
func lookup(name string) *call {
	low, high := 0, len(calls)
	for low < high {
		if mid := (low + high) / 2; calls[mid].name < name {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == len(calls) || calls[low].name != name {
		return nil
	}
	return &calls[low]
}

// number is the call's number as a filter sees it.
func (a *arch) number(c *call) (nr uint32, ok bool) {
	n := [...]int32{tableAMD64: c.amd64, tableX32: c.x32, table386: c.i386, tableARM64: c.arm64, tableARM: c.arm}[a.table]
	if n < 0 {
		return 0, false
	}
	if a.table == tableX32 {
		return uint32(n) | x32Bit, true
	}
	return uint32(n), true
}

// private reports whether a number is one of arm's own calls (set_tls and the
// like), which lie far above the others and say nothing of how new a filter is.
func (a *arch) private(nr uint32) bool { return a.table == tableARM && nr >= 0x0f0000 }

// Numbers of 386's two calls that stand for many.
const (
	nrSocketcall = 102
	nrIPC        = 117
)

// muxed is how 386 programs made a call before it had a number, and still may:
// by socketcall or ipc, whose first argument says which is meant. That of ipc
// has a version in its upper half.
func (a *arch) muxed(name string) (nr uint32, is []condition, ok bool) {
	if a.table != table386 {
		return 0, nil, false
	}
	if sub := socketcall(name); sub != 0 {
		return nrSocketcall, []condition{{op: specs.OpEqualTo, value: sub, bits: a.bits}}, true
	}
	if sub := ipc(name); sub != 0 {
		return nrIPC, []condition{{op: specs.OpMaskedEqual, value: sub, mask: 0xffff, bits: a.bits}}, true
	}
	return 0, nil, false
}

// socketcall is the number that linux/net.h has for a call.
func socketcall(name string) uint64 { return uint64(slices.Index(socketcalls[:], name) + 1) }

// socketcalls are those of socketcall, the first its number 1.
var socketcalls = [...]string{
	"socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
	"sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
}

// ipc is the number that linux/ipc.h has for a call.
func ipc(name string) uint64 {
	switch name {
	case "semop":
		return 1
	case "semget":
		return 2
	case "semctl":
		return 3
	case "semtimedop":
		return 4
	case "msgsnd":
		return 11
	case "msgrcv":
		return 12
	case "msgget":
		return 13
	case "msgctl":
		return 14
	case "shmat":
		return 21
	case "shmdt":
		return 22
	case "shmget":
		return 23
	case "shmctl":
		return 24
	}
	return 0
}
