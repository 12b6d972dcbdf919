package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// maxWarnings bounds what a hostile config has printed about its values.
const maxWarnings = 100

// Refused is a property of the config that this build cannot honour.
type Refused struct {
	Field string // as --ignore takes it: process.apparmorProfile, linux.namespaces[1]
	Why   string // the rest of the sentence: "is set; this build does not ..."
}

// String is the error to print.
func (r Refused) String() string { return r.Field + " " + r.Why }

// Hint says how to boot all the same.
func (r Refused) Hint() string { return "--ignore " + r.Field + " accepts that" }

// Check holds spec against what this build does (semantics.md, section 9).
//
// An error is a value that no runtime could honour, or a name in ignore that
// is not a property which can be ignored. refused lists the properties which
// ask for something that this build does not do, except those that ignore
// names; they are to be fatal. warnings names what is accepted without being
// applied, the ignored ones included. What asks for nothing (an empty list,
// an empty object, false, null) appears nowhere.
//
// A name in ignore is a property, such as hooks, or one entry of a list, such
// as linux.namespaces[1].path; linux.namespaces.path means those of every one.
// spec is not changed: whoever uses it skips what was ignored.
func Check(spec *specs.Spec, ignore []string) (refused []Refused, warnings []string, err error) {
	for _, name := range ignore {
		if !ignorable(name) {
			return nil, nil, fmt.Errorf("--ignore %s: not a property that can be ignored; those are: %s", name, strings.Join(ignorableNames(), ", "))
		}
	}
	warnings, err = validate(spec)
	if err != nil {
		return nil, nil, err
	}
	if more := len(warnings) - maxWarnings; more > 0 {
		warnings = append(warnings[:maxWarnings:maxWarnings], fmt.Sprintf("%d more warnings about values", more))
	}
	for _, r := range findRefused(spec) {
		if ignored(r.Field, ignore) {
			warnings = append(warnings, r.Field+" is set and ignored, as --ignore asks")
			continue
		}
		refused = append(refused, r)
	}
	return refused, append(warnings, CgroupNotes(spec, ignore)...), nil
}

// refusal is a property that is refused when asked says that it asks for
// something.
type refusal struct {
	field string
	why   string
	asked func(*specs.Spec) bool // not with a nil Process or Linux
}

var refusals = []refusal{
	{"solaris", "boots Linux containers only", func(s *specs.Spec) bool { return asks(s.Solaris) }},
	{"windows", "boots Linux containers only", func(s *specs.Spec) bool { return asks(s.Windows) }},
	{"vm", "boots no virtual machines", func(s *specs.Spec) bool { return asks(s.VM) }},
	{"zos", "boots Linux containers only", func(s *specs.Spec) bool { return asks(s.ZOS) }},
	{"freebsd", "boots Linux containers only", func(s *specs.Spec) bool { return asks(s.FreeBSD) }},
}

var processRefusals = []refusal{
	{"process.user.username", "takes user ids only", func(s *specs.Spec) bool { return s.Process.User.Username != "" }},
	{"process.commandLine", "takes process.args only", func(s *specs.Spec) bool { return s.Process.CommandLine != "" }},
	{"process.apparmorProfile", "does not apply AppArmor profiles", func(s *specs.Spec) bool { return s.Process.ApparmorProfile != "" }},
	{"process.selinuxLabel", "does not apply SELinux labels", func(s *specs.Spec) bool { return s.Process.SelinuxLabel != "" }},
}

var linuxRefusals = []refusal{
	{"linux.netDevices", "moves no network devices", func(s *specs.Spec) bool { return len(s.Linux.NetDevices) > 0 }},
	{"linux.mountLabel", "does not apply SELinux labels", func(s *specs.Spec) bool { return s.Linux.MountLabel != "" }},
	{"linux.intelRdt", "does not use Intel RDT", func(s *specs.Spec) bool { return asks(s.Linux.IntelRdt) }},
}

// otherIgnorable are the properties that findRefused and CgroupNotes handle
// one by one, without indices.
var otherIgnorable = []string{
	"linux.namespaces.path", "linux.resources", "linux.cgroupsPath",
}

func findRefused(spec *specs.Spec) (out []Refused) {
	add := func(rules []refusal) {
		for _, r := range rules {
			if r.asked(spec) {
				out = append(out, Refused{r.field, "is set; this build " + r.why})
			}
		}
	}
	add(refusals)
	if spec.Process != nil {
		add(processRefusals)
	}
	if spec.Linux == nil {
		return out
	}
	add(linuxRefusals)
	for i, ns := range spec.Linux.Namespaces {
		if ns.Type == specs.MountNamespace && ns.Path != "" {
			out = append(out, Refused{at("linux.namespaces", i) + ".path", "is set; this build joins no mount namespace, it makes a new one"})
		}
	}
	return out
}

// CgroupNotes are the warnings about what belongs to cgroups, a line each. Whoever
// applies it passes both properties in ignore.
func CgroupNotes(spec *specs.Spec, ignore []string) (warnings []string) {
	if spec.Linux == nil {
		return nil
	}
	if parts := resourceNames(spec.Linux.Resources); len(parts) > 0 && !ignored("linux.resources", ignore) {
		warnings = append(warnings, "linux.resources: not applied: "+strings.Join(parts, ", "))
	}
	if p := spec.Linux.CgroupsPath; p != "" && !ignored("linux.cgroupsPath", ignore) {
		warnings = append(warnings, "linux.cgroupsPath: not applied: the process stays in the cgroup of its caller")
	}
	return warnings
}

func at(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// plain returns field without its indices.
func plain(field string) string {
	for {
		a, rest, found := strings.Cut(field, "[")
		index, b, closed := strings.Cut(rest, "]")
		if !found || !closed || index == "" || strings.Trim(index, "0123456789") != "" {
			return field
		}
		field = a + b
	}
}

func ignored(field string, ignore []string) bool {
	return slices.Contains(ignore, field) || slices.Contains(ignore, plain(field))
}

// ignorable says whether name, without indices or with those of a list, is a
// property that Check can refuse or warn about.
func ignorable(name string) bool {
	bare := plain(name)
	if !slices.Contains(ignorableNames(), bare) {
		return false
	}
	if bare == name {
		return true
	}
	// One index, right after the list.
	const list = "linux.namespaces"
	if rest, ok := strings.CutPrefix(name, list+"["); ok {
		_, after, _ := strings.Cut(rest, "]")
		return list+after == bare
	}
	return false
}

func ignorableNames() []string {
	names := slices.Clone(otherIgnorable)
	for _, rules := range [...][]refusal{refusals, processRefusals, linuxRefusals} {
		for _, r := range rules {
			names = append(names, r.field)
		}
	}
	slices.Sort(names)
	return names
}
