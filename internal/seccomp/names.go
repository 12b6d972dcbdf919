package seccomp

import specs "github.com/opencontainers/runtime-spec/specs-go"

// What a filter returns: SECCOMP_RET_ of linux/seccomp.h, in the low half the
// errno.
const (
	retKillProcess uint32 = 0x80000000
	retKillThread  uint32 = 0x00000000
	retTrap        uint32 = 0x00030000
	retErrno       uint32 = 0x00050000
	retNotify      uint32 = 0x7fc00000
	retTrace       uint32 = 0x7ff00000
	retLog         uint32 = 0x7ffc0000
	retAllow       uint32 = 0x7fff0000
	actionMask     uint32 = 0xffff0000
)

// The two errnos that are the same on every machine that has a table here.
const (
	eperm  = 1
	enosys = 38
)

// Flags of seccomp(2): SECCOMP_FILTER_FLAG_ of linux/seccomp.h.
const (
	flagTSyncBit         = 1 << 0
	flagWaitKillableRecv = 1 << 5 // kernel 5.19

	// FlagNewListener has seccomp(2) return a descriptor for whoever is asked.
	FlagNewListener = 1 << 3
)

// actions are those of runtime-spec, in order.
var actions = [...]specs.LinuxSeccompAction{
	specs.ActAllow, specs.ActErrno, specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActLog, specs.ActNotify,
	specs.ActTrace, specs.ActTrap,
}

// actionNumber is what the kernel knows an action by. SCMP_ACT_KILL ends the
// thread, as in libseccomp.
func actionNumber(a specs.LinuxSeccompAction) (uint32, bool) {
	switch a {
	case specs.ActKill, specs.ActKillThread:
		return retKillThread, true
	case specs.ActKillProcess:
		return retKillProcess, true
	case specs.ActTrap:
		return retTrap, true
	case specs.ActErrno:
		return retErrno, true
	case specs.ActNotify:
		return retNotify, true
	case specs.ActTrace:
		return retTrace, true
	case specs.ActLog:
		return retLog, true
	case specs.ActAllow:
		return retAllow, true
	}
	return 0, false
}

// verdict is an action with its errno, EPERM where none is said.
func verdict(a specs.LinuxSeccompAction, errno *uint) uint32 {
	ret, _ := actionNumber(a)
	switch {
	case ret != retErrno && ret != retTrace:
	case errno == nil:
		ret |= eperm
	default:
		ret |= uint32(*errno)
	}
	return ret
}

// stricter reports whether the kernel prefers a to b: the lower action as a
// signed number, where KILL_PROCESS is the lowest.
func stricter(a, b uint32) bool { return int32(a&actionMask) < int32(b&actionMask) }

// passes reports whether an action lets a call pass, or leaves it to a tracer
// who knows about new calls.
func passes(ret uint32) bool {
	switch ret & actionMask {
	case retAllow, retLog, retTrace:
		return true
	}
	return false
}

// operators are those of runtime-spec, in order.
var operators = [...]specs.LinuxSeccompOperator{
	specs.OpEqualTo, specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpLessEqual, specs.OpLessThan, specs.OpMaskedEqual, specs.OpNotEqual,
}

// flagTSync is not in runtime-spec's Go types.
const flagTSync specs.LinuxSeccompFlag = "SECCOMP_FILTER_FLAG_TSYNC"

// flagNames are those of runtime-spec, and TSYNC, in order.
var flagNames = [...]specs.LinuxSeccompFlag{
	specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow, flagTSync, specs.LinuxSeccompFlagWaitKillableRecv,
}

// flagBits are the flags of seccomp(2). TSYNC asks for what is so: the process
// has one thread when it gets its filter. WAIT_KILLABLE_RECV is about
// notifications, and the kernel refuses it where there are none.
func flagBits(c *specs.LinuxSeccomp, notify bool) (bits uint32) {
	for _, f := range c.Flags {
		if b := FlagBit(string(f)); b != flagTSyncBit && (b != flagWaitKillableRecv || notify) {
			bits |= b
		}
	}
	if notify {
		bits |= FlagNewListener
	}
	return bits
}

// FlagBit is what seccomp(2) knows a flag by, 0 if there is no such flag.
func FlagBit(name string) uint32 {
	switch specs.LinuxSeccompFlag(name) {
	case flagTSync:
		return flagTSyncBit
	case specs.LinuxSeccompFlagLog:
		return 1 << 1
	case specs.LinuxSeccompFlagSpecAllow:
		return 1 << 2
	case specs.LinuxSeccompFlagWaitKillableRecv:
		return flagWaitKillableRecv
	}
	return 0
}
