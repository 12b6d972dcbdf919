package nsmount

import (
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// nodes adds the default nodes of runtime-spec where the profile has no
// private /dev: in what the spec mounts on /dev, or in the root's own.
func (c *compiler) nodes(spec *specs.Spec) {
	if c.profile.Dev != DevHonoured {
		return
	}
	for i := len(c.plan.Steps) - 1; i > 0; i-- {
		switch s := &c.plan.Steps[i]; {
		case s.Target == "/dev" && (s.Op == OpBind || s.Op == OpDev):
			return // runc makes none in a bind; a private /dev has them
		case s.Target == "/dev" && s.Op == OpMount:
			c.add(Step{Op: OpNodes, Origin: "default:/dev", Rule: "C1", Destination: "/dev", Target: "/dev"})
			return
		}
	}
	if c.plan.Readonly {
		// The host's tree is never written, so the nodes need a place of their own.
		c.warn("default:/dev", "C1 S5", "the root is read-only and nothing is mounted on /dev: a private /dev holds the default devices")
		s := c.implicit("/dev")
		s.Rule = "C1 S5"
		c.plan.Steps = append(c.plan.Steps[:1], append([]Step{s}, c.plan.Steps[1:]...)...)
		return
	}
	c.add(Step{Op: OpNodes, Origin: "default:/dev", Rule: "C1", Destination: "/dev", Target: "/dev"})
}

// devices adds linux.devices.
func (c *compiler) devices(spec *specs.Spec) error {
	if spec.Linux == nil {
		return nil
	}
	for i, d := range spec.Linux.Devices {
		origin := fmt.Sprintf("linux.devices[%d]", i)
		if !strings.HasPrefix(d.Path, "/") || cleanTarget(d.Path) == "/" {
			return fmt.Errorf("%s: path %q is not an absolute path of a file", origin, d.Path)
		}
		dev := &Device{Type: d.Type, Major: d.Major, Minor: d.Minor, Mode: 0o666}
		switch d.Type {
		case "c", "u", "b", "p":
		default:
			return fmt.Errorf("%s %s: type %q is none of c, u, b, p", origin, d.Path, d.Type)
		}
		if d.FileMode != nil {
			dev.Mode = uint32(d.FileMode.Perm())
		}
		if d.UID != nil {
			dev.UID = *d.UID
		}
		if d.GID != nil {
			dev.GID = *d.GID
		}
		c.add(Step{Op: OpDevice, Origin: origin, Destination: d.Path, Target: cleanTarget(d.Path), Device: dev})
	}
	return nil
}

// console has the process's terminal bound on /dev/console, over whatever is there,
// where /dev is a file system of the container's own: in one that is the host's,
// a mount point would be made on the host.
func (c *compiler) console(spec *specs.Spec) {
	if spec.Process == nil || !spec.Process.Terminal || !c.plan.ownDev() {
		return
	}
	c.add(Step{Op: OpConsole, Origin: "process.terminal", Rule: "D6", Destination: "/dev/console", Target: "/dev/console"})
}

// ownDev reports whether what is seen on /dev is a new tmpfs.
func (p *Plan) ownDev() bool {
	own := false
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Target == "/dev" && s.Op.givesTree() {
			own = s.Op == OpDev || s.Op == OpMount && s.Type == "tmpfs"
		}
	}
	return own
}

// paths adds maskedPaths and readonlyPaths. They tighten, so every profile
// has them (standing rule); they come last, over all that is mounted.
func (c *compiler) paths(spec *specs.Spec) error {
	if spec.Linux == nil {
		return nil
	}
	add := func(op Op, field string, list []string) error {
		for i, p := range list {
			origin := fmt.Sprintf("linux.%s[%d]", field, i)
			if !strings.HasPrefix(p, "/") {
				return fmt.Errorf("%s: %q is not an absolute path", origin, p)
			}
			c.add(Step{Op: op, Origin: origin, Destination: p, Target: cleanTarget(p)})
		}
		return nil
	}
	if err := add(OpReadonly, "readonlyPaths", spec.Linux.ReadonlyPaths); err != nil {
		return err
	}
	return add(OpMask, "maskedPaths", spec.Linux.MaskedPaths)
}

// checkStrings refuses a NUL byte in any string that reaches a system call:
// the kernel would cut it there.
func checkStrings(spec *specs.Spec) error {
	check := func(field, s string) error {
		if strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("%s: a NUL byte in %q", field, s)
		}
		return nil
	}
	if err := check("root.path", spec.Root.Path); err != nil {
		return err
	}
	for i, m := range spec.Mounts {
		for _, s := range append([]string{m.Destination, m.Type, m.Source}, m.Options...) {
			if err := check(fmt.Sprintf("mounts[%d]", i), s); err != nil {
				return err
			}
		}
	}
	if spec.Linux == nil {
		return nil
	}
	for _, p := range append(append([]string{}, spec.Linux.MaskedPaths...), spec.Linux.ReadonlyPaths...) {
		if err := check("linux.maskedPaths or readonlyPaths", p); err != nil {
			return err
		}
	}
	return nil
}
