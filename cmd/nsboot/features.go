package main

import (
	"runtime"
	"slices"
	"strings"

	"github.com/nsboot/nsboot/internal/seccomp"
	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"golang.org/x/sys/unix"
)

func featuresCommand(a *app, args []string) (int, error) {
	fs := newFlags("features")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if err := noArguments(fs, "nsboot features"); err != nil {
		return 0, err
	}
	f, err := featuresOf(a.global.profile)
	if err != nil {
		return 0, err
	}
	return 0, a.printJSON(f)
}

// featuresOf is what this build does, as runtime-spec has it written down. What
// it does not do is there as false: left out it would mean that nobody knows.
func featuresOf(profile string) (*features.Features, error) {
	options, err := nsmount.HonouredOptions(profile)
	if err != nil {
		return nil, err
	}
	no, yes := new(false), new(true)
	return &features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: specs.Version,
		Hooks:         []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
		MountOptions:  options,
		Linux: &features.Linux{
			Namespaces:   nsmount.NamespaceTypes(),
			Capabilities: nsmount.CapabilityNames(),
			Cgroup:       &features.Cgroup{V1: yes, V2: yes, Systemd: no, SystemdUser: no, Rdma: yes},
			Seccomp: &features.Seccomp{
				Enabled: yes, Actions: seccomp.Actions(), Operators: seccomp.Operators(), Archs: seccomp.Architectures(runtime.GOARCH),
				KnownFlags: seccomp.Flags(), SupportedFlags: supportedFlags(),
			},
			Apparmor:        &features.Apparmor{Enabled: no},
			Selinux:         &features.Selinux{Enabled: no},
			IntelRdt:        &features.IntelRdt{Enabled: no},
			MemoryPolicy:    &features.MemoryPolicy{Modes: nsmount.MemoryModes(), Flags: nsmount.MemoryFlags()},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: yes}},
			NetDevices:      &features.NetDevices{Enabled: no},
		},
		Annotations: map[string]string{
			"com.github.nsboot.version":  version,
			"com.github.nsboot.profile":  profile,
			"com.github.nsboot.profiles": strings.Join(nsmount.ProfileNames(), ","),
		},
	}, nil
}

// supportedFlags are the flags of a filter that the kernel has: without a
// filter it looks at them first, and only then finds none (EFAULT).
func supportedFlags() []string {
	return slices.DeleteFunc(seccomp.Flags(), func(name string) bool {
		bits := uintptr(seccomp.FlagBit(name))
		if name == string(specs.LinuxSeccompFlagWaitKillableRecv) {
			bits |= seccomp.FlagNewListener // goes with it
		}
		_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, bits, 0)
		return errno != unix.EFAULT
	})
}
