package nsmount

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mnt writes a mount of config.json in one line.
func mnt(dest, typ, source, options string) specs.Mount {
	m := specs.Mount{Destination: dest, Type: typ, Source: source}
	if options != "" {
		m.Options = strings.Split(options, ",")
	}
	return m
}

func specOf(mounts ...specs.Mount) *specs.Spec {
	return &specs.Spec{Root: &specs.Root{Path: "/rootfs"}, Mounts: mounts}
}

// brief is a step as the tables below write it: op target, then what of type,
// source, flags, data and propagation the step has.
func brief(s *Step) string {
	out := string(s.Op) + " " + s.Target
	if s.Op == OpMount {
		out += " " + s.Type
	}
	if s.Op == OpBind {
		out += " " + s.Source
	}
	if s.Recursive {
		out += " rec"
	}
	for _, list := range [][]string{s.Flags, s.Data, s.Propagation} {
		if len(list) > 0 {
			out += " " + strings.Join(list, ",")
		}
	}
	if s.Overlay != nil {
		out += " overlay"
	}
	return out
}

// fromSpec lists the steps that come from config.json's mounts.
func fromSpec(p *Plan) []string {
	var out []string
	for i := range p.Steps {
		if s := &p.Steps[i]; s.SpecIndex > 0 {
			out = append(out, brief(s))
		}
	}
	return out
}

func warningRules(p *Plan) []string {
	var out []string
	for _, w := range p.Warnings {
		out = append(out, w.Origin+" "+w.Rule)
	}
	return out
}

// profiles says the same of several profiles.
type profiles map[string]string

// C1, T1, T2: which mounts there are without being asked for, and their order.
func TestCompileImplicitMounts(t *testing.T) {
	own := []specs.Mount{mnt("/data", "tmpfs", "", ""), mnt("/proc", "proc", "", "")}
	for _, tc := range []struct {
		name   string
		mounts []specs.Mount
		want   profiles
	}{
		{"none in the spec", nil, profiles{
			"runsc-2018": "/ /proc /sys /tmp /dev /dev/pts",
			"runsc-2019": "/ /proc /sys /dev /dev/pts /tmp",
			"runsc":      "/ /sys /dev /proc /dev/pts /tmp", // a stable sort by length (C7)
			"oci":        "/ /dev",                          // the nodes
		}},
		{"some in the spec", own, profiles{
			"runsc-2018": "/ /sys /tmp /dev /dev/pts /data /proc",
			"runsc-2019": "/ /sys /dev /dev/pts /data /proc /tmp",
			"runsc":      "/ /sys /dev /data /proc /dev/pts /tmp",
			"oci":        "/ /data /proc /dev",
		}},
		{"/tmp in the spec, unclean (T1, C2)", []specs.Mount{mnt("//tmp/.", "tmpfs", "", "")}, profiles{
			"runsc-2018": "/ /proc /sys /dev /dev/pts /tmp",
			"runsc-2019": "/ /proc /sys /dev /dev/pts /tmp",
			"runsc":      "/ /sys /dev /tmp /proc /dev/pts",
			"oci":        "/ /tmp /dev",
		}},
		{"/tmp of a type that is skipped (T1)", []specs.Mount{mnt("/tmp", "nosuchfs", "x", "")}, profiles{
			"runsc-2018": "/ /proc /sys /dev /dev/pts /tmp",
			"runsc-2019": "/ /proc /sys /dev /dev/pts /tmp",
			"runsc":      "/ /sys /dev /proc /dev/pts",
			"oci":        "/ /tmp /dev",
		}},
	} {
		for profile, want := range tc.want {
			p := compileFor(t, specOf(tc.mounts...), Options{Profile: profile})
			var got []string
			for _, s := range p.Steps {
				got = append(got, s.Target)
			}
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", tc.name, profile, diff)
			}
		}
	}
}

// C3: every fixed name is skipped where the profile skips, by its name and not
// by its beginning.
func TestCompileFixedDevNames(t *testing.T) {
	for _, name := range strings.Fields("fd stdin stdout stderr null zero full random urandom shm pts ptmx") {
		for _, dest := range []string{"/dev/" + name, "/dev/" + name + "/x", "//dev/./" + name + "/"} {
			for _, profile := range []string{"runsc-2018", "runsc-2019"} {
				p := compileFor(t, specOf(mnt(dest, "tmpfs", "", "")), Options{Profile: profile})
				if got := fromSpec(p); len(got) != 0 || !slices.Equal(warningRules(p), []string{"mounts[0] C3"}) {
					t.Errorf("%s %s: %v, warnings %v", profile, dest, got, p.Warnings)
				}
			}
		}
		if p := compileFor(t, specOf(mnt("/dev/"+name+"x", "tmpfs", "", "")), Options{Profile: "runsc-2019"}); len(fromSpec(p)) != 1 {
			t.Errorf("/dev/%sx is skipped", name)
		}
	}
}

// C2: a tmpfs on /proc suppresses procfs, and is refused where nothing allows it.
func TestCompileTmpfsOnProc(t *testing.T) {
	spec := specOf(mnt("/proc", "tmpfs", "", ""))
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018"} {
		p := compileFor(t, spec, Options{Profile: profile})
		if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Type == "proc" }) {
			t.Errorf("%s: procfs is mounted beside the spec's tmpfs", profile)
		}
	}
	if _, err := Compile(spec, Options{Profile: "oci"}); err == nil {
		t.Error("oci: a tmpfs on /proc is not refused")
	}
}

// What the mounts of one config become in each profile. An entry "error: ..."
// is a part of the error; "" is a mount that is skipped.
func TestCompileMounts(t *testing.T) {
	old := func(want string) profiles { return profiles{"runsc-2018": want, "runsc-2019": want} }
	with := func(p profiles, more profiles) profiles {
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	all := func(want string) profiles {
		return with(old(want), profiles{"runsc": want, "oci": want})
	}
	for _, tc := range []struct {
		rule  string
		mount specs.Mount
		want  profiles
	}{
		{"C3", mnt("/dev", "tmpfs", "tmpfs", "mode=755"), with(old(""), profiles{"runsc": "dev /dev mode=0755", "oci": "mount /dev tmpfs mode=755"})},
		{"C3 bind on /dev", mnt("/dev", "bind", "/d", "bind,ro"), with(old(""), profiles{"runsc": "bind /dev /d ro", "oci": "bind /dev /d ro"})},
		{"C3 fixed name", mnt("/dev/shm", "tmpfs", "", ""), with(old(""), profiles{"runsc": "mount /dev/shm tmpfs mode=01777", "oci": "mount /dev/shm tmpfs"})},
		{"C3 below a fixed name", mnt("/dev/fd/x", "tmpfs", "", ""), with(old(""), profiles{"oci": "mount /dev/fd/x tmpfs"})},
		{"C3 begins like one", mnt("/dev/fd-foo", "tmpfs", "", ""), old("mount /dev/fd-foo tmpfs mode=0777")},
		{"C3 another name", mnt("/dev/foo", "bind", "/f", "bind"), all("bind /dev/foo /f")},
		{"D1 devtmpfs anywhere", mnt("/x", "devtmpfs", "", ""), profiles{"runsc-2018": "dev /x mode=0555", "runsc": "dev /x mode=0755", "oci": "dev /x mode=0755"}},
		{"C4 none", mnt("/x", "none", "/s", ""), with(old("mount /x sysfs"), profiles{"runsc": "mount /x sysfs", "oci": "error: type none without the option bind"})},
		{"C4 none, bind", mnt("/x", "none", "/s", "bind"), with(old("mount /x sysfs"), profiles{"runsc": "bind /x /s", "oci": "bind /x /s"})},
		{"C5 empty type, rbind", mnt("/x", "", "/s", "rbind,ro"), with(old("stub /x"), profiles{"runsc": "bind /x /s rec ro", "oci": "bind /x /s rec ro"})},
		{"C5 another type, bind", mnt("/x", "tmpfs", "/s", "bind"), with(old("mount /x tmpfs mode=0777"), profiles{"runsc": "bind /x /s", "oci": "bind /x /s"})},
		{"C5 empty type", mnt("/x", "", "/s", ""), with(old("stub /x"), profiles{"runsc": "", "oci": "error: no type"})},
		{"C6 unknown type", mnt("/x", "nosuchfs", "s", ""), with(old("stub /x"), profiles{"runsc": "", "oci": "mount /x nosuchfs"})},
		{"C6 mqueue", mnt("/x", "mqueue", "mqueue", ""), with(old("stub /x"), profiles{"runsc": "", "oci": "mount /x mqueue"})},
		{"C6 cgroup", mnt("/x", "cgroup", "cgroup", "ro"), with(old("stub /x"), profiles{"runsc": "cgroup /x ro", "oci": "cgroup /x ro"})},

		{"C9 ro,rw: last wins but in runsc", mnt("/x", "bind", "/s", "ro,rw"), with(old("bind /x /s rw"), profiles{"runsc": "bind /x /s ro", "oci": "bind /x /s rw"})},
		{"C9 rw,ro", mnt("/x", "bind", "/s", "rw,ro"), all("bind /x /s ro")},
		{"C9 noatime", mnt("/x", "bind", "/s", "noatime"), all("bind /x /s noatime")},
		{"C9 the standing rule", mnt("/x", "bind", "/s", "nosuid,nodev,noexec,rro"), all("bind /x /s nosuid,nodev,noexec,rro")},
		{"C9 strictatime", mnt("/x", "bind", "/s", "strictatime"), with(old("bind /x /s"), profiles{"runsc": "bind /x /s strictatime", "oci": "bind /x /s strictatime"})},
		{"C9 propagation", mnt("/x", "bind", "/s", "rslave"), with(old("bind /x /s"), profiles{"runsc": "bind /x /s rslave", "oci": "bind /x /s rslave"})},
		{"C9 unknown on a bind", mnt("/x", "bind", "/s", "zzz"), with(old("bind /x /s"), profiles{"runsc": "bind /x /s", "oci": "error: options[0]"})},
		{"C9 unknown on a file system", mnt("/x", "sysfs", "", "zzz"), with(old("mount /x sysfs"), profiles{"runsc": "mount /x sysfs", "oci": "mount /x sysfs zzz"})},
		{"C9 remount", mnt("/x", "tmpfs", "", "remount,ro"), with(old("mount /x tmpfs ro mode=0777"), profiles{"runsc": "remount /x ro", "oci": "remount /x ro"})},

		{"C10 default mode", mnt("/x", "tmpfs", "", ""), with(old("mount /x tmpfs mode=0777"), profiles{"runsc": "mount /x tmpfs mode=01777", "oci": "mount /x tmpfs"})},
		{"C10 last mode wins", mnt("/x", "tmpfs", "", "mode=1,uid=5,gid=6,mode=700"), with(old("mount /x tmpfs uid=5,gid=6,mode=0700"), profiles{"runsc": "mount /x tmpfs uid=5,gid=6,mode=0700"})},
		{"C10 two =", mnt("/x", "tmpfs", "", "mode=7=7"), with(old(`error: option "mode=7=7" has more`), profiles{"runsc": `error: option "mode=7=7" has more`})},
		{"C10 bad mode", mnt("/x", "tmpfs", "", "mode=9"), with(old("error: not an octal number"), profiles{"runsc": "error: not an octal number"})},
		{"C10 mode over 01777", mnt("/x", "tmpfs", "", "mode=2000"), with(old("error: over 01777"), profiles{"runsc": "error: over 01777"})},
		{"C10 bad uid", mnt("/x", "tmpfs", "", "uid=-1"), with(old("error: not a number"), profiles{"runsc": "error: not a number"})},
		{"C10 size", mnt("/x", "tmpfs", "", "size=1m"), profiles{"runsc": "mount /x tmpfs size=1m,mode=01777", "oci": "mount /x tmpfs size=1m"}},

		{"C13 cleaned", mnt("//x//./y/", "tmpfs", "", ""), profiles{"runsc": "mount /x/y tmpfs mode=01777", "oci": "mount /x/y tmpfs", "runsc-2019": "mount /x/y tmpfs mode=0777"}},
		{"C13 /", mnt("/", "tmpfs", "", ""), all("error: the destination is the root itself")},
		{"C13 / unclean", mnt("//.", "tmpfs", "", ""), all("error: the destination is the root itself")},
		{"C13 empty", mnt("", "tmpfs", "", ""), all("error: the destination is empty")},
		{"C13 relative", mnt("x", "tmpfs", "", ""), with(old("error: must start with /"), profiles{"runsc": "error: must start with /", "oci": "mount /x tmpfs"})},
		{"C13 ..", mnt("/a/../../x", "tmpfs", "", ""), with(old("error: .. in it"), profiles{"runsc": "error: .. in it", "oci": "mount /x tmpfs"})},

		{"C14 relative source", mnt("/x", "bind", "d/../s", "bind"), all("bind /x /bundle/s")},
		{"C14 no source", mnt("/x", "bind", "", "bind"), all("error: a bind without a source")},

		{"CVE-2019-16884 bind on /proc", mnt("/proc", "bind", "/s", "bind"), all("error: only procfs")},
		{"CVE-2019-16884 below /proc", mnt("/proc/self", "bind", "/s", "bind"), all("error: could fake")},
		{"CVE-2019-16884 unclean", mnt("//proc/./sys/../x", "bind", "/s", "bind"), all("error: ")},
		{"below /proc, off the list", mnt("/proc/uptime", "bind", "/s", "bind"), all("bind /proc/uptime /s")},
		{"NUL", mnt("/x\x00y", "bind", "/s", "bind"), all("error: NUL")},
		{"NUL in an option", mnt("/x", "tmpfs", "", "mode=1\x00"), all("error: NUL")},
	} {
		for profile, want := range tc.want {
			t.Run(tc.rule+"/"+profile, func(t *testing.T) {
				p, err := Compile(specOf(tc.mount), Options{Profile: profile, Bundle: "/bundle"})
				checkMount(t, p, err, want)
			})
		}
	}
}

func checkMount(t *testing.T, p *Plan, err error, want string) {
	t.Helper()
	if part, isError := strings.CutPrefix(want, "error: "); isError {
		if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), "mounts[0]") {
			t.Errorf("error %v, want one of mounts[0] with %q", err, part)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(fromSpec(p), "; "); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if want == "" && len(p.Warnings) == 0 {
		t.Error("skipped without a warning")
	}
}

// Section 9: whatever a rule skips or ignores is in the warnings, with the rule.
func TestCompileWarnings(t *testing.T) {
	for _, tc := range []struct {
		profile string
		mount   specs.Mount
		want    []string
	}{
		{"runsc-2018", mnt("/dev/null", "bind", "/s", "bind"), []string{"mounts[0] C3"}},
		{"runsc-2019", mnt("/x", "nosuchfs", "", ""), []string{"mounts[0] C6"}},
		{"runsc", mnt("/x", "nosuchfs", "", ""), []string{"mounts[0] C6"}},
		{"runsc-2019", mnt("/x", "tmpfs", "", "sync,strictatime,huge=never"), []string{"mounts[0] C9", "mounts[0] C9", "mounts[0] C9"}},
		{"runsc", mnt("/x", "bind", "/s", "sync"), []string{"mounts[0] C9"}},
		{"oci", mnt("x", "tmpfs", "", ""), []string{"mounts[0] C13"}},
		{"runsc", mnt("/x", "tmpfs", "", "ro,nosuid,noatime,size=1"), nil},
	} {
		p := compileFor(t, specOf(tc.mount), Options{Profile: tc.profile})
		if diff := cmp.Diff(tc.want, warningRules(p)); diff != "" {
			t.Errorf("%s %v (-want +got):\n%s", tc.profile, tc.mount, diff)
		}
	}
}

// C7, C8: the order of mounts; of two on one place the later stays on top.
func TestCompileOrder(t *testing.T) {
	mounts := []specs.Mount{mnt("/a/b/c", "tmpfs", "1", ""), mnt("/a", "tmpfs", "2", ""), mnt("/b", "tmpfs", "3", ""), mnt("/a/b/", "tmpfs", "4", ""), mnt("/a", "tmpfs", "5", "")}
	order := func(p *Plan) string {
		var out string
		for _, s := range p.Steps {
			if s.SpecIndex > 0 {
				out += s.Source
			}
		}
		return out
	}
	for profile, want := range (profiles{"runsc": "23541", "runsc-2019": "12345", "runsc-2018": "12345", "oci": "12345"}) {
		if got := order(compileFor(t, specOf(mounts...), Options{Profile: profile})); got != want {
			t.Errorf("%s: order %s, want %s", profile, got, want)
		}
	}
}

// C11, C12: what --overlay puts a layer over.
func TestCompileOverlay(t *testing.T) {
	mounts := []specs.Mount{mnt("/rw", "bind", "/s", "bind"), mnt("/ro", "bind", "/s", "bind,ro"), mnt("/rro", "bind", "/s", "rbind,rro"), mnt("/t", "tmpfs", "", "")}
	for _, tc := range []struct {
		overlay  string
		readonly bool
		want     string
	}{
		{"none", false, ""},
		{"root", false, "/"},
		{"root", true, ""}, // C11: only if root.readonly is false
		{"all", false, "/ /rw"},
		{"all", true, "/rw"},
	} {
		for _, profile := range ProfileNames() {
			o, err := ParseOverlay(tc.overlay)
			if err != nil {
				t.Fatal(err)
			}
			spec := specOf(mounts...)
			spec.Root.Readonly = tc.readonly
			var got []string
			for _, s := range compileFor(t, spec, Options{Profile: profile, Overlay: o}).Steps {
				if s.Overlay != nil {
					got = append(got, s.Target)
				}
			}
			if g := strings.Join(got, " "); g != tc.want {
				t.Errorf("%s --overlay=%s readonly=%v: layers over %q, want %q", profile, tc.overlay, tc.readonly, g, tc.want)
			}
		}
	}
}

// S2: each tree gets the mount points that lie in it, and not those of a tree
// mounted inside it.
func TestCompileStubs(t *testing.T) {
	spec := specOf(mnt("/data", "bind", "/s", "bind,ro"), mnt("/data/a/b", "tmpfs", "", ""), mnt("/data/a/b/c", "bind", "/s", "bind"), mnt("/other", "nosuchfs", "", ""))
	spec.Root.Readonly = true
	p := compileFor(t, spec, Options{Profile: "runsc-2019"})
	got := map[string][]string{}
	for _, s := range p.Steps {
		if len(s.Stubs) > 0 {
			got[s.Target] = s.Stubs
		}
	}
	want := map[string][]string{
		"/":         {"proc", "sys", "dev", "data", "other", "tmp"}, // C6: the skipped one's too
		"/dev":      {"pts"},
		"/data":     {"a/b"},
		"/data/a/b": {"c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stubs (-want +got):\n%s", diff)
	}
}

// A read-only file system that mount points are made in is sealed at the end.
func TestCompileSeal(t *testing.T) {
	p := compileFor(t, specOf(mnt("/t", "tmpfs", "", "ro"), mnt("/t/in", "tmpfs", "", ""), mnt("/alone", "tmpfs", "", "ro")), Options{})
	var seals []string
	for _, s := range p.Steps {
		if s.Op == OpSeal {
			seals = append(seals, s.Target)
		}
		if s.Op == OpMount && s.Target == "/t" && slices.Contains(s.Flags, "ro") {
			t.Error("/t is read-only before /t/in is made")
		}
	}
	if diff := cmp.Diff([]string{"/t"}, seals); diff != "" {
		t.Errorf("sealed (-want +got):\n%s", diff)
	}
}

// C3 and the standing rule: what tightens in a skipped mount on /dev holds for
// the private /dev.
func TestCompileSkippedDevStaysTight(t *testing.T) {
	p := compileFor(t, specOf(mnt("/dev", "tmpfs", "", "noexec,strictatime,mode=777")), Options{Profile: "runsc-2019"})
	for _, s := range p.Steps {
		if s.Op == OpDev {
			if diff := cmp.Diff([]string{"nosuid", "noexec"}, s.Flags); diff != "" {
				t.Errorf("flags of /dev (-want +got):\n%s", diff)
			}
			return
		}
	}
	t.Error("no private /dev")
}

// --tmp overrules the profile (section 3).
func TestCompileTmpOption(t *testing.T) {
	for _, profile := range ProfileNames() {
		for tmp, want := range map[string]bool{"tmpfs": true, "rootfs": false, "auto": profile != "oci", "": profile != "oci"} {
			p := compileFor(t, specOf(), Options{Profile: profile, Tmp: tmp})
			if got := slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Op == OpTmp }); got != want {
				t.Errorf("%s --tmp=%s: a tmpfs on /tmp is %v, want %v", profile, tmp, got, want)
			}
		}
	}
}

// P5: when a missing process.cwd is made.
func TestCompileCwd(t *testing.T) {
	for profile, want := range map[string]int{"runsc-2018": -1, "runsc-2019": 1, "runsc": 7, "oci": 2} {
		spec := specOf(mnt("/m", "tmpfs", "", ""))
		spec.Process = &specs.Process{Cwd: "/m//w/"}
		p := compileFor(t, spec, Options{Profile: profile})
		got := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Origin == originCwd })
		if got != want {
			t.Errorf("%s: made in step %d, want %d", profile, got, want)
		}
		if got >= 0 && p.Steps[got].Target != "/m/w" {
			t.Errorf("%s: makes %s, want /m/w", profile, p.Steps[got].Target)
		}
	}
}

// The 2018 and 2019 sandbox could not open a bind hidden by a later one.
func TestCompileHiddenBind(t *testing.T) {
	spec := specOf(mnt("/a/b", "bind", "/s", "bind"), mnt("/a", "bind", "/s", "bind"))
	for _, profile := range ProfileNames() {
		_, err := Compile(spec, Options{Profile: profile})
		if old := strings.HasPrefix(profile, "runsc-"); (err != nil) != old {
			t.Errorf("%s: error %v, wanted one: %v", profile, err, old)
		}
	}
}

func TestCompileBadSpec(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		spec       *specs.Spec
		profile    string
	}{
		{"no root", "root.path: not set", &specs.Spec{}, ""},
		{"empty root path", "root.path: not set", &specs.Spec{Root: &specs.Root{}}, ""},
		{"NUL in the root", "root.path: a NUL byte", &specs.Spec{Root: &specs.Root{Path: "a\x00"}}, ""},
		{"unknown profile", `unknown profile "runsc-2020": one of runsc, runsc-2019, runsc-2018, oci`, specOf(), "runsc-2020"},
		{"relative masked path", "linux.maskedPaths[1]", withLinux(&specs.Linux{MaskedPaths: []string{"/a", "b"}}), ""},
		{"relative read-only path", "linux.readonlyPaths[0]", withLinux(&specs.Linux{ReadonlyPaths: []string{""}}), ""},
		{"device type", `type "x" is none of`, withLinux(&specs.Linux{Devices: []specs.LinuxDevice{{Path: "/d", Type: "x"}}}), ""},
		{"device on /", "linux.devices[0]", withLinux(&specs.Linux{Devices: []specs.LinuxDevice{{Path: "/..", Type: "c"}}}), ""},
	} {
		_, err := Compile(tc.spec, Options{Profile: tc.profile})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
}

func withLinux(l *specs.Linux) *specs.Spec {
	s := specOf()
	s.Linux = l
	return s
}

// C15: root first, then one descriptor for each kept bind in spec order.
func TestCompileSourceOrder(t *testing.T) {
	spec := specOf(mnt("/a/b", "bind", "/1", "bind"), mnt("/t", "tmpfs", "", ""), mnt("/a", "bind", "/2", "bind"), mnt("/dev/null", "bind", "/3", "bind"))
	for profile, want := range map[string]int{"runsc": 4, "oci": 4} {
		p := compileFor(t, spec, Options{Profile: profile})
		var index []string
		for _, s := range p.Steps {
			if s.Op == OpBind {
				index = append(index, fmt.Sprintf("%d=%s", s.SpecIndex, s.Source))
			}
		}
		if len(index)+1 != want {
			t.Errorf("%s: %d sources, want %d", profile, len(index)+1, want)
		}
		slices.Sort(index)
		if diff := cmp.Diff([]string{"1=/1", "3=/2", "4=/3"}, index); diff != "" {
			t.Errorf("%s (-want +got):\n%s", profile, diff)
		}
	}
}
