package nsmount

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsboot/nsboot/tmpdetect"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Options are the choices that are not in config.json.
type Options struct {
	Profile string // name of a Profile; empty = DefaultProfile
	Bundle  string // absolute path of the bundle: relative sources start here
	Overlay OverlayOption
	Tmp     string // "auto" (or empty): the profile's rule; "tmpfs": always covered; "rootfs": never

	// Pod are the annotations of the sandbox container, for a child of a pod:
	// what is said there of shared mounts holds. nil = the child's own.
	Pod map[string]string
}

// OverlayOption is the value of --overlay (C11, C12).
type OverlayOption struct {
	Root  bool // the root, if it is not read-only
	Binds bool // each bind that is not read-only
	Layer Overlay
}

// compiler holds what one Compile knows; its methods are the rules.
type compiler struct {
	profile     Profile
	opts        Options
	plan        *Plan
	absent      func(dest string) bool // C2
	linux       *specs.Linux           // config.json's, may be nil
	devKeep     []string               // tightening flags of a spec mount on /dev that C3 skips
	tmpfsOnProc bool                   // C2: a spec tmpfs stands on /proc
	hints       []hint                 // what the pod's annotations say of volumes
}

// Compile decides, by the rules of opts.Profile, every mount of the container
// that spec describes. It is pure: it opens nothing and asks the kernel
// nothing, so the same spec and options give the same plan on any machine.
//
// The error names the place in config.json. Things that a rule says to warn
// about and skip are in the plan's Warnings.
func Compile(spec *specs.Spec, opts Options) (*Plan, error) {
	p, err := ProfileByName(opts.Profile)
	if err != nil {
		return nil, err
	}
	if spec.Root == nil || spec.Root.Path == "" {
		return nil, fmt.Errorf("root.path: not set: a bundle needs a root file system")
	}
	if err := checkStrings(spec); err != nil {
		return nil, err
	}
	c := &compiler{profile: p, opts: opts, linux: spec.Linux, plan: &Plan{Version: PlanVersion, Profile: p.Name}}
	dests := make(map[string]bool, len(spec.Mounts))
	for i := range spec.Mounts {
		if m := &spec.Mounts[i]; !c.remounts(m) {
			dests[cleanTarget(m.Destination)] = true
		}
	}
	c.absent = func(dest string) bool { return !dests[dest] }
	c.tmpfsOnProc = p.TmpfsOnProc && slices.ContainsFunc(spec.Mounts, func(m specs.Mount) bool {
		return m.Type == "tmpfs" && cleanTarget(m.Destination) == "/proc"
	})

	if l := spec.Linux; l != nil && l.RootfsPropagation != "" && !slices.Contains(propagations[:], l.RootfsPropagation) {
		return nil, fmt.Errorf("linux.rootfsPropagation: %q is none of %s", l.RootfsPropagation, strings.Join(propagations[:], ", "))
	}
	c.plan.Mounts = specMounts(spec)
	c.root(spec)
	if err := c.pod(spec); err != nil {
		return nil, err
	}
	c.cwd(spec, CwdInRoot)
	if err := c.mounts(spec); err != nil {
		return nil, err
	}
	c.tmp()
	c.cwd(spec, CwdInTree)
	c.nodes(spec)
	if err := c.devices(spec); err != nil {
		return nil, err
	}
	c.console(spec)
	c.stubs()
	if err := c.paths(spec); err != nil {
		return nil, err
	}
	return c.plan, nil
}

func (c *compiler) add(s ...Step) { c.plan.Steps = append(c.plan.Steps, s...) }

func (c *compiler) warn(origin, rule, format string, args ...any) {
	c.plan.Warnings = append(c.plan.Warnings, Warning{origin, rule, fmt.Sprintf(format, args...)})
}

// cleanTarget is the cleaned, absolute form of a destination (C13). It never
// leaves the root: path.Clean drops ".." at the top.
func cleanTarget(dest string) string { return path.Clean("/" + dest) }

// below reports whether target is a proper descendant of dir; both are clean.
func below(target, dir string) bool {
	if dir == "/" {
		return target != "/"
	}
	return len(target) > len(dir) && target[len(dir)] == '/' && target[:len(dir)] == dir
}

func specMounts(spec *specs.Spec) []SpecMount {
	out := make([]SpecMount, len(spec.Mounts))
	for i, m := range spec.Mounts {
		out[i] = SpecMount{m.Destination, m.Type, m.Options, idMaps(m.UIDMappings), idMaps(m.GIDMappings)}
	}
	return out
}

func (c *compiler) root(spec *specs.Spec) {
	s := Step{Op: OpRoot, Origin: "root", Rule: "S1", Destination: "/", Target: "/", Recursive: true,
		Source: c.hostPath(spec.Root.Path)}
	switch {
	case spec.Root.Readonly:
		s.Flags = []string{"ro"}
		c.plan.Readonly = true
	case c.opts.Overlay.Root:
		layer := c.opts.Overlay.Layer
		s.Overlay, s.Rule = &layer, "C11 S1"
	}
	if l := spec.Linux; l != nil && l.RootfsPropagation != "" {
		s.Propagation = []string{l.RootfsPropagation}
	}
	c.add(s)
}

// hostPath is a host path of the config: relative ones start at the bundle (C14).
func (c *compiler) hostPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = c.opts.Bundle + "/" + p
	}
	return path.Clean(p)
}

// mounts compiles the implicit mounts and the spec's, in the profile's order
// (C1, C7).
func (c *compiler) mounts(spec *specs.Spec) error {
	own, err := c.specMounts(spec)
	if err != nil {
		return err
	}
	var steps []Step
	for _, dest := range c.profile.Missing {
		if c.absent(dest) {
			steps = append(steps, c.implicit(dest))
		}
	}
	if c.profile.TmpFirst && c.absent("/tmp") && c.tmpMayCover() {
		steps = append(steps, c.tmpStep())
	}
	for _, dest := range c.profile.Always {
		steps = append(steps, c.implicit(dest))
	}
	steps = append(steps, own...)
	if c.profile.ParentsFirst {
		slices.SortStableFunc(steps, func(a, b Step) int { return len(a.Target) - len(b.Target) })
	}
	c.add(steps...)
	return c.checkRemounts()
}

// implicit is a mount that is there without being asked for (C1, D1, D3).
func (c *compiler) implicit(dest string) Step {
	s := Step{Op: OpMount, Origin: "default:" + dest, Destination: dest, Target: dest, NoLinks: c.profile.NoLinks}
	switch dest {
	case "/proc":
		s.Type, s.Rule, s.Flags = "proc", "C1 D3", []string{"nosuid", "nodev", "noexec"}
	case "/sys":
		s.Type, s.Rule, s.Flags = "sysfs", "C1 D3", []string{"ro", "nosuid", "nodev", "noexec"}
	case "/dev":
		s.Op, s.Type, s.Rule = OpDev, "tmpfs", "C1 D1"
		s.Flags = union([]string{"nosuid"}, c.devKeep)
		s.Data = []string{"size=65536k", fmt.Sprintf("mode=%#o", c.profile.DevMode)}
	case "/dev/pts":
		s.Type, s.Rule, s.Flags = "devpts", "C1 D1", []string{"nosuid", "noexec"}
		s.Data = []string{"newinstance", "ptmxmode=0666", "mode=0620"}
	}
	s.Source = s.Type
	return s
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// tmp puts the /tmp rule last, after the submounts, where the profile has it
// there (T1, C1).
func (c *compiler) tmp() {
	if !c.profile.TmpFirst && c.absent("/tmp") && c.tmpMayCover() {
		c.add(c.tmpStep())
	}
}

func (c *compiler) tmpMayCover() bool {
	switch c.opts.Tmp {
	case "tmpfs":
		return true
	case "rootfs":
		return false
	}
	return c.profile.Tmp != tmpdetect.Never()
}

// ruleTmpForced marks a /tmp that --tmp=tmpfs has covered whatever is there.
const ruleTmpForced = "--tmp=tmpfs"

func (c *compiler) tmpStep() Step {
	mode := c.profile.TmpfsMode
	if mode == "" {
		mode = "01777"
	}
	rule := "T2 T10"
	if c.opts.Tmp == "tmpfs" {
		rule = ruleTmpForced
	}
	return Step{Op: OpTmp, Origin: "tmp", Rule: rule, Destination: "/tmp", Target: "/tmp", Type: "tmpfs", Source: "tmpfs",
		Flags: []string{"nosuid", "nodev"}, Data: []string{"mode=" + mode}}
}

// stubs gives every tree the list of mount points that it must have for the
// mounts that come later (S2), and has a read-only file system in which some
// are made sealed only at the end.
func (c *compiler) stubs() {
	on := map[string]int{"/": 0} // the last tree mounted at a target
	have := map[mountPoint]bool{}
	for i := range c.plan.Steps {
		s := &c.plan.Steps[i]
		if s.Op.needsMountPoint() {
			tree, rel := visibleTree(on, s.Target)
			if at := (mountPoint{tree, rel}); rel != "" && !have[at] {
				have[at] = true
				c.plan.Steps[tree].Stubs = append(c.plan.Steps[tree].Stubs, rel)
			}
		}
		if s.Op.givesTree() {
			on[s.Target] = i
		}
	}
	for i := range c.plan.Steps {
		if s := &c.plan.Steps[i]; slices.Contains(s.Flags, "ro") && c.madeInside(s) {
			s.Flags = slices.DeleteFunc(slices.Clone(s.Flags), func(f string) bool { return f == "ro" })
			c.add(Step{Op: OpSeal, Origin: s.Origin, Rule: "S7", Destination: s.Destination, Target: s.Target, Flags: []string{"ro"}})
		}
	}
}

// madeInside reports whether mount points or devices are made in a new file
// system once it is mounted. A sysfs holds none but through an overlay.
func (c *compiler) madeInside(s *Step) bool {
	if s.Op != OpMount && s.Op != OpDev || s.Type == "sysfs" {
		return false
	}
	return len(s.Stubs) > 0 || slices.ContainsFunc(c.plan.Steps, func(d Step) bool {
		return d.Op == OpNodes && d.Target == s.Target || d.Op == OpDevice && below(d.Target, s.Target)
	})
}

// mountPoint is a path inside the tree that a step mounts.
type mountPoint struct {
	tree int
	rel  string
}

// visibleTree finds the tree that target lies in, and the path from its root:
// of all trees mounted at or above target, the one mounted last, for it covers
// what was there before.
func visibleTree(on map[string]int, target string) (tree int, rel string) {
	at := "/"
	for dir := target; ; dir = path.Dir(dir) {
		if i, ok := on[dir]; ok && i >= tree {
			tree, at = i, dir
		}
		if dir == "/" {
			return tree, strings.TrimPrefix(relTo(at, target), "/")
		}
	}
}

// relTo is target as seen from the tree mounted at.
func relTo(at, target string) string {
	if at == "/" {
		return target
	}
	return target[len(at):]
}

func (op Op) needsMountPoint() bool {
	switch op {
	case OpBind, OpMount, OpShared, OpDev, OpCgroup, OpTmp, OpStub, OpConsole:
		return true
	}
	return false
}

func (op Op) givesTree() bool {
	switch op {
	case OpRoot, OpBind, OpMount, OpShared, OpDev, OpCgroup:
		return true
	}
	return false
}

// cwd has a missing process.cwd created at the profile's moment (P5).
func (c *compiler) cwd(spec *specs.Spec, when CwdRule) {
	if spec.Process == nil || c.profile.Cwd != when {
		return
	}
	if t := cleanTarget(spec.Process.Cwd); t != "/" {
		c.add(Step{Op: OpStub, Origin: originCwd, Rule: "P5", Destination: spec.Process.Cwd, Target: t})
	}
}

const originCwd = "process.cwd"
