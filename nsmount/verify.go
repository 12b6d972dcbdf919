package nsmount

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// TableMount is one line of a mount table, as far as a plan says anything of it.
type TableMount struct {
	Target      string   // where it is mounted, seen from the container's root
	Type        string   // file system type
	Flags       []string // ro, nosuid, ...: of the mount, not of the file system
	Propagation string   // the optional fields: shared:1 master:2; empty = private
}

// Finding is a difference between a plan and the mounts that there are.
type Finding struct {
	Kind   string `json:"kind"` // missing, extra, looser or other
	Target string `json:"target"`
	Origin string `json:"origin,omitempty"` // the place in config.json
	Text   string `json:"text"`
}

func (f Finding) String() string {
	s := f.Kind + " " + f.Target + ": " + f.Text
	if f.Origin != "" {
		s += " (" + f.Origin + ")"
	}
	return s
}

// Compare holds a mount table, in its own order, against the plan: what is
// missing, what is extra, and what is looser than planned. resolve says where a
// target of the plan leads in the container's tree today, links followed, and
// whether anything is there.
func (p *Plan) Compare(table []TableMount, resolve func(target string) (string, bool)) []Finding {
	v := verifier{plan: p, resolve: resolve, top: make(map[string]*TableMount), planned: make(map[string]bool)}
	for i := range table {
		v.top[table[i].Target] = &table[i] // the last one at a place is the one that is seen
	}
	for i := range p.Steps {
		v.step(i)
	}
	for i := range table {
		v.extra(&table[i])
	}
	return v.findings
}

type verifier struct {
	plan     *Plan
	resolve  func(string) (string, bool)
	top      map[string]*TableMount
	planned  map[string]bool // resolved targets of the plan
	trees    []string        // resolved targets that bring mounts of their own along
	findings []Finding
}

func (v *verifier) find(kind, target, origin, format string, args ...any) {
	v.findings = append(v.findings, Finding{kind, target, origin, fmt.Sprintf(format, args...)})
}

// step looks for what one step has mounted.
func (v *verifier) step(i int) {
	s := &v.plan.Steps[i]
	switch s.Op {
	case OpStub, OpNodes, OpDevice, OpSeal:
		return
	}
	at, there := v.resolve(s.Target)
	v.planned[at] = true
	if s.Recursive || s.Op == OpCgroup || s.Op == OpDev || s.Origin == originPod {
		v.trees = append(v.trees, at)
	}
	if v.covered(i, at) {
		return
	}
	m := v.top[at]
	switch {
	case m != nil:
		v.check(s, m)
	case s.Op == OpTmp: // decided by what was in it
	case (s.Op == OpMask || s.Op == OpReadonly) && !there:
	default:
		v.find("missing", s.Target, s.Origin, "nothing is mounted there")
	}
}

// covered reports whether a later step is mounted at the same place or above
// it: then this one cannot be seen.
func (v *verifier) covered(i int, at string) bool {
	for _, later := range v.plan.Steps[i+1:] {
		if !later.Op.givesTree() && later.Op != OpMask && later.Op != OpReadonly {
			continue
		}
		if over, _ := v.resolve(later.Target); over == at && later.Op.givesTree() || over != at && below(at, over) && later.Op.givesTree() {
			return true
		}
	}
	return false
}

// check compares one mount with its step.
func (v *verifier) check(s *Step, m *TableMount) {
	for _, flag := range v.expected(s) {
		if !slices.Contains(m.Flags, flag) {
			v.find("looser", s.Target, s.Origin, "%s is planned, and is not there", flag)
		}
	}
	if want := s.Type; s.Op == OpMount && m.Type != want && !(want == "sysfs" && m.Type == "overlay") {
		v.find("other", s.Target, s.Origin, "a %s is planned, a %s is there", want, m.Type)
	}
	wantsPeers := slices.ContainsFunc(s.Propagation, func(p string) bool {
		return strings.HasSuffix(p, "shared") || strings.HasSuffix(p, "slave")
	})
	if m.Propagation != "" && !wantsPeers {
		v.find("looser", s.Target, s.Origin, "private is planned, %s is there", m.Propagation)
	}
}

// expected lists the flags that a step's mount must have; those that a later
// step has sealed it with too.
func (v *verifier) expected(s *Step) []string {
	var flags []string
	sum, err := parseAttrs(s.Flags)
	if err != nil {
		return nil
	}
	for _, name := range []string{"ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"} {
		if a, _, _ := lookupAttr(name); (sum.set|sum.recSet)&a.set != 0 {
			flags = append(flags, name)
		}
	}
	sealed := slices.ContainsFunc(v.plan.Steps, func(o Step) bool { return o.Op == OpSeal && o.Target == s.Target })
	if (s.Op == OpReadonly || sealed) && !slices.Contains(flags, "ro") {
		flags = append(flags, "ro")
	}
	return flags
}

// extra reports a mount that no step of the plan accounts for: none is at its
// place, and it came with no tree that a step took along.
func (v *verifier) extra(m *TableMount) {
	if v.planned[m.Target] {
		return
	}
	for dir := m.Target; dir != "/"; {
		dir = path.Dir(dir)
		if slices.Contains(v.trees, dir) && dir != "/" {
			return
		}
		if v.planned[dir] {
			break // the innermost tree of the plan brings nothing along
		}
	}
	v.find("extra", m.Target, "", "a %s that the plan does not have", m.Type)
}
