package nsmount

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Process is what runs once the file system stands: config.json's process,
// hostname and linux.namespaces as plain data.
type Process struct {
	Args []string `json:"args"`
	Env  []string `json:"env,omitempty"`
	Cwd  string   `json:"cwd"` // absolute and cleaned

	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups,omitempty"` // exactly these, none of the caller's
	Umask  *uint32  `json:"umask,omitempty"`  // nil = the caller's

	Capabilities    *Capabilities `json:"capabilities,omitempty"` // nil = none at all, for root too
	Rlimits         []Rlimit      `json:"rlimits,omitempty"`      // what is not named is the caller's
	NoNewPrivileges bool          `json:"noNewPrivileges,omitzero"`
	OOMScoreAdj     *int          `json:"oomScoreAdj,omitempty"`

	Terminal    bool          `json:"terminal,omitzero"`     // one of its own, on descriptors 0, 1 and 2
	ConsoleSize *TerminalSize `json:"consoleSize,omitempty"` // of that terminal; nil = as it comes

	Scheduler       *Scheduler   `json:"scheduler,omitempty"`  // nil = as the caller's
	IOPriority      *IOPriority  `json:"ioPriority,omitempty"` // nil = as the caller's
	ExecCPUAffinity *CPUAffinity `json:"execCPUAffinity,omitempty"`

	Personality  *Personality  `json:"personality,omitempty"`  // nil = the caller's
	MemoryPolicy *MemoryPolicy `json:"memoryPolicy,omitempty"` // nil = the caller's

	Hostname   string      `json:"hostname,omitempty"`
	Domainname string      `json:"domainname,omitempty"`
	Namespaces []Namespace `json:"namespaces,omitempty"` // config.json's order; a new mount namespace is there in any case

	UIDMaps []IDMap `json:"uidMappings,omitempty"` // of the new user namespace, if Namespaces has one
	GIDMaps []IDMap `json:"gidMappings,omitempty"`

	TimeOffsets []TimeOffset `json:"timeOffsets,omitempty"` // of the new time namespace

	Sysctls []Sysctl `json:"sysctls,omitempty"` // of the new namespaces

	Seccomp *Seccomp `json:"seccomp,omitempty"` // nil = no filter

	// Warnings are what the kernel could not have granted and was therefore
	// left out, each with its field of config.json.
	Warnings []string `json:"warnings,omitempty"`
}

// TerminalSize is that of a terminal's window, in characters.
type TerminalSize struct {
	Rows    uint16 `json:"rows"`
	Columns uint16 `json:"columns"`
}

// Rlimit is one resource limit. Resource is the kernel's RLIMIT_ number;
// limits of ^uint64(0) are infinite.
type Rlimit struct {
	Resource int    `json:"resource"`
	Soft     uint64 `json:"soft"`
	Hard     uint64 `json:"hard"`
}

// Namespace is a namespace of the process: new, or, if Path is set, joined.
// Type is runtime-spec's word: pid, network, mount, ipc, uts, cgroup, user or time.
type Namespace struct {
	Type string `json:"type"`
	Path string `json:"path,omitempty"`
}

// maxUTSName is the kernel's __NEW_UTS_LEN.
const maxUTSName = 64

// CompileProcess reads config.json's process, hostname and linux.namespaces.
// It checks what can be known without a kernel: an error names the field. It
// does not look at fields that this package has no use for (apparmorProfile and
// the like); refusing those is for whoever reads the spec as a whole.
func CompileProcess(spec *specs.Spec) (*Process, error) {
	in := spec.Process
	if in == nil {
		return nil, errors.New("process: missing: there is nothing to run")
	}
	p := &Process{
		Args:            slices.Clone(in.Args),
		Env:             slices.Clone(in.Env),
		Cwd:             in.Cwd,
		UID:             in.User.UID,
		GID:             in.User.GID,
		Groups:          slices.Clone(in.User.AdditionalGids),
		NoNewPrivileges: in.NoNewPrivileges,
		Terminal:        in.Terminal,
		Hostname:        spec.Hostname,
		Domainname:      spec.Domainname,
	}
	if box := in.ConsoleSize; box != nil && in.Terminal {
		if box.Height > math.MaxUint16 || box.Width > math.MaxUint16 {
			return nil, fmt.Errorf("process.consoleSize: %d by %d: the kernel takes at most %d", box.Height, box.Width, math.MaxUint16)
		}
		p.ConsoleSize = &TerminalSize{Rows: uint16(box.Height), Columns: uint16(box.Width)}
	}
	if in.User.Umask != nil {
		p.Umask = new(*in.User.Umask)
	}
	if in.OOMScoreAdj != nil {
		p.OOMScoreAdj = new(*in.OOMScoreAdj)
	}
	if in.Capabilities != nil {
		sets, warnings := compileCapabilities(in.Capabilities, p.UID)
		p.Capabilities, p.Warnings = &sets, warnings
	}
	for i, r := range in.Rlimits {
		limit, err := compileRlimit(r, p.Rlimits)
		if err != nil {
			return nil, fmt.Errorf("process.rlimits[%d]: %w", i, err)
		}
		p.Rlimits = append(p.Rlimits, limit)
	}
	if err := p.compileScheduling(in); err != nil {
		return nil, err
	}
	if err := p.compileLinux(spec); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	p.Cwd = path.Clean(p.Cwd)
	return p, nil
}

// compileLinux reads what the linux section says of the process.
func (p *Process) compileLinux(spec *specs.Spec) (err error) {
	l := spec.Linux
	if l == nil {
		return nil
	}
	for _, ns := range l.Namespaces {
		p.Namespaces = append(p.Namespaces, Namespace{Type: string(ns.Type), Path: ns.Path})
	}
	if p.UIDMaps, p.GIDMaps, err = CompileIDMaps(spec); err != nil {
		return err
	}
	if p.Sysctls, err = compileSysctls(l.Sysctl, p.Namespaces); err != nil {
		return err
	}
	if p.TimeOffsets, err = compileTimeOffsets(l.TimeOffsets, p.Namespaces); err != nil {
		return err
	}
	if p.Personality, err = compilePersonality(l.Personality); err != nil {
		return err
	}
	if p.MemoryPolicy, err = compileMemoryPolicy(l.MemoryPolicy); err != nil {
		return err
	}
	p.Seccomp, err = compileSeccomp(l.Seccomp)
	return err
}

// check refuses what would make no process, or another than is meant. A
// recorded Process is checked again before it is used.
func (p *Process) check() error {
	if len(p.Args) == 0 {
		return errors.New("process.args: empty: there is nothing to run")
	}
	for _, f := range []struct {
		name   string
		values []string
	}{{"process.args", p.Args}, {"process.env", p.Env}} {
		for i, s := range f.values {
			if strings.IndexByte(s, 0) >= 0 {
				return fmt.Errorf("%s[%d]: contains a NUL byte", f.name, i)
			}
		}
	}
	switch {
	case p.Cwd == "":
		return errors.New("process.cwd: empty: it must be an absolute path, such as /")
	case strings.IndexByte(p.Cwd, 0) >= 0:
		return errors.New("process.cwd: contains a NUL byte")
	case p.Cwd[0] != '/':
		return fmt.Errorf("process.cwd: %s: must be absolute", p.Cwd)
	}
	if err := p.checkUser(); err != nil {
		return err
	}
	if a := p.OOMScoreAdj; a != nil && (*a < -1000 || *a > 1000) {
		return fmt.Errorf("process.oomScoreAdj: %d: must be between -1000 and 1000", *a)
	}
	if s := p.Seccomp; s != nil && (len(s.Program) == 0 || len(s.Program)%sizeofSockFilter != 0) {
		return errors.New("linux.seccomp: the compiled filter is cut short")
	}
	return p.checkNamespaces()
}

// checkUser refuses the id 4294967295: to setresuid and its like it is -1,
// 'leave as it is', and would leave the process root.
func (p *Process) checkUser() error {
	const noChange = ^uint32(0)
	if p.UID == noChange {
		return fmt.Errorf("process.user.uid: %d: not an id: the kernel reads it as 'leave unchanged'", p.UID)
	}
	if p.GID == noChange {
		return fmt.Errorf("process.user.gid: %d: not an id: the kernel reads it as 'leave unchanged'", p.GID)
	}
	if i := slices.Index(p.Groups, noChange); i >= 0 {
		return fmt.Errorf("process.user.additionalGids[%d]: %d: not an id", i, noChange)
	}
	if p.Umask != nil && *p.Umask > 0o777 {
		return fmt.Errorf("process.user.umask: %#o: has more than the nine permission bits", *p.Umask)
	}
	return nil
}

// checkNamespaces checks types and that the hostname has a place to be set in
// that is not the host's.
func (p *Process) checkNamespaces() error {
	seen := make(map[string]int, len(p.Namespaces))
	for i, ns := range p.Namespaces {
		what := fmt.Sprintf("linux.namespaces[%d] %s", i, ns.Type)
		switch ns.Type {
		case "pid", "network", "ipc", "uts", "cgroup", "user", "time":
		case "mount":
			if ns.Path != "" {
				return fmt.Errorf("%s: joining %s: this build only makes mount namespaces of its own", what, ns.Path)
			}
		default:
			return fmt.Errorf("linux.namespaces[%d]: %q: no such type of namespace", i, ns.Type)
		}
		if j, dup := seen[ns.Type]; dup {
			return fmt.Errorf("%s: already given as linux.namespaces[%d]", what, j)
		}
		seen[ns.Type] = i
		if strings.IndexByte(ns.Path, 0) >= 0 {
			return fmt.Errorf("%s: the path contains a NUL byte", what)
		}
		if ns.Path != "" && ns.Path[0] != '/' {
			return fmt.Errorf("%s: %s: the path must be absolute", what, ns.Path)
		}
	}
	_, uts := seen["uts"]
	if err := checkUTSName("hostname", p.Hostname, uts); err != nil {
		return err
	}
	return checkUTSName("domainname", p.Domainname, uts)
}

func checkUTSName(field, name string, uts bool) error {
	switch {
	case name == "":
		return nil
	case !uts:
		return fmt.Errorf("%s: %q: needs a uts namespace: add {\"type\": \"uts\"} to linux.namespaces", field, name)
	case len(name) > maxUTSName:
		return fmt.Errorf("%s: %d bytes; the kernel takes at most %d", field, len(name), maxUTSName)
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("%s: contains a NUL byte", field)
	}
	return nil
}

// rlimitNames are the RLIMIT_ names of getrlimit(2) without the prefix, at
// their number on every architecture that Go runs Linux on except mips.
var rlimitNames = [...]string{
	"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS",
	"SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
}

func compileRlimit(r specs.POSIXRlimit, before []Rlimit) (Rlimit, error) {
	short, ok := strings.CutPrefix(r.Type, "RLIMIT_")
	n := slices.Index(rlimitNames[:], short)
	switch {
	case !ok || n < 0:
		return Rlimit{}, fmt.Errorf("%q: no such limit", r.Type)
	case slices.ContainsFunc(before, func(b Rlimit) bool { return b.Resource == n }):
		return Rlimit{}, fmt.Errorf("%s: given twice", r.Type)
	case r.Soft > r.Hard:
		return Rlimit{}, fmt.Errorf("%s: soft %d is above hard %d", r.Type, r.Soft, r.Hard)
	}
	return Rlimit{Resource: n, Soft: r.Soft, Hard: r.Hard}, nil
}
