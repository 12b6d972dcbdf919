package nsmount

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsboot/nsboot/overlayfs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// specMounts compiles config.json's mounts, one Step each but for those that a
// rule skips.
func (c *compiler) specMounts(spec *specs.Spec) ([]Step, error) {
	steps := make([]Step, 0, len(spec.Mounts))
	for i := range spec.Mounts {
		s, err := c.specMount(i, &spec.Mounts[i])
		if err != nil {
			return nil, fmt.Errorf("mounts[%d] %s: %w", i, spec.Mounts[i].Destination, err)
		}
		if s != nil {
			steps = append(steps, *s)
		}
	}
	if c.profile.HiddenBind {
		return steps, hiddenBind(steps)
	}
	return steps, nil
}

// hiddenBind refuses a bind below the destination of a later one: the 2018 and
// 2019 sandbox could not open it either.
func hiddenBind(steps []Step) error {
	for i, a := range steps {
		for _, b := range steps[i+1:] {
			if a.Op == OpBind && b.Op == OpBind && below(a.Target, b.Target) {
				return fmt.Errorf("%s %s: hidden by %s %s, which is mounted over it later: list the parent first", a.Origin, a.Destination, b.Origin, b.Destination)
			}
		}
	}
	return nil
}

// specMount compiles one mount; nil means that a rule skips it.
func (c *compiler) specMount(i int, m *specs.Mount) (*Step, error) {
	s := Step{Op: OpMount, Origin: fmt.Sprintf("mounts[%d]", i), SpecIndex: i + 1, Destination: m.Destination}
	if err := c.destination(&s); err != nil {
		return nil, err
	}
	if c.remounts(m) {
		return c.remount(&s, m)
	}
	bind, typ, err := c.kind(m)
	if err != nil {
		return nil, err
	}
	if c.skippedDev(&s, m) {
		return nil, nil
	}
	s.Type, s.Source = typ, m.Source
	if bind {
		s.Op, s.Type = OpBind, ""
	} else {
		s.NoLinks = c.profile.NoLinks
		if skip := c.fsType(&s); skip {
			if !c.profile.StubOfUnknown {
				return nil, nil
			}
			return &Step{Op: OpStub, Origin: s.Origin, Rule: "C6", Destination: s.Destination, Target: s.Target, SpecIndex: i + 1}, nil
		}
	}
	if err := c.procMount(&s, m); err != nil {
		return nil, err
	}
	if err := c.options(&s, m.Options); err != nil {
		return nil, err
	}
	if s.Op == OpMount && s.Type == "overlay" {
		if s.Layers, s.Data, err = overlayfs.ParseOptions(s.Data); err != nil {
			return nil, fmt.Errorf("options: %w", err)
		}
	}
	if err := c.finishMount(&s, m); err != nil {
		return nil, err
	}
	if err := c.idmap(&s, m); err != nil {
		return nil, err
	}
	if h := c.hintOf(m); h != nil && (bind || s.Op == OpMount && s.Type == "tmpfs") {
		if s.IDMap != nil {
			return nil, fmt.Errorf("an id mapping of a mount that the pod shares: its containers see one owner")
		}
		return &s, c.shared(&s, h, m.Options)
	}
	return &s, nil
}

// destination cleans the destination into Target (C13).
func (c *compiler) destination(s *Step) error {
	d := s.Destination
	if d == "" {
		return fmt.Errorf("the destination is empty")
	}
	if !strings.HasPrefix(d, "/") {
		if !c.profile.RelativeDest {
			return fmt.Errorf("the destination is relative: it must start with / (C13)")
		}
		c.warn(s.Origin, "C13", "relative destination %q taken as /%s", d, d)
	}
	if !c.profile.DotDotDest && slices.Contains(strings.Split(d, "/"), "..") {
		return fmt.Errorf("the destination has a .. in it (C13)")
	}
	if s.Target = cleanTarget(d); s.Target == "/" {
		return fmt.Errorf("the destination is the root itself; root.path says what is there (C13)")
	}
	return nil
}

// kind says whether a mount is a bind, and its file system type if not (C4, C5).
func (c *compiler) kind(m *specs.Mount) (bind bool, typ string, err error) {
	opt := slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
	switch {
	case m.Type == "bind":
		return true, "", nil
	case m.Type == "none" && c.profile.NoneIsSysfs:
		return false, "sysfs", nil
	case opt && c.profile.BindByOption:
		return true, "", nil
	case m.Type == "none" && c.profile.NoneNeedsBind:
		return false, "", fmt.Errorf("type none without the option bind or rbind (C4)")
	case m.Type == "none":
		return false, "sysfs", nil
	case m.Type == "" && c.profile.KnownTypes == nil:
		return false, "", fmt.Errorf("no type, and no option bind or rbind")
	}
	return false, m.Type, nil
}

// fixedDev are the names in /dev that a spec mount never covers where C3 skips.
var fixedDev = [...]string{"fd", "stdin", "stdout", "stderr", "null", "zero", "full", "random", "urandom", "shm", "pts", "ptmx"}

// skippedDev applies C3's skipping. What tightens in a skipped mount on /dev is
// kept for the private /dev (standing rule).
func (c *compiler) skippedDev(s *Step, m *specs.Mount) bool {
	if c.profile.Dev != DevSkipped {
		return false
	}
	hit := s.Target == "/dev"
	for _, name := range fixedDev {
		if t := "/dev/" + name; s.Target == t || below(s.Target, t) {
			hit = true
		}
	}
	if !hit {
		return false
	}
	c.warn(s.Origin, "C3", "%s is skipped: %s has a /dev of its own", s.Target, c.profile.Name)
	for _, o := range m.Options {
		if s.Target == "/dev" && tightens(o) {
			c.devKeep = union(c.devKeep, []string{o})
		}
	}
	return true
}

// fsType settles how a file system type is mounted, and reports whether the
// profile skips it (C3, C6, D1).
func (c *compiler) fsType(s *Step) (skip bool) {
	p := c.profile
	if s.Type == "devtmpfs" || (s.Target == "/dev" && p.Dev == DevPrivate) {
		s.Op, s.Rule = OpDev, "C3 D1"
		return false
	}
	if p.KnownTypes != nil && !slices.Contains(p.KnownTypes, s.Type) {
		c.warn(s.Origin, "C6", "file system type %q is unknown to %s: %s is not mounted", s.Type, p.Name, s.Target)
		return true
	}
	if s.Type == "cgroup" || s.Type == "cgroup2" {
		s.Op = OpCgroup
	}
	return false
}

// procBelow are the paths under /proc that a mount may cover: files that a
// container's view of its limits is faked with. Anything else there could fake
// what the kernel says of processes and security (CVE-2019-16884).
var procBelow = [...]string{"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
	"/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"}

// procMount refuses what would stand in for procfs.
func (c *compiler) procMount(s *Step, m *specs.Mount) error {
	if s.Target == "/proc" {
		if s.Op == OpMount && (s.Type == "proc" || s.Type == "tmpfs" && c.profile.TmpfsOnProc) {
			return nil
		}
		return fmt.Errorf("only procfs may be mounted on /proc")
	}
	if !below(s.Target, "/proc") || slices.Contains(procBelow[:], s.Target) || c.tmpfsOnProc {
		return nil
	}
	return fmt.Errorf("a mount below /proc that could fake what the kernel says: only %s may be covered", strings.Join(procBelow[:], ", "))
}

// finishMount fills in what depends on all of the above.
func (c *compiler) finishMount(s *Step, m *specs.Mount) error {
	switch {
	case s.Op == OpBind:
		if m.Source == "" {
			return fmt.Errorf("a bind without a source (C14)")
		}
		s.Source = c.hostPath(m.Source)
		s.Recursive = slices.Contains(m.Options, "rbind")
		ro := slices.Contains(s.Flags, "ro") || slices.Contains(s.Flags, "rro")
		if c.opts.Overlay.Binds && !ro {
			layer := c.opts.Overlay.Layer
			s.Overlay, s.Rule = &layer, "C12"
		}
	case s.Op == OpDev:
		s.Type, s.Source = "tmpfs", "tmpfs"
		if !slices.ContainsFunc(s.Data, func(o string) bool { return strings.HasPrefix(o, "mode=") }) {
			s.Data = append(s.Data, fmt.Sprintf("mode=%#o", c.profile.DevMode))
		}
	case s.Source == "":
		s.Source = s.Type
	}
	return nil
}

// hostOf is where the caller has a file system that stands in for one of the type
// that the kernel refuses to make (D3).
func hostOf(fstype string) string {
	switch fstype {
	case "proc":
		return "/proc"
	case "sysfs":
		return "/sys"
	}
	return ""
}
