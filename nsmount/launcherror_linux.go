package nsmount

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// LaunchError is a failure between the finished file system and the first
// instruction of the process. Stage says what was tried, as in "setresuid 1000".
type LaunchError struct {
	Stage string
	Err   syscall.Errno

	why string
}

func (e *LaunchError) Error() string {
	if e.why != "" {
		return fmt.Sprintf("%s: %v (%s)", e.Stage, e.Err, e.why)
	}
	return e.Stage + ": " + e.Err.Error()
}

// Unwrap gives the errno.
func (e *LaunchError) Unwrap() error { return e.Err }

// launchError puts a record into words.
func (l *launcher) launchError(r record) error {
	e := &LaunchError{Err: syscall.Errno(r.errno)}
	switch r.stage {
	case stageEntered:
		if e.Stage = "join the user namespace of linux.namespaces"; r.arg > 0 {
			e.Stage = "make the namespaces of linux.namespaces in the user namespace"
		}
	case stageTime:
		e.Stage, e.why = timeStage(r)
	case stageMessage:
		e.Stage = "wait for the file system"
	case stageCloseRange:
		e.Stage = "close_range: close the descriptors that are not to be inherited"
	case stagePreserve:
		e.Stage = fmt.Sprintf("preserve descriptor %d", r.arg)
	case stageCwd:
		e.Stage = "enter process.cwd " + visible(l.p.Cwd)
	case stageGetcwd:
		e.Stage = "check process.cwd " + visible(l.p.Cwd)
		if e.Err == unix.EXDEV {
			e.why = "the directory is outside the root"
		}
	case stageRlimit:
		e.Stage, e.why = l.rlimitStage(r)
	case stagePersonality, stageMemory:
		e.Stage, e.why = kernelStage(r)
	case stageBounding:
		e.Stage = "drop " + capabilityList(1<<r.arg) + " from the bounding set"
	case stageKeepCaps:
		e.Stage = "keep capabilities over setresuid"
	case stageSetgroups:
		e.Stage, e.why = fmt.Sprintf("setgroups %v", l.p.Groups), idWhy(e.Err)
	case stageSetresgid:
		e.Stage, e.why = fmt.Sprintf("setresgid %d", l.p.GID), idWhy(e.Err)
	case stageSetresuid:
		e.Stage, e.why = fmt.Sprintf("setresuid %d", l.p.UID), idWhy(e.Err)
	case stageCapset:
		e.Stage = "set process.capabilities"
		if e.Err == unix.EPERM {
			e.why = missingCapabilities(l.p.Capabilities)
		}
	case stageAmbient:
		e.Stage = "clear the ambient capabilities"
		if r.arg >= 0 {
			e.Stage = "make " + capabilityList(1<<r.arg) + " ambient"
		}
	case stageNoNewPrivs:
		e.Stage = "set process.noNewPrivileges"
	case stageSeccomp:
		e.Stage, e.why = "load linux.seccomp", filterWhy(e.Err)
		switch r.arg {
		case 1:
			e.Stage, e.why = "load linux.seccomp: have CAP_SYS_ADMIN again", ""
		case 2:
			e.Stage, e.why = "load linux.seccomp: ignore SIGURG", ""
		}
	case stageListener:
		e.Stage = "hand linux.seccomp's listener over"
	case stageDeathSignal:
		e.Stage = "follow the parent's death"
	case stageJoin:
		e.Stage = "join a namespace of the container"
		if int(r.arg) < len(l.joined) {
			e.Stage = "join the container's " + l.joined[r.arg] + " namespace"
		}
	case stageCgroup:
		e.Stage = "make the cgroup namespace"
	case stageStdin:
		e.Stage = "set the standard input"
	case stageHold:
		e.Stage = "wait to be started"
	case stageSession:
		e.Stage = "setsid: lead a session of its own"
	case stageTerminal:
		e.Stage = "process.terminal: make it the standard descriptors"
		if r.arg == 0 {
			e.Stage = "process.terminal: make it the controlling terminal"
		}
	case stageExec:
		e.Stage, e.why = "exec "+visible(l.s.msg.name()), execWhy(e.Err)
	default:
		e.Stage = fmt.Sprintf("step %d of the launch", r.stage)
	}
	return e
}

// name is the executable of the message.
func (m *goMessage) name() string { return unix.ByteSliceToString(m.exe[:]) }

// idWhy explains an errno of setresuid, setresgid and setgroups.
func idWhy(errno syscall.Errno) string {
	if errno == unix.EPERM && setgroupsDenied() {
		return "process.user.additionalGids: /proc/self/setgroups says deny, as in each user namespace whose group ids an ordinary user has written; without the list it boots"
	}
	if errno == unix.EINVAL {
		return "the user namespace has no such id: see /proc/self/uid_map and gid_map; /etc/subuid and /etc/subgid grant an ordinary user more"
	}
	return ""
}

// setgroupsDenied reports whether the user namespace has given up setgroups(2).
func setgroupsDenied() bool {
	text, err := readKernelFile("/proc/self/setgroups")
	return err == nil && string(text) == "deny\n"
}

// execWhy explains an errno of execve, given that the file was found before.
func execWhy(errno syscall.Errno) string {
	switch errno {
	case unix.ENOENT:
		return "the file is there, but what it needs is not: the interpreter of its #! line, or its ELF loader"
	case unix.ENOEXEC:
		return "neither a program for this machine nor a script with a #! line"
	case unix.EACCES:
		return "not executable for this user, or on a noexec mount, or its interpreter is"
	case unix.E2BIG:
		return "process.args and process.env are too long"
	case unix.EAGAIN:
		return "the user is over its RLIMIT_NPROC"
	case unix.ELOOP:
		return "too many symlinks or nested interpreters"
	}
	return ""
}

func (l *launcher) rlimitStage(r record) (stage, why string) {
	for _, limit := range l.s.rlimits {
		if limit.resource == uintptr(r.arg) && int(r.arg) < len(rlimitNames) {
			stage = fmt.Sprintf("set RLIMIT_%s to %d, %d", rlimitNames[r.arg], limit.limit[0], limit.limit[1])
		}
	}
	if r.errno == int32(unix.EPERM) {
		why = "above the caller's hard limit or the system's maximum"
	}
	return stage, why
}

// missingCapabilities names what the config wants and nsboot does not have.
func missingCapabilities(want *Capabilities) string {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if want == nil || unix.Capget(&hdr, &data[0]) != nil {
		return ""
	}
	have := uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32
	if missing := (want.Permitted | want.Inheritable) &^ have; missing != 0 {
		return "nsboot itself does not have " + capabilityList(missing)
	}
	return ""
}
