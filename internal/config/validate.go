package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nsboot/nsboot/internal/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// noID is what the kernel takes for "leave the id as it is".
const noID = 1<<32 - 1

// CheckProcess says whether spec names a process to start. It is apart from
// Check because a caller may have a command of its own.
func CheckProcess(spec *specs.Spec) error {
	switch {
	case spec.Process == nil:
		return errors.New("process is missing: the config names nothing to run")
	case len(spec.Process.Args) == 0:
		return errors.New("process.args is empty: the config names nothing to run")
	case spec.Process.Args[0] == "":
		return errors.New("process.args[0] is empty: it names the executable")
	}
	return nil
}

// validate finds values that no runtime could honour; warnings are about
// those that the specification or custom lets pass.
func validate(spec *specs.Spec) (warnings []string, err error) {
	if err := checkVersion(spec.Version); err != nil {
		return nil, err
	}
	switch {
	case spec.Root == nil:
		return nil, errors.New("root is missing: it names the directory to boot")
	case spec.Root.Path == "":
		return nil, errors.New("root.path is empty: it names the directory to boot")
	}
	if spec.Process != nil {
		if warnings, err = validateProcess(spec.Process); err != nil {
			return nil, err
		}
	}
	if err := validateLinux(spec.Linux); err != nil {
		return nil, err
	}
	for _, f := range [...]struct{ field, name string }{{"hostname", spec.Hostname}, {"domainname", spec.Domainname}} {
		if f.name != "" && !hasNamespace(spec.Linux, specs.UTSNamespace) {
			return nil, fmt.Errorf("%s is %s, but linux.namespaces lists no uts namespace: it would rename the host", f.field, quote(f.name))
		}
	}
	return warnings, nil
}

func hasNamespace(l *specs.Linux, t specs.LinuxNamespaceType) bool {
	if l != nil {
		for _, ns := range l.Namespaces {
			if ns.Type == t {
				return true
			}
		}
	}
	return false
}

func validateProcess(p *specs.Process) (warnings []string, err error) {
	if err := absolute("process.cwd", p.Cwd); err != nil {
		return nil, err
	}
	for i, a := range p.Args {
		if strings.IndexByte(a, 0) >= 0 {
			return nil, fmt.Errorf("process.args[%d] holds a NUL byte", i)
		}
	}
	for i, e := range p.Env {
		if strings.IndexByte(e, 0) >= 0 {
			return nil, fmt.Errorf("process.env[%d] holds a NUL byte", i)
		}
		if strings.IndexByte(e, '=') < 0 {
			warnings = append(warnings, fmt.Sprintf("process.env[%d] %s has no '='; passed on as it is", i, quote(e)))
		}
	}
	if err := validateUser(&p.User); err != nil {
		return nil, err
	}
	if o := p.OOMScoreAdj; o != nil && (*o < -1000 || *o > 1000) {
		return nil, fmt.Errorf("process.oomScoreAdj is %d: it goes from -1000 to 1000", *o)
	}
	if err := validateRlimits(p.Rlimits); err != nil {
		return nil, err
	}
	return append(warnings, unknownCapabilities(p.Capabilities)...), nil
}

func validateUser(u *specs.User) error {
	switch {
	case u.Umask != nil && *u.Umask > 0o777:
		return fmt.Errorf("process.user.umask is %d (0%o): it has no bits above 0777", *u.Umask, *u.Umask)
	case u.UID == noID:
		return fmt.Errorf("process.user.uid is %d, which is no user id", u.UID)
	case u.GID == noID:
		return fmt.Errorf("process.user.gid is %d, which is no group id", u.GID)
	}
	for i, g := range u.AdditionalGids {
		if g == noID {
			return fmt.Errorf("process.user.additionalGids[%d] is %d, which is no group id", i, g)
		}
	}
	return nil
}

func validateRlimits(limits []specs.POSIXRlimit) error {
	for i, r := range limits {
		field := at("process.rlimits", i)
		if !knownRlimit(r.Type) {
			return fmt.Errorf("%s.type %s is no limit that Linux has", field, quote(r.Type))
		}
		for j := range limits[:i] { // of at most 16, all different
			if limits[j].Type == r.Type {
				return fmt.Errorf("%s.type %s is set already by process.rlimits[%d]", field, r.Type, j)
			}
		}
		if r.Soft > r.Hard {
			return fmt.Errorf("%s (%s): soft %d is above hard %d", field, r.Type, r.Soft, r.Hard)
		}
	}
	return nil
}

func knownRlimit(t string) bool {
	switch t {
	case "RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS",
		"RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS",
		"RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK":
		return true
	}
	return false
}

// unknownCapabilities: a capability that does not exist cannot be kept, which
// leaves the process with less, never more.
func unknownCapabilities(c *specs.LinuxCapabilities) (warnings []string) {
	if c == nil {
		return nil
	}
	for _, set := range [...]struct {
		name string
		caps []string
	}{
		{"bounding", c.Bounding}, {"effective", c.Effective}, {"inheritable", c.Inheritable},
		{"permitted", c.Permitted}, {"ambient", c.Ambient},
	} {
		for i, name := range set.caps {
			if !knownCapability(name) {
				warnings = append(warnings, fmt.Sprintf("process.capabilities.%s[%d] %s is no capability that this build knows; ignored", set.name, i, quote(name)))
			}
		}
	}
	return warnings
}

func knownCapability(name string) bool {
	switch name {
	case "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
		"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
		"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
		"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
		"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
		"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE":
		return true
	}
	return false
}

func validateLinux(l *specs.Linux) error {
	if l == nil {
		return nil
	}
	if err := validateNamespaces(l.Namespaces); err != nil {
		return err
	}
	for i := range l.Devices {
		if err := validateDevice(at("linux.devices", i), &l.Devices[i]); err != nil {
			return err
		}
	}
	for i, p := range l.MaskedPaths {
		if err := absolute(at("linux.maskedPaths", i), p); err != nil {
			return err
		}
	}
	for i, p := range l.ReadonlyPaths {
		if err := absolute(at("linux.readonlyPaths", i), p); err != nil {
			return err
		}
	}
	if err := seccomp.Check(l.Seccomp); err != nil {
		return err
	}
	switch l.RootfsPropagation {
	case "", "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable":
		return nil
	}
	return fmt.Errorf("linux.rootfsPropagation %s is no propagation that Linux has", quote(l.RootfsPropagation))
}

func validateNamespaces(list []specs.LinuxNamespace) error {
	for i, ns := range list {
		field := at("linux.namespaces", i)
		switch ns.Type {
		case specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace,
			specs.UTSNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace:
		default:
			return fmt.Errorf("%s.type %s is no namespace that Linux has", field, quote(string(ns.Type)))
		}
		for j := range list[:i] { // of at most 8, all different
			if list[j].Type == ns.Type {
				return fmt.Errorf("%s.type %s is listed already by linux.namespaces[%d]", field, ns.Type, j)
			}
		}
		if ns.Path != "" {
			if err := absolute(field+".path", ns.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

func validateDevice(field string, d *specs.LinuxDevice) error {
	if err := absolute(field+".path", d.Path); err != nil {
		return err
	}
	switch d.Type {
	case "c", "b", "u":
		if d.Major < 0 || d.Minor < 0 || d.Major >= 1<<12 || d.Minor >= 1<<20 {
			return fmt.Errorf("%s (%s): %d:%d is no device number", field, quote(d.Path), d.Major, d.Minor)
		}
	case "p":
	default:
		return fmt.Errorf("%s.type %s is none of c, b, u, p", field, quote(d.Type))
	}
	return nil
}

// absolute says what is wrong with a path that must be absolute.
func absolute(field, path string) error {
	switch {
	case path == "":
		return fmt.Errorf("%s is empty: it must be an absolute path", field)
	case path[0] != '/':
		return fmt.Errorf("%s %s is not an absolute path", field, quote(path))
	case strings.IndexByte(path, 0) >= 0:
		return fmt.Errorf("%s %s holds a NUL byte", field, quote(path))
	}
	return nil
}
