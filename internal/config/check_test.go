package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func decode(t testing.TB, data []byte) *specs.Spec {
	t.Helper()
	c, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Fatalf("warnings: %q", c.Warnings)
	}
	return c.Spec
}

// Section 9: what other programs write boots without a flag. podman's
// config asks for what later builds do; until then each is named.
func TestCheckFixtures(t *testing.T) {
	const devices = "linux.resources: not applied: devices"
	cgroup := "linux.cgroupsPath: not applied: the process stays in the cgroup of its caller"
	want := map[string]struct{ refused, warnings []string }{
		"runc-spec.json":  {nil, []string{devices}},
		"crun-spec.json":  {nil, []string{devices}},
		"runsc-spec.json": {nil, nil},
		"containerd.json": {nil, []string{devices, cgroup}},
		"podman.json": {
			nil,
			[]string{devices + ", memory.limit, cpu.shares, cpu.quota, pids.limit", cgroup},
		},
	}
	for name, data := range fixtures(t) {
		spec := decode(t, data)
		refused, warnings, err := Check(spec, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var fields []string
		for _, r := range refused {
			fields = append(fields, r.Field)
		}
		if d := cmp.Diff(want[name].refused, fields); d != "" {
			t.Errorf("%s: refused (-want +got):\n%s", name, d)
		}
		if d := cmp.Diff(want[name].warnings, warnings); d != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", name, d)
		}
		if err := CheckProcess(spec); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if refused, _, err = Check(spec, fields); err != nil || len(refused) > 0 {
			t.Errorf("%s: with every refusal ignored: %v, %v", name, refused, err)
		}
	}
}

// honoured lists what this build does; the rest of specs-go must be refused
// or warned about. A name covers what is below it.
var honoured = []string{
	"ociVersion", "root.path", "root.readonly", "hostname", "domainname", "annotations",
	"mounts[0].destination", "mounts[0].type", "mounts[0].source", "mounts[0].options", "mounts[0].uidMappings", "mounts[0].gidMappings",
	"process.terminal", "process.consoleSize", "process.args", "process.env", "process.cwd",
	"process.user.uid", "process.user.gid", "process.user.umask", "process.user.additionalGids",
	"process.capabilities.bounding", "process.capabilities.effective", "process.capabilities.inheritable",
	"process.capabilities.permitted", "process.capabilities.ambient",
	"process.rlimits[0].type", "process.rlimits[0].hard", "process.rlimits[0].soft",
	"process.noNewPrivileges", "process.oomScoreAdj",
	"process.scheduler.policy", "process.scheduler.nice", "process.scheduler.priority", "process.scheduler.flags",
	"process.scheduler.runtime", "process.scheduler.deadline", "process.scheduler.period",
	"process.ioPriority.class", "process.ioPriority.priority", "process.execCPUAffinity.initial", "process.execCPUAffinity.final",
	"linux.namespaces[0].type", "linux.namespaces[0].path",
	"linux.uidMappings[0].containerID", "linux.uidMappings[0].hostID", "linux.uidMappings[0].size",
	"linux.gidMappings[0].containerID", "linux.gidMappings[0].hostID", "linux.gidMappings[0].size",
	"linux.devices[0].path", "linux.devices[0].type", "linux.devices[0].major", "linux.devices[0].minor",
	"linux.devices[0].fileMode", "linux.devices[0].uid", "linux.devices[0].gid",
	"linux.maskedPaths", "linux.readonlyPaths", "linux.rootfsPropagation", "linux.sysctl[k]",
	"linux.timeOffsets[k].secs", "linux.timeOffsets[k].nanosecs", "linux.personality.domain", "linux.personality.flags",
	"linux.memoryPolicy.mode", "linux.memoryPolicy.nodes", "linux.memoryPolicy.flags",
	"linux.seccomp.defaultAction", "linux.seccomp.defaultErrnoRet", "linux.seccomp.architectures", "linux.seccomp.flags",
	"linux.seccomp.listenerPath", "linux.seccomp.listenerMetadata", "linux.seccomp.syscalls[0].names", "linux.seccomp.syscalls[0].action",
	"linux.seccomp.syscalls[0].errnoRet", "linux.seccomp.syscalls[0].args[0].index", "linux.seccomp.syscalls[0].args[0].value",
	"linux.seccomp.syscalls[0].args[0].valueTwo", "linux.seccomp.syscalls[0].args[0].op",
	"hooks.prestart[0].path", "hooks.prestart[0].args[0]", "hooks.prestart[0].env[0]", "hooks.prestart[0].timeout",
	"hooks.createRuntime[0].path", "hooks.createRuntime[0].args[0]", "hooks.createRuntime[0].env[0]", "hooks.createRuntime[0].timeout",
	"hooks.createContainer[0].path", "hooks.createContainer[0].args[0]", "hooks.createContainer[0].env[0]", "hooks.createContainer[0].timeout",
	"hooks.startContainer[0].path", "hooks.startContainer[0].args[0]", "hooks.startContainer[0].env[0]", "hooks.startContainer[0].timeout",
	"hooks.poststart[0].path", "hooks.poststart[0].args[0]", "hooks.poststart[0].env[0]", "hooks.poststart[0].timeout",
	"hooks.poststop[0].path", "hooks.poststop[0].args[0]", "hooks.poststop[0].env[0]", "hooks.poststop[0].timeout",
}

// TestNothingForgotten sets each field of specs-go alone, the deepest ones
// included, and fails for one that is neither honoured nor named (section 9).
func TestNothingForgotten(t *testing.T) {
	seen := make(map[string]bool)
	alone(reflect.TypeFor[specs.Spec](), "", func(path string, set func(root reflect.Value)) {
		for _, h := range honoured {
			if rest, ok := strings.CutPrefix(path, h); ok && (rest == "" || strings.ContainsRune(".[", rune(rest[0]))) {
				seen[h] = true
				return
			}
		}
		spec := &specs.Spec{}
		set(reflect.ValueOf(spec).Elem())
		spec.Version = "1.0.0"
		if spec.Root == nil {
			spec.Root = &specs.Root{Path: "rootfs"}
		}
		if spec.Process != nil {
			spec.Process.Cwd = "/"
		}
		if spec.Linux != nil && spec.Linux.RootfsPropagation != "" {
			spec.Linux.RootfsPropagation = "rslave"
		}
		refused, warnings, err := Check(spec, nil)
		named := slices.ContainsFunc(refused, func(r Refused) bool { return strings.HasPrefix(path, r.Field) && ignorable(r.Field) }) ||
			slices.ContainsFunc(warnings, func(w string) bool { return strings.HasPrefix(path, strings.SplitN(w, ":", 2)[0]) })
		if err != nil || !named {
			t.Errorf("%s is neither honoured nor named: %v, %q, %v", path, refused, warnings, err)
		}
	})
	if len(seen) != len(honoured) {
		t.Errorf("of %d honoured fields only %q exist", len(honoured), slices.Sorted(maps.Keys(seen)))
	}
}

// alone calls f for each leaf below typ, with its path and a function that
// sets that leaf, and no other, in a zero value.
func alone(typ reflect.Type, path string, f func(string, func(reflect.Value))) {
	switch typ.Kind() {
	case reflect.Pointer:
		alone(typ.Elem(), path, func(p string, set func(reflect.Value)) {
			f(p, func(v reflect.Value) { v.Set(reflect.New(typ.Elem())); set(v.Elem()) })
		})
	case reflect.Slice:
		alone(typ.Elem(), path+"[0]", func(p string, set func(reflect.Value)) {
			f(p, func(v reflect.Value) { v.Set(reflect.MakeSlice(typ, 1, 1)); set(v.Index(0)) })
		})
	case reflect.Map:
		alone(typ.Elem(), path+"[k]", func(p string, set func(reflect.Value)) {
			f(p, func(v reflect.Value) {
				e := reflect.New(typ.Elem()).Elem()
				set(e)
				v.Set(reflect.MakeMap(typ))
				v.SetMapIndex(reflect.ValueOf("k"), e)
			})
		})
	case reflect.Struct:
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			sub := strings.Trim(path+"."+name, ".")
			alone(typ.Field(i).Type, sub, func(p string, set func(reflect.Value)) {
				f(p, func(v reflect.Value) { set(v.Field(i)) })
			})
		}
	default:
		f(path, func(v reflect.Value) { n := 0; fill(v, &n) })
	}
}

const base = `"ociVersion":"1.0.0","root":{"path":"r"}`

func process(s string) string { return base + `,"process":{"cwd":"/",` + s + `}` }
func linux(s string) string   { return base + `,"linux":{` + s + `}` }

// What asks for nothing is neither refused nor warned about (section 9).
func TestAsksForNothing(t *testing.T) {
	for _, in := range []string{
		base,
		base + `,"hooks":{},"windows":{"layerFolders":[]},"vm":{"kernel":{"path":""}},"zos":{},"freebsd":{"jail":{"allow":{"rawSockets":false}}},"solaris":{},"domainname":""`,
		base + `,"hooks":{"prestart":[],"poststop":null},"mounts":[{"destination":"/a","uidMappings":[],"gidMappings":null}],"linux":null`,
		process(`"apparmorProfile":"","selinuxLabel":null,"scheduler":{"policy":""},"ioPriority":{"class":"","priority":0},"execCPUAffinity":{"initial":""},"user":{"username":""},"commandLine":"","capabilities":{}`),
		linux(`"uidMappings":[],"gidMappings":[],"sysctl":{},"netDevices":{},"seccomp":{},"mountLabel":"","intelRdt":{"enableMonitoring":false},"memoryPolicy":{},"personality":{},"timeOffsets":{"boottime":{}},"resources":{},"cgroupsPath":"","rootfsPropagation":""`),
		linux(`"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]},"rootfsPropagation":"private","resources":{"devices":[],"memory":{},"cpu":{"cpus":""},"unified":{},"rdma":{},"hugepageLimits":[]}`),
		linux(`"rootfsPropagation":"rprivate","resources":{"memory":{"disableOOMKiller":false,"useHierarchy":false}}`),
	} {
		refused, warnings, err := Check(decode(t, []byte("{"+in+"}")), nil)
		if err != nil || len(refused) > 0 || len(warnings) > 0 {
			t.Errorf("%s:\n %v, %q, %v", in, refused, warnings, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		in, want string
		ignore   string // besides the field itself
	}{
		{process(`"apparmorProfile":"p"`), "process.apparmorProfile is set; this build does not apply AppArmor profiles", ""},
		{linux(`"namespaces":[{"type":"mount","path":"/p"}]`), "linux.namespaces[0].path is set; this build joins no mount namespace, it makes a new one", "linux.namespaces.path"},
	} {
		spec := decode(t, []byte("{"+c.in+"}"))
		refused, _, err := Check(spec, nil)
		if err != nil || len(refused) != 1 || refused[0].String() != c.want {
			t.Errorf("%s:\n %v, %v", c.in, refused, err)
			continue
		}
		if want := "--ignore " + refused[0].Field + " accepts that"; refused[0].Hint() != want {
			t.Errorf("hint %q, want %q", refused[0].Hint(), want)
		}
		for _, ignore := range []string{refused[0].Field, c.ignore} {
			if ignore == "" {
				continue
			}
			left, warnings, err := Check(spec, []string{"linux.resources", ignore})
			if err != nil || len(left) > 0 || len(warnings) != 1 || !strings.HasPrefix(warnings[0], refused[0].Field+" is set and ignored") {
				t.Errorf("--ignore %s: %v, %q, %v", ignore, left, warnings, err)
			}
		}
		if left, _, err := Check(spec, []string{"linux.mountLabel", "linux.namespaces[7].path", "windows"}); err != nil || len(left) != 1 {
			t.Errorf("ignoring others: %v, %v", left, err)
		}
	}
}

func TestIgnoreNames(t *testing.T) {
	spec := decode(t, []byte("{"+linux(`"resources":{"devices":[{}]},"cgroupsPath":"/x"`)+"}"))
	if _, w, err := Check(spec, []string{"linux.resources", "linux.cgroupsPath"}); err != nil || len(w) > 0 {
		t.Errorf("warnings accepted by name: %q, %v", w, err)
	}
	for _, name := range []string{"", "mounts", "linux", "Hooks", "hooks[0]", "root.path", "linux.namespaces", "linux.namespaces[x].path", "linux.namespaces[].path",
		"linux.namespaces[0][1].path", "linux.name[0]spaces", "mounts.uidMappings[0]", "[0]hooks", "process.args"} {
		if _, _, err := Check(spec, []string{name}); err == nil || !strings.Contains(err.Error(), "--ignore "+name+": ") || !strings.Contains(err.Error(), "linux.intelRdt") {
			t.Errorf("--ignore %q: %v", name, err)
		}
	}
}
