package nsmount

import (
	"path"
	"slices"
	"strings"
)

// check compares one mount with the step that it is of.
func (v *verifier) check(p *plannedMount, m *actualMount) {
	s := p.step
	v.checkFlags(s, m, p.flags)
	if what, ok := v.isType(p, m); !ok {
		v.find("other", s.Target, s.Origin, "%s is planned, a %s is there", what, m.Type)
	}
	v.checkPropagation(p, m)
}

func (v *verifier) checkFlags(s *Step, m *actualMount, flags []string) {
	flags = slices.Clone(flags)
	slices.Sort(flags)
	for _, flag := range slices.Compact(flags) {
		if !slices.Contains(m.Flags, flag) {
			v.find("looser", m.Target, s.Origin, "%s is planned, and is not there", flag)
		}
	}
}

// checkBrought looks at a mount that came along with a step's: the step's
// recursive flags are its too, and all of the root's.
func (v *verifier) checkBrought(p *plannedMount, m *actualMount) {
	var flags []string
	sum, err := parseAttrs(p.step.Flags)
	if err != nil {
		return
	}
	set := sum.recSet
	if p.step.Op != OpBind {
		set |= sum.set
	}
	// The nodes are writable, their directory or not; a child's mounts are its own.
	if p.step.Op != OpDev && p.step.Op != OpShared && p.step.Origin != originPod {
		flags = attrNames(set)
	}
	v.checkFlags(p.step, m, flags)
	if !v.wants(p.step).shared {
		v.checkUnshared(p.step.Origin, m)
	}
}

func (v *verifier) checkUnshared(origin string, m *actualMount) {
	if strings.Contains(m.Propagation, "shared:") {
		v.find("looser", m.Target, origin, "it came along, and is %s", m.Propagation)
	}
}

// stricter lists the flags that what a step mounts must have.
func stricter(s *Step) []string {
	sum, err := parseAttrs(s.Flags)
	if err != nil {
		return nil
	}
	flags := attrNames(sum.set | sum.recSet)
	switch s.Op {
	case OpReadonly:
		flags = append(flags, "ro")
	case OpTmp:
		flags = append(flags, "nosuid", "nodev")
	}
	return flags
}

func attrNames(set uint64) (names []string) {
	for _, name := range []string{"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"} {
		if a, _, _ := lookupAttr(name); set&a.set != 0 {
			names = append(names, name)
		}
	}
	return names
}

// isLike reports whether m could be what the plan has as p, were it in its place.
func (p *plannedMount) isLike(m *actualMount) bool {
	switch s := p.step; s.Op {
	case OpMount:
		return m.Type == s.Type
	case OpDev, OpTmp:
		return m.Type == "tmpfs"
	case OpConsole:
		return m.Type == "devpts"
	}
	return true
}

// isType reports whether m is of the kind that is planned, and says what that is.
func (v *verifier) isType(p *plannedMount, m *actualMount) (what string, ok bool) {
	switch s := p.step; s.Op {
	case OpMount:
		stubs := s.Type == "sysfs" && len(s.Stubs) > 0 && m.Type == "overlay"
		return "a " + s.Type, m.Type == s.Type || strings.HasPrefix(m.Type, s.Type+".") || stubs
	case OpShared: // an overlay of a bind's source
		return "a shared " + s.Type, m.Type == s.Type || s.Type == "bind"
	case OpDev, OpTmp:
		return "a tmpfs", m.Type == "tmpfs"
	case OpCgroup:
		return "a cgroup", strings.HasPrefix(m.Type, "cgroup") || m.Type == "tmpfs"
	case OpConsole:
		return "a terminal", m.Type == "devpts"
	case OpMask: // a directory's is empty and read-only
		return "a mask", m.Type == "tmpfs" && slices.Contains(m.Flags, "ro") || path.Base(m.Root) == "null"
	case OpReadonly:
		return "a bind of what is there", m.Device == m.under.Device
	}
	return v.isBind(p, m)
}

// isBind: what has a layer is an overlay, and what lacks a mount point may be
// one; else the source is what is mounted.
func (v *verifier) isBind(p *plannedMount, m *actualMount) (what string, ok bool) {
	s := p.step
	switch {
	case m.Type == "overlay" && (s.Overlay != nil || len(s.Stubs) > 0):
		return "", true
	case s.Overlay != nil && !v.around.Special(s.Source):
		return "a layer over " + s.Source, false
	case v.root.seenAt(p.at) != m:
		return "", true // cannot be looked at
	}
	return "a bind of " + s.Source, v.around.SameSource(s.Source, p.at)
}

// peers is how a mount takes part in what is mounted elsewhere.
type peers struct{ shared, slave, unbindable bool }

func (p peers) peers() bool { return p.shared || p.slave }

// wants sums up the propagation that a step asks for: private, unless told else.
func (s *Step) wants() (w peers) {
	for _, o := range s.Propagation {
		switch strings.TrimPrefix(o, "r") {
		case "private":
			w = peers{}
		case "shared":
			w.shared, w.unbindable = true, false
		case "slave":
			w = peers{slave: true}
		case "unbindable":
			w = peers{unbindable: true}
		}
	}
	return w
}

// wants is what a step asks for and what a recursive linux.rootfsPropagation,
// applied last, makes of it.
func (v *verifier) wants(s *Step) peers {
	w := s.wants()
	for _, o := range v.plan.Root().Propagation {
		switch o {
		case "rshared":
			w.shared, w.unbindable = true, false
		case "rslave":
			w = peers{slave: true}
		case "runbindable":
			w = peers{unbindable: true}
		}
	}
	return w
}

// checkPropagation: a slave without a master is private, as its source was, and
// what is mounted on a shared mount is shared.
func (v *verifier) checkPropagation(p *plannedMount, m *actualMount) {
	s, w := p.step, v.wants(p.step)
	must := w.shared
	for u := p.under; u != nil && !w.shared; u = u.under {
		w.shared = u.step.wants().shared
	}
	var planned string
	switch {
	case strings.Contains(m.Propagation, "shared:") && !w.shared, strings.Contains(m.Propagation, "master:") && !w.peers():
		planned = "private"
		if w.slave {
			planned = "slave"
		}
	case w.unbindable && !strings.Contains(m.Propagation, "unbindable"):
		planned = "unbindable"
	}
	if planned != "" {
		there := m.Propagation
		if there == "" {
			there = "private"
		}
		v.find("looser", m.Target, s.Origin, "%s is planned, %s is there", planned, there)
	} else if must && !strings.Contains(m.Propagation, "shared:") {
		v.find("other", m.Target, s.Origin, "shared is planned, private is there")
	}
}
