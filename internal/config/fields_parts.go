package config

import (
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var hooksFields = []field[specs.Hooks]{
	//lint:ignore SA1019 config.json may still have it: read, to be refused by name
	{"prestart", func(d *decoder, v *specs.Hooks) { list(d, &v.Prestart, readHook) }},
	{"createRuntime", func(d *decoder, v *specs.Hooks) { list(d, &v.CreateRuntime, readHook) }},
	{"createContainer", func(d *decoder, v *specs.Hooks) { list(d, &v.CreateContainer, readHook) }},
	{"startContainer", func(d *decoder, v *specs.Hooks) { list(d, &v.StartContainer, readHook) }},
	{"poststart", func(d *decoder, v *specs.Hooks) { list(d, &v.Poststart, readHook) }},
	{"poststop", func(d *decoder, v *specs.Hooks) { list(d, &v.Poststop, readHook) }},
}

func readHooks(d *decoder, v *specs.Hooks) { object(d, v, hooksFields) }

var boxFields = []field[specs.Box]{
	{"height", func(d *decoder, v *specs.Box) { readInt(d, &v.Height) }},
	{"width", func(d *decoder, v *specs.Box) { readInt(d, &v.Width) }},
}

func readBox(d *decoder, v *specs.Box) { object(d, v, boxFields) }

var userFields = []field[specs.User]{
	{"uid", func(d *decoder, v *specs.User) { readInt(d, &v.UID) }},
	{"gid", func(d *decoder, v *specs.User) { readInt(d, &v.GID) }},
	{"umask", func(d *decoder, v *specs.User) { pointer(d, &v.Umask, readInt[uint32]) }},
	{"additionalGids", func(d *decoder, v *specs.User) { list(d, &v.AdditionalGids, readInt[uint32]) }},
	{"username", func(d *decoder, v *specs.User) { readString(d, &v.Username) }},
}

func readUser(d *decoder, v *specs.User) { object(d, v, userFields) }

var capabilitiesFields = []field[specs.LinuxCapabilities]{
	{"bounding", func(d *decoder, v *specs.LinuxCapabilities) { stringList(d, &v.Bounding) }},
	{"effective", func(d *decoder, v *specs.LinuxCapabilities) { stringList(d, &v.Effective) }},
	{"inheritable", func(d *decoder, v *specs.LinuxCapabilities) { stringList(d, &v.Inheritable) }},
	{"permitted", func(d *decoder, v *specs.LinuxCapabilities) { stringList(d, &v.Permitted) }},
	{"ambient", func(d *decoder, v *specs.LinuxCapabilities) { stringList(d, &v.Ambient) }},
}

func readCapabilities(d *decoder, v *specs.LinuxCapabilities) { object(d, v, capabilitiesFields) }

var posixRlimitFields = []field[specs.POSIXRlimit]{
	{"type", func(d *decoder, v *specs.POSIXRlimit) { readString(d, &v.Type) }},
	{"hard", func(d *decoder, v *specs.POSIXRlimit) { readInt(d, &v.Hard) }},
	{"soft", func(d *decoder, v *specs.POSIXRlimit) { readInt(d, &v.Soft) }},
}

func readPOSIXRlimit(d *decoder, v *specs.POSIXRlimit) { object(d, v, posixRlimitFields) }

var schedulerFields = []field[specs.Scheduler]{
	{"policy", func(d *decoder, v *specs.Scheduler) { readString(d, &v.Policy) }},
	{"nice", func(d *decoder, v *specs.Scheduler) { readInt(d, &v.Nice) }},
	{"priority", func(d *decoder, v *specs.Scheduler) { readInt(d, &v.Priority) }},
	{"flags", func(d *decoder, v *specs.Scheduler) { stringList(d, &v.Flags) }},
	{"runtime", func(d *decoder, v *specs.Scheduler) { readInt(d, &v.Runtime) }},
	{"deadline", func(d *decoder, v *specs.Scheduler) { readInt(d, &v.Deadline) }},
	{"period", func(d *decoder, v *specs.Scheduler) { readInt(d, &v.Period) }},
}

func readScheduler(d *decoder, v *specs.Scheduler) { object(d, v, schedulerFields) }

var ioPriorityFields = []field[specs.LinuxIOPriority]{
	{"class", func(d *decoder, v *specs.LinuxIOPriority) { readString(d, &v.Class) }},
	{"priority", func(d *decoder, v *specs.LinuxIOPriority) { readInt(d, &v.Priority) }},
}

func readIOPriority(d *decoder, v *specs.LinuxIOPriority) { object(d, v, ioPriorityFields) }

var cpuAffinityFields = []field[specs.CPUAffinity]{
	{"initial", func(d *decoder, v *specs.CPUAffinity) { readString(d, &v.Initial) }},
	{"final", func(d *decoder, v *specs.CPUAffinity) { readString(d, &v.Final) }},
}

func readCPUAffinity(d *decoder, v *specs.CPUAffinity) { object(d, v, cpuAffinityFields) }

var iDMappingFields = []field[specs.LinuxIDMapping]{
	{"containerID", func(d *decoder, v *specs.LinuxIDMapping) { readInt(d, &v.ContainerID) }},
	{"hostID", func(d *decoder, v *specs.LinuxIDMapping) { readInt(d, &v.HostID) }},
	{"size", func(d *decoder, v *specs.LinuxIDMapping) { readInt(d, &v.Size) }},
}

func readIDMapping(d *decoder, v *specs.LinuxIDMapping) { object(d, v, iDMappingFields) }

var hookFields = []field[specs.Hook]{
	{"path", func(d *decoder, v *specs.Hook) { readString(d, &v.Path) }},
	{"args", func(d *decoder, v *specs.Hook) { stringList(d, &v.Args) }},
	{"env", func(d *decoder, v *specs.Hook) { stringList(d, &v.Env) }},
	{"timeout", func(d *decoder, v *specs.Hook) { pointer(d, &v.Timeout, readInt[int]) }},
}

func readHook(d *decoder, v *specs.Hook) { object(d, v, hookFields) }

var namespaceFields = []field[specs.LinuxNamespace]{
	{"type", func(d *decoder, v *specs.LinuxNamespace) { readString(d, &v.Type) }},
	{"path", func(d *decoder, v *specs.LinuxNamespace) { readString(d, &v.Path) }},
}

func readNamespace(d *decoder, v *specs.LinuxNamespace) { object(d, v, namespaceFields) }

var deviceFields = []field[specs.LinuxDevice]{
	{"path", func(d *decoder, v *specs.LinuxDevice) { readString(d, &v.Path) }},
	{"type", func(d *decoder, v *specs.LinuxDevice) { readString(d, &v.Type) }},
	{"major", func(d *decoder, v *specs.LinuxDevice) { readInt(d, &v.Major) }},
	{"minor", func(d *decoder, v *specs.LinuxDevice) { readInt(d, &v.Minor) }},
	{"fileMode", func(d *decoder, v *specs.LinuxDevice) { pointer(d, &v.FileMode, readInt[os.FileMode]) }},
	{"uid", func(d *decoder, v *specs.LinuxDevice) { pointer(d, &v.UID, readInt[uint32]) }},
	{"gid", func(d *decoder, v *specs.LinuxDevice) { pointer(d, &v.GID, readInt[uint32]) }},
}

func readDevice(d *decoder, v *specs.LinuxDevice) { object(d, v, deviceFields) }

var netDeviceFields = []field[specs.LinuxNetDevice]{
	{"name", func(d *decoder, v *specs.LinuxNetDevice) { readString(d, &v.Name) }},
}

func readNetDevice(d *decoder, v *specs.LinuxNetDevice) { object(d, v, netDeviceFields) }

var seccompFields = []field[specs.LinuxSeccomp]{
	{"defaultAction", func(d *decoder, v *specs.LinuxSeccomp) { readString(d, &v.DefaultAction) }},
	{"defaultErrnoRet", func(d *decoder, v *specs.LinuxSeccomp) { pointer(d, &v.DefaultErrnoRet, readInt[uint]) }},
	{"architectures", func(d *decoder, v *specs.LinuxSeccomp) { stringList(d, &v.Architectures) }},
	{"flags", func(d *decoder, v *specs.LinuxSeccomp) { stringList(d, &v.Flags) }},
	{"listenerPath", func(d *decoder, v *specs.LinuxSeccomp) { readString(d, &v.ListenerPath) }},
	{"listenerMetadata", func(d *decoder, v *specs.LinuxSeccomp) { readString(d, &v.ListenerMetadata) }},
	{"syscalls", func(d *decoder, v *specs.LinuxSeccomp) { list(d, &v.Syscalls, readSyscall) }},
}

func readSeccomp(d *decoder, v *specs.LinuxSeccomp) { object(d, v, seccompFields) }

var intelRdtFields = []field[specs.LinuxIntelRdt]{
	{"closID", func(d *decoder, v *specs.LinuxIntelRdt) { readString(d, &v.ClosID) }},
	{"schemata", func(d *decoder, v *specs.LinuxIntelRdt) { stringList(d, &v.Schemata) }},
	{"l3CacheSchema", func(d *decoder, v *specs.LinuxIntelRdt) { readString(d, &v.L3CacheSchema) }},
	{"memBwSchema", func(d *decoder, v *specs.LinuxIntelRdt) { readString(d, &v.MemBwSchema) }},
	{"enableMonitoring", func(d *decoder, v *specs.LinuxIntelRdt) { readBool(d, &v.EnableMonitoring) }},
}

func readIntelRdt(d *decoder, v *specs.LinuxIntelRdt) { object(d, v, intelRdtFields) }

var memoryPolicyFields = []field[specs.LinuxMemoryPolicy]{
	{"mode", func(d *decoder, v *specs.LinuxMemoryPolicy) { readString(d, &v.Mode) }},
	{"nodes", func(d *decoder, v *specs.LinuxMemoryPolicy) { readString(d, &v.Nodes) }},
	{"flags", func(d *decoder, v *specs.LinuxMemoryPolicy) { stringList(d, &v.Flags) }},
}

func readMemoryPolicy(d *decoder, v *specs.LinuxMemoryPolicy) { object(d, v, memoryPolicyFields) }

var personalityFields = []field[specs.LinuxPersonality]{
	{"domain", func(d *decoder, v *specs.LinuxPersonality) { readString(d, &v.Domain) }},
	{"flags", func(d *decoder, v *specs.LinuxPersonality) { stringList(d, &v.Flags) }},
}

func readPersonality(d *decoder, v *specs.LinuxPersonality) { object(d, v, personalityFields) }

var timeOffsetFields = []field[specs.LinuxTimeOffset]{
	{"secs", func(d *decoder, v *specs.LinuxTimeOffset) { readInt(d, &v.Secs) }},
	{"nanosecs", func(d *decoder, v *specs.LinuxTimeOffset) { readInt(d, &v.Nanosecs) }},
}

func readTimeOffset(d *decoder, v *specs.LinuxTimeOffset) { object(d, v, timeOffsetFields) }

var syscallFields = []field[specs.LinuxSyscall]{
	{"names", func(d *decoder, v *specs.LinuxSyscall) { stringList(d, &v.Names) }},
	{"action", func(d *decoder, v *specs.LinuxSyscall) { readString(d, &v.Action) }},
	{"errnoRet", func(d *decoder, v *specs.LinuxSyscall) { pointer(d, &v.ErrnoRet, readInt[uint]) }},
	{"args", func(d *decoder, v *specs.LinuxSyscall) { list(d, &v.Args, readSeccompArg) }},
}

func readSyscall(d *decoder, v *specs.LinuxSyscall) { object(d, v, syscallFields) }

var seccompArgFields = []field[specs.LinuxSeccompArg]{
	{"index", func(d *decoder, v *specs.LinuxSeccompArg) { readInt(d, &v.Index) }},
	{"value", func(d *decoder, v *specs.LinuxSeccompArg) { readInt(d, &v.Value) }},
	{"valueTwo", func(d *decoder, v *specs.LinuxSeccompArg) { readInt(d, &v.ValueTwo) }},
	{"op", func(d *decoder, v *specs.LinuxSeccompArg) { readString(d, &v.Op) }},
}

func readSeccompArg(d *decoder, v *specs.LinuxSeccompArg) { object(d, v, seccompArgFields) }
