package nsmount

import "slices"

// plannedMount is a mount that a plan makes, in the tree that all of them make.
type plannedMount struct {
	step     *Step
	at       string        // its resolved target
	under    *plannedMount // what it is mounted on; nil: the root
	on       []*plannedMount
	flags    []string // those it must have
	optional bool     // may be missing: decided by what is there
}

// simulate carries the plan out on paper: what a step mounts is mounted on what
// can be seen at its target by then.
func (v *verifier) simulate() *plannedMount {
	root := &plannedMount{step: v.plan.Root(), at: "/", flags: stricter(v.plan.Root())}
	for i := range v.plan.Steps[1:] {
		s := &v.plan.Steps[i+1]
		if s.Op == OpStub || s.Op == OpNodes || s.Op == OpDevice {
			continue
		}
		at, there := v.around.Resolve(s.Target)
		under := root.seenAt(at)
		if s.Op == OpSeal {
			under.flags = append(under.flags, "ro")
			continue
		}
		if s.Op == OpRemount {
			under.remount(s, at)
			continue
		}
		m := &plannedMount{step: s, at: at, under: under, flags: stricter(s)}
		switch s.Op {
		case OpTmp:
			m.optional = true
		case OpMask, OpReadonly:
			m.optional = !there
		}
		if s.Op == OpReadonly {
			m.cloneOf(under)
		}
		under.on = append(under.on, m)
	}
	return root
}

// remount gives m the flags of a later step, if it is m that is mounted there and
// not something that came along with it.
func (m *plannedMount) remount(s *Step, at string) {
	if m.at != at {
		return
	}
	m.flags = stricter(s)
	if len(s.Propagation) > 0 {
		step := *m.step
		step.Propagation = append(slices.Clone(step.Propagation), s.Propagation...)
		m.step = &step
	}
}

// cloneOf gives m, a recursive bind of a path onto itself, what is mounted there
// already.
func (m *plannedMount) cloneOf(from *plannedMount) {
	for _, c := range from.on {
		if below(c.at, m.at) {
			m.on = append(m.on, c.clone(m))
		}
	}
}

func (m *plannedMount) clone(under *plannedMount) *plannedMount {
	c := &plannedMount{step: m.step, at: m.at, under: under, flags: append(slices.Clone(m.flags), "ro"), optional: m.optional}
	for _, on := range m.on {
		c.on = append(c.on, on.clone(c))
	}
	return c
}

// seenAt is the mount that the path leads to: links are resolved in it already.
func (m *plannedMount) seenAt(at string) *plannedMount {
	for {
		var next *plannedMount
		for _, c := range m.on {
			if (c.at == at || below(at, c.at)) && (next == nil || len(c.at) < len(next.at)) {
				next = c
			}
		}
		if next == nil {
			return m
		}
		m = next
	}
}

// actualMount is a line of the mount table, in the tree that all of them make.
type actualMount struct {
	TableMount
	under *actualMount
	on    []*actualMount
}

// actualTree finds the root: what is mounted on nothing else of the table.
func actualTree(table []TableMount) (root *actualMount) {
	byID := make(map[int]*actualMount, len(table))
	for i := range table {
		byID[table[i].ID] = &actualMount{TableMount: table[i]}
	}
	for i := range table {
		m := byID[table[i].ID]
		switch under := byID[m.Parent]; {
		case under != nil && under != m:
			m.under = under
			under.on = append(under.on, m)
		case root == nil:
			root = m
		}
	}
	return root
}

// at is what is mounted on m at a path.
func (m *actualMount) at(path string) *actualMount {
	for _, c := range m.on {
		if c.Target == path {
			return c
		}
	}
	return nil
}

// seenAt is the mount that a path leads to.
func (m *actualMount) seenAt(at string) *actualMount {
	for {
		var next *actualMount
		for _, c := range m.on {
			if (c.Target == at || below(at, c.Target)) && (next == nil || len(c.Target) < len(next.Target)) {
				next = c
			}
		}
		if next == nil {
			return m
		}
		m = next
	}
}
