package nsmount

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Differences says, a line each, where config.json no longer asks for what the
// plan was compiled from (section 7): mounts by destination, type and options
// (the source may differ), and what makes the tree stricter: a read-only root,
// masked and read-only paths. And whether a terminal is to be mounted.
func (p *Plan) Differences(spec *specs.Spec) []string {
	var out []string
	if ro := spec.Root != nil && spec.Root.Readonly; ro != p.Readonly {
		out = append(out, fmt.Sprintf("root.readonly: %v in the plan, %v in config.json", p.Readonly, ro))
	}
	out = append(out, p.podDifferences(podAnnotations(spec))...)
	out = append(out, mountDifferences(p.Mounts, specMounts(spec))...)
	if was, is := p.hasConsole(), spec.Process != nil && spec.Process.Terminal; was != is && p.ownDev() {
		out = append(out, fmt.Sprintf("process.terminal: %v in the plan, %v in config.json", was, is))
	}
	linux := spec.Linux
	if linux == nil {
		linux = &specs.Linux{}
	}
	if then := strings.Join(p.Root().Propagation, ","); then != linux.RootfsPropagation {
		out = append(out, fmt.Sprintf("linux.rootfsPropagation is %q in the plan, %q in config.json", then, linux.RootfsPropagation))
	}
	return append(out, append(p.pathDifferences(OpMask, "maskedPaths", linux.MaskedPaths),
		p.pathDifferences(OpReadonly, "readonlyPaths", linux.ReadonlyPaths)...)...)
}

func (p *Plan) podDifferences(now map[string]string) (out []string) {
	for _, key := range slices.Sorted(maps.Keys(p.Pod)) {
		if value, ok := now[key]; !ok {
			out = append(out, fmt.Sprintf("annotations[%s]: in the plan, not in config.json", key))
		} else if value != p.Pod[key] {
			out = append(out, fmt.Sprintf("annotations[%s] is %q in the plan, %q in config.json", key, p.Pod[key], value))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if _, ok := p.Pod[key]; !ok {
			out = append(out, fmt.Sprintf("annotations[%s]: in config.json, not in the plan", key))
		}
	}
	return out
}

func (p *Plan) hasConsole() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Op == OpConsole })
}

func (p *Plan) pathDifferences(op Op, field string, now []string) []string {
	var then, out []string
	for i := range p.Steps {
		if p.Steps[i].Op == op {
			then = append(then, p.Steps[i].Destination)
		}
	}
	for _, path := range then {
		if !slices.Contains(now, path) {
			out = append(out, fmt.Sprintf("linux.%s %s: in the plan, not in config.json", field, path))
		}
	}
	for _, path := range now {
		if !slices.Contains(then, path) {
			out = append(out, fmt.Sprintf("linux.%s %s: in config.json, not in the plan", field, path))
		}
	}
	return out
}

// mountDifferences says, a line each, what of config.json's mounts is no longer as
// it was.
func mountDifferences(then, now []SpecMount) (out []string) {
	pair := pairMounts(then, now)
	last, paired := -1, make(map[int]bool)
	for i, j := range pair {
		switch m := then[i]; {
		case j < 0:
			out = append(out, fmt.Sprintf("mounts[%d] %s: in the plan, not in config.json", i, m.Destination))
			continue
		case j < last:
			out = append(out, fmt.Sprintf("mounts[%d] %s: mounts[%d] in config.json, which mounts it in another order", i, m.Destination, j))
		}
		out = append(out, then[i].differences(i, now[j])...)
		last, paired[j] = max(last, j), true
	}
	for j, m := range now {
		if !paired[j] {
			out = append(out, fmt.Sprintf("mounts[%d] %s: in config.json, not in the plan", j, m.Destination))
		}
	}
	return out
}

// pairMounts finds each mount of the plan in config.json, or -1. A destination
// that is there once more is another mount; one that is there no more has been
// changed, if a new one stands in its place.
func pairMounts(then, now []SpecMount) []int {
	pair, taken := make([]int, len(then)), make(map[int]bool)
	find := func(i int, is func(j int) bool) {
		for j := range now {
			if pair[i] < 0 && !taken[j] && is(j) {
				pair[i], taken[j] = j, true
			}
		}
	}
	for i := range then {
		pair[i] = -1
		find(i, func(j int) bool { return len(then[i].differences(i, now[j])) == 0 })
	}
	for i := range then {
		find(i, func(j int) bool { return now[j].Destination == then[i].Destination })
	}
	if len(then) == len(now) {
		for i := range then {
			find(i, func(j int) bool { return j == i })
		}
	}
	return pair
}

func (m SpecMount) differences(i int, now SpecMount) (out []string) {
	say := func(what, then, now string) {
		out = append(out, fmt.Sprintf("mounts[%d] %s: %s is %q in the plan, %q in config.json", i, m.Destination, what, then, now))
	}
	if m.Destination != now.Destination {
		say("destination", m.Destination, now.Destination)
	}
	if m.Type != now.Type {
		say("type", m.Type, now.Type)
	}
	if !slices.Equal(m.UIDMappings, now.UIDMappings) {
		say("uidMappings", fmt.Sprint(m.UIDMappings), fmt.Sprint(now.UIDMappings))
	}
	if !slices.Equal(m.GIDMappings, now.GIDMappings) {
		say("gidMappings", fmt.Sprint(m.GIDMappings), fmt.Sprint(now.GIDMappings))
	}
	if !slices.Equal(m.Options, now.Options) {
		say("options", strings.Join(m.Options, ","), strings.Join(now.Options, ","))
	}
	return out
}

// TakeSources has a recorded plan use the sources that spec, a bundle's
// config.json at the absolute path bundle, names today for the root and for
// each bind: destination, type and options must be those of the plan, the
// source may differ (section 7). Hold the two against each other with
// [Plan.Differences] first.
func (p *Plan) TakeSources(spec *specs.Spec, bundle string) {
	c := compiler{opts: Options{Bundle: bundle}}
	for i := range p.Steps {
		switch s := &p.Steps[i]; {
		case s.Op == OpRoot && spec.Root != nil:
			s.Source = c.hostPath(spec.Root.Path)
		case s.Op == OpBind && s.SpecIndex > 0 && s.SpecIndex <= len(spec.Mounts):
			s.Source = c.hostPath(spec.Mounts[s.SpecIndex-1].Source)
		}
	}
}
