package nsmount

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// TableMount is one line of a mount table, as far as a plan says anything of it.
type TableMount struct {
	ID, Parent  int      // of the mount, and of the one that it is mounted on
	Root        string   // what of its file system is mounted: "/" unless it is a bind
	Target      string   // where it is mounted, seen from the container's root
	Type        string   // file system type
	Device      string   // major:minor of the file system
	Flags       []string // ro, nosuid, ...: of the mount, not of the file system
	Propagation string   // the optional fields: shared:1 master:2; empty = private
}

// isCopy reports whether two mounts show the same: one is a bind of the other.
func (m *TableMount) isCopy(o *TableMount) bool {
	return m.Device == o.Device && m.Root == o.Root && m.Type == o.Type
}

// Finding is a difference between a plan and the mounts that there are.
type Finding struct {
	Kind   string `json:"kind"` // missing, hidden, extra, looser or other
	Target string `json:"target"`
	Origin string `json:"origin,omitempty"` // the place in config.json
	Text   string `json:"text"`
}

func (f Finding) String() string {
	s := f.Kind + " " + f.Target + ": " + f.Text
	if f.Origin != "" {
		s += " (" + f.Origin + ")"
	}
	return visible(s)
}

// Surroundings are what Compare asks about the machine besides the table.
type Surroundings struct {
	// Resolve says where a target of the plan leads in the container's tree
	// today, links followed, and whether anything is there.
	Resolve func(target string) (at string, there bool)

	// SameSource reports whether what is seen at the resolved path is on the
	// file system that a bind's source is on; true where it cannot be told.
	SameSource func(source, at string) bool

	// Special reports whether a source is neither a directory nor a regular file,
	// or is not there: such a one gets no layer.
	Special func(source string) bool

	// Child reports whether there is a container of that ID in the pod of this one,
	// whose mounts the sandbox container sees (K1).
	Child func(id string) bool

	// Brought reports whether the mount m is what the caller has mounted at rel
	// below source: a recursive bind brings it along. True where it cannot be told.
	Brought func(source, rel string, m *TableMount) bool
}

// Compare holds the mount table of a container against the plan: what is
// missing or hidden, what is extra, what is looser than planned, and what is
// another file system or mounted in another order.
func (p *Plan) Compare(table []TableMount, s Surroundings) []Finding {
	root := actualTree(table)
	if root == nil {
		return []Finding{{Kind: "missing", Target: "/", Origin: "root", Text: "the process has another root than it was given"}}
	}
	v := verifier{plan: p, around: s, root: root, found: make(map[*plannedMount]*actualMount), taken: make(map[*actualMount]bool)}
	planned := v.simulate()
	v.match(planned, root)
	for _, b := range v.besides {
		v.extra(b.under, b.mount)
	}
	v.reordered()
	v.hidden(planned)
	return v.findings
}

type verifier struct {
	plan     *Plan
	around   Surroundings
	root     *actualMount
	found    map[*plannedMount]*actualMount
	taken    map[*actualMount]bool // found for one of the plan's
	findings []Finding
	lost     []*plannedMount // not where they belong
	strays   []*actualMount  // not in the plan
	besides  []beside        // judged once all of the plan is found
}

// beside is a mount that no step makes, on one that a step makes.
type beside struct {
	under *plannedMount
	mount *actualMount
}

func (v *verifier) find(kind, target, origin, format string, args ...any) {
	v.findings = append(v.findings, Finding{kind, target, origin, fmt.Sprintf(format, args...)})
}

// match compares a planned mount with the one in its place, and what is mounted
// on the two.
func (v *verifier) match(p *plannedMount, m *actualMount) {
	v.found[p], v.taken[m] = m, true
	v.check(p, m)
	queue := append([]*plannedMount(nil), p.on...)
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		switch there := v.place(p, m, c.at); {
		case there != nil && !v.taken[there]:
			v.match(c, there)
		case c.optional: // what was to be mounted on it is on what is below it
			queue = append(queue, c.on...)
		default:
			v.missing(c)
		}
	}
	for _, c := range m.on {
		if !v.taken[c] {
			v.besides = append(v.besides, beside{p, c})
		}
	}
}

// place finds what is mounted at a path on m, which is p: itself, or on
// something that came along with it.
func (v *verifier) place(p *plannedMount, m *actualMount, at string) *actualMount {
	if there := m.at(at); there != nil {
		if over := there.at(at); over != nil && v.brings(p, there) {
			return over // what comes along later goes below what is there
		}
		return there
	}
	for _, c := range m.on {
		if below(at, c.Target) && !v.taken[c] && v.brings(p, c) {
			return v.place(p, c, at)
		}
	}
	return nil
}

func (v *verifier) missing(p *plannedMount) {
	if !p.optional {
		v.lost = append(v.lost, p)
	}
	for _, c := range p.on {
		v.missing(c)
	}
}

// extra reports a mount that the plan does not have, unless a step of the plan
// brings it along: p is what it is mounted on.
func (v *verifier) extra(p *plannedMount, m *actualMount) {
	switch {
	case p != nil && v.brings(p, m):
		v.checkBrought(p, m)
	case v.isHostNode(m): // of what is mounted on it no step knows
		v.checkUnshared("default:/dev", m)
		p = nil
	default:
		p = nil
		v.strays = append(v.strays, m)
	}
	for _, c := range m.on {
		if !v.taken[c] {
			v.extra(p, c)
		}
	}
}

// reordered tells what is missing from what is there, but mounted on something
// else than planned.
func (v *verifier) reordered() {
	used := make(map[*actualMount]bool)
	for _, p := range v.lost {
		var stray *actualMount
		for _, m := range v.strays {
			if !used[m] && m.Target == p.at && p.isLike(m) {
				stray = m
				break
			}
		}
		if stray == nil {
			v.find("missing", p.step.Target, p.step.Origin, "nothing of the plan's is mounted there")
			continue
		}
		used[stray] = true
		v.find("other", p.step.Target, p.step.Origin, "mounted in another order: it is on the mount of %s, the plan has it on that of %s", stray.under.Target, p.under.at)
	}
	for _, m := range v.strays {
		if !used[m] {
			v.find("extra", m.Target, "", "a %s that the plan does not have", m.Type)
		}
	}
}

// hidden reports what is mounted as planned and cannot be seen.
func (v *verifier) hidden(root *plannedMount) {
	var walk func(p *plannedMount)
	walk = func(p *plannedMount) {
		if m := v.found[p]; m != nil && root.seenAt(p.at) == p {
			if top := v.root.seenAt(p.at); top != m && !v.taken[top] {
				v.find("hidden", p.step.Target, p.step.Origin, "a %s on %s, which the plan does not have, is over it", top.Type, top.Target)
			}
		}
		for _, c := range p.on {
			walk(c)
		}
	}
	walk(root)
}

// brings reports whether m came along with what the plan mounts as p.
func (v *verifier) brings(p *plannedMount, m *actualMount) bool {
	if !below(m.Target, p.at) {
		return false
	}
	rel := relTo(p.at, m.Target)[1:]
	switch s := p.step; s.Op {
	case OpRoot, OpBind:
		return (s.Recursive || s.wants().peers()) && (v.around.Brought(s.Source, rel, &m.TableMount) || v.ownMount(s, rel, m))
	case OpReadonly: // with what it is a bind of
		return v.brings(p.under, m)
	case OpDev: // where no device can be made the host's are bound
		return isDefaultNode(rel) && strings.HasSuffix(m.Root, "/"+rel)
	case OpCgroup: // one for each hierarchy
		return strings.HasPrefix(m.Type, "cgroup")
	case OpShared: // where its like in the sandbox container comes from the plan does not say
		return s.Type == "bind"
	case OpMount: // the caller's own stands in for what the kernel refuses (D3)
		if s.Origin == originPod {
			id, _, _ := strings.Cut(rel, "/")
			return v.around.Child(id)
		}
		host := hostOf(s.Type)
		return host != "" && v.around.Brought(host, rel, &m.TableMount)
	}
	return false
}

// isHostNode reports whether m is one of the host's devices, bound where the kernel
// lets none be made. Where the plan mounts something in a device's place that is
// what is looked for, and m is none of the plan's.
func (v *verifier) isHostNode(m *actualMount) bool {
	if !strings.HasSuffix(m.Root, "/"+path.Base(m.Target)) {
		return false
	}
	return slices.ContainsFunc(v.plan.Steps, func(s Step) bool {
		host := s.Target
		switch {
		case s.Op == OpNodes && isDefaultNode(path.Base(m.Target)):
			host = path.Join(s.Target, path.Base(m.Target))
		case s.Op != OpDevice:
			return false
		}
		at, _ := v.around.Resolve(host)
		return at == m.Target && v.around.SameSource(host, at)
	})
}

// ownMount reports whether m is a copy of one of the container's own mounts: it
// was mounted on the root's directory, or below it, when a recursive bind took
// that along.
func (v *verifier) ownMount(s *Step, rel string, m *actualMount) bool {
	dir, at := v.plan.Root().Source, path.Join(s.Source, rel)
	if s.Op == OpRoot || at != dir && !below(at, dir) {
		return false
	}
	inside := path.Join("/", relTo(dir, at))
	for _, own := range v.found {
		if own.Target == inside && own.isCopy(&m.TableMount) {
			return true
		}
	}
	return false
}

func isDefaultNode(name string) bool {
	return slices.Contains([]string{"null", "zero", "full", "random", "urandom", "tty"}, name)
}
