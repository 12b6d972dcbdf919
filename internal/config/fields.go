package config

import specs "github.com/opencontainers/runtime-spec/specs-go"

// The tables below follow the order of specs-go. They are data that the linker
// lays out: nothing runs for them before main. A test holds them to specs-go.

var specFields = []field[specs.Spec]{
	{"ociVersion", func(d *decoder, v *specs.Spec) { readString(d, &v.Version) }},
	{"process", func(d *decoder, v *specs.Spec) { pointer(d, &v.Process, readProcess) }},
	{"root", func(d *decoder, v *specs.Spec) { pointer(d, &v.Root, readRoot) }},
	{"hostname", func(d *decoder, v *specs.Spec) { readString(d, &v.Hostname) }},
	{"domainname", func(d *decoder, v *specs.Spec) { readString(d, &v.Domainname) }},
	{"mounts", func(d *decoder, v *specs.Spec) { list(d, &v.Mounts, readMount) }},
	{"hooks", func(d *decoder, v *specs.Spec) { pointer(d, &v.Hooks, readHooks) }},
	{"annotations", func(d *decoder, v *specs.Spec) { dict(d, &v.Annotations, readString[string]) }},
	{"linux", func(d *decoder, v *specs.Spec) { pointer(d, &v.Linux, readLinux) }},
	{"solaris", func(d *decoder, v *specs.Spec) { foreign(d, &v.Solaris) }},
	{"windows", func(d *decoder, v *specs.Spec) { foreign(d, &v.Windows) }},
	{"vm", func(d *decoder, v *specs.Spec) { foreign(d, &v.VM) }},
	{"zos", func(d *decoder, v *specs.Spec) { foreign(d, &v.ZOS) }},
	{"freebsd", func(d *decoder, v *specs.Spec) { foreign(d, &v.FreeBSD) }},
}

var processFields = []field[specs.Process]{
	{"terminal", func(d *decoder, v *specs.Process) { readBool(d, &v.Terminal) }},
	{"consoleSize", func(d *decoder, v *specs.Process) { pointer(d, &v.ConsoleSize, readBox) }},
	{"user", func(d *decoder, v *specs.Process) { readUser(d, &v.User) }},
	{"args", func(d *decoder, v *specs.Process) { stringList(d, &v.Args) }},
	{"commandLine", func(d *decoder, v *specs.Process) { readString(d, &v.CommandLine) }},
	{"env", func(d *decoder, v *specs.Process) { stringList(d, &v.Env) }},
	{"cwd", func(d *decoder, v *specs.Process) { readString(d, &v.Cwd) }},
	{"capabilities", func(d *decoder, v *specs.Process) { pointer(d, &v.Capabilities, readCapabilities) }},
	{"rlimits", func(d *decoder, v *specs.Process) { list(d, &v.Rlimits, readPOSIXRlimit) }},
	{"noNewPrivileges", func(d *decoder, v *specs.Process) { readBool(d, &v.NoNewPrivileges) }},
	{"apparmorProfile", func(d *decoder, v *specs.Process) { readString(d, &v.ApparmorProfile) }},
	{"oomScoreAdj", func(d *decoder, v *specs.Process) { pointer(d, &v.OOMScoreAdj, readInt[int]) }},
	{"scheduler", func(d *decoder, v *specs.Process) { pointer(d, &v.Scheduler, readScheduler) }},
	{"selinuxLabel", func(d *decoder, v *specs.Process) { readString(d, &v.SelinuxLabel) }},
	{"ioPriority", func(d *decoder, v *specs.Process) { pointer(d, &v.IOPriority, readIOPriority) }},
	{"execCPUAffinity", func(d *decoder, v *specs.Process) { pointer(d, &v.ExecCPUAffinity, readCPUAffinity) }},
}

func readProcess(d *decoder, v *specs.Process) { object(d, v, processFields) }

var rootFields = []field[specs.Root]{
	{"path", func(d *decoder, v *specs.Root) { readString(d, &v.Path) }},
	{"readonly", func(d *decoder, v *specs.Root) { readBool(d, &v.Readonly) }},
}

func readRoot(d *decoder, v *specs.Root) { object(d, v, rootFields) }

var mountFields = []field[specs.Mount]{
	{"destination", func(d *decoder, v *specs.Mount) { readString(d, &v.Destination) }},
	{"type", func(d *decoder, v *specs.Mount) { readString(d, &v.Type) }},
	{"source", func(d *decoder, v *specs.Mount) { readString(d, &v.Source) }},
	{"options", func(d *decoder, v *specs.Mount) { stringList(d, &v.Options) }},
	{"uidMappings", func(d *decoder, v *specs.Mount) { list(d, &v.UIDMappings, readIDMapping) }},
	{"gidMappings", func(d *decoder, v *specs.Mount) { list(d, &v.GIDMappings, readIDMapping) }},
}

func readMount(d *decoder, v *specs.Mount) { object(d, v, mountFields) }

var linuxFields = []field[specs.Linux]{
	{"uidMappings", func(d *decoder, v *specs.Linux) { list(d, &v.UIDMappings, readIDMapping) }},
	{"gidMappings", func(d *decoder, v *specs.Linux) { list(d, &v.GIDMappings, readIDMapping) }},
	{"sysctl", func(d *decoder, v *specs.Linux) { dict(d, &v.Sysctl, readString[string]) }},
	{"resources", func(d *decoder, v *specs.Linux) { pointer(d, &v.Resources, readResources) }},
	{"cgroupsPath", func(d *decoder, v *specs.Linux) { readString(d, &v.CgroupsPath) }},
	{"namespaces", func(d *decoder, v *specs.Linux) { list(d, &v.Namespaces, readNamespace) }},
	{"devices", func(d *decoder, v *specs.Linux) { list(d, &v.Devices, readDevice) }},
	{"netDevices", func(d *decoder, v *specs.Linux) { dict(d, &v.NetDevices, readNetDevice) }},
	{"seccomp", func(d *decoder, v *specs.Linux) { pointer(d, &v.Seccomp, readSeccomp) }},
	{"rootfsPropagation", func(d *decoder, v *specs.Linux) { readString(d, &v.RootfsPropagation) }},
	{"maskedPaths", func(d *decoder, v *specs.Linux) { stringList(d, &v.MaskedPaths) }},
	{"readonlyPaths", func(d *decoder, v *specs.Linux) { stringList(d, &v.ReadonlyPaths) }},
	{"mountLabel", func(d *decoder, v *specs.Linux) { readString(d, &v.MountLabel) }},
	{"intelRdt", func(d *decoder, v *specs.Linux) { pointer(d, &v.IntelRdt, readIntelRdt) }},
	{"memoryPolicy", func(d *decoder, v *specs.Linux) { pointer(d, &v.MemoryPolicy, readMemoryPolicy) }},
	{"personality", func(d *decoder, v *specs.Linux) { pointer(d, &v.Personality, readPersonality) }},
	{"timeOffsets", func(d *decoder, v *specs.Linux) { dict(d, &v.TimeOffsets, readTimeOffset) }},
}

func readLinux(d *decoder, v *specs.Linux) { object(d, v, linuxFields) }
