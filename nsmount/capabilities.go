package nsmount

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Capabilities are the five sets of capabilities(7), one bit a capability.
type Capabilities struct {
	Bounding    uint64 `json:"bounding"`
	Effective   uint64 `json:"effective"`
	Permitted   uint64 `json:"permitted"`
	Inheritable uint64 `json:"inheritable"`
	Ambient     uint64 `json:"ambient"`
}

// capabilityNames are the names without "CAP_", at the index that
// linux/capability.h gives them.
var capabilityNames = [...]string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// capabilityList names the capabilities of a set, for messages.
func capabilityList(set uint64) string {
	var names []string
	for i := range 64 {
		switch {
		case set&(1<<i) == 0:
		case i < len(capabilityNames):
			names = append(names, "CAP_"+capabilityNames[i])
		default:
			names = append(names, fmt.Sprintf("capability %d", i))
		}
	}
	return strings.Join(names, ", ")
}

// AddCapability gives the process a capability, by its name with or without
// CAP_, in the bounding, permitted and effective sets.
func (p *Process) AddCapability(name string) error {
	bit := slices.Index(capabilityNames[:], strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
	if bit < 0 {
		return fmt.Errorf("%q: no such capability", name)
	}
	var c Capabilities
	if p.Capabilities != nil {
		c = *p.Capabilities
	}
	c.Bounding |= 1 << bit
	c.Permitted |= 1 << bit
	c.Effective |= 1 << bit
	p.Capabilities = &c
	return nil
}

// GrantOnly takes out of the process's sets what is not in have, and names it.
func (p *Process) GrantOnly(have uint64) (missing string) {
	if p.Capabilities == nil {
		return ""
	}
	c, all := *p.Capabilities, uint64(0)
	for _, set := range []*uint64{&c.Bounding, &c.Effective, &c.Permitted, &c.Inheritable, &c.Ambient} {
		all |= *set
		*set &= have
	}
	p.Capabilities = &c
	return capabilityList(all &^ have)
}

// compileCapabilities turns names into sets. runtime-spec has a runtime warn
// of what the kernel cannot grant: an unknown name, and a capability that one
// set has without the set that the kernel takes it from. Those are left out,
// so that the result is never looser than the config. A nil list of sets is
// five empty ones: runc runs even root without a capability then.
func compileCapabilities(c *specs.LinuxCapabilities, uid uint32) (sets Capabilities, warnings []string) {
	if c == nil {
		return sets, nil
	}
	warn := func(format string, args ...any) {
		warnings = append(warnings, "process.capabilities."+fmt.Sprintf(format, args...))
	}
	parse := func(field string, names []string) (set uint64) {
		for i, name := range names {
			short, ok := strings.CutPrefix(strings.ToUpper(name), "CAP_")
			bit := slices.Index(capabilityNames[:], short)
			if !ok || bit < 0 {
				warn("%s[%d] %q: no such capability; left out", field, i, name)
				continue
			}
			set |= 1 << bit
		}
		return set
	}
	sets = Capabilities{
		Bounding:    parse("bounding", c.Bounding),
		Effective:   parse("effective", c.Effective),
		Permitted:   parse("permitted", c.Permitted),
		Inheritable: parse("inheritable", c.Inheritable),
		Ambient:     parse("ambient", c.Ambient),
	}
	if extra := sets.Effective &^ sets.Permitted; extra != 0 {
		warn("effective: %s: not in permitted; left out", capabilityList(extra))
		sets.Effective &^= extra
	}
	if extra := sets.Inheritable &^ sets.Bounding; extra != 0 {
		warn("inheritable: %s: not in bounding; left out", capabilityList(extra))
		sets.Inheritable &^= extra
	}
	if extra := sets.Ambient &^ (sets.Permitted & sets.Inheritable); extra != 0 {
		// Root gets its capabilities from the bounding set, whatever is
		// ambient: `runc spec` writes such a list, and nothing is lost.
		if uid != 0 {
			warn("ambient: %s: not in both permitted and inheritable; left out", capabilityList(extra))
		}
		sets.Ambient &^= extra
	}
	return sets, warnings
}
