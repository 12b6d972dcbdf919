package nsmount

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/overlayfs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func idList(list ...uint32) []specs.LinuxIDMapping {
	var out []specs.LinuxIDMapping
	for ; len(list) > 0; list = list[3:] {
		out = append(out, specs.LinuxIDMapping{ContainerID: list[0], HostID: list[1], Size: list[2]})
	}
	return out
}

// What the id mappings of one mount become. C9: idmap is carried out in every
// profile; a mapping alone asks for it, as in runc.
func TestCompileIDMap(t *testing.T) {
	many := func(n int, size uint32) []specs.LinuxIDMapping {
		var out []specs.LinuxIDMapping
		for i := range uint32(n) {
			out = append(out, idList(i*size, i*size, 1)...)
		}
		return out
	}
	one := idList(0, 1000, 10)
	for _, tc := range []struct {
		name     string
		typ      string
		options  string
		uid, gid []specs.LinuxIDMapping
		want     string // or a part of the error
	}{
		{"idmap", "bind", "rbind,idmap", one, idList(5, 6, 7), "0:1000:10 5:6:7"},
		{"ridmap", "bind", "rbind,ridmap", one, one, "0:1000:10 0:1000:10 recursive"},
		{"the last one wins", "bind", "rbind,ridmap,idmap", one, one, "0:1000:10 0:1000:10"},
		{"no option", "bind", "rbind", one, one, "0:1000:10 0:1000:10"},
		{"a file system of its own", "tmpfs", "idmap", one, one, "0:1000:10 0:1000:10"},
		{"several lines", "bind", "bind", idList(0, 1000, 10, 10, 2000, 5), one, "0:1000:10, 10:2000:5 0:1000:10"},
		{"the last id", "bind", "bind", idList(4294967294, 0, 1), one, "4294967294:0:1 0:1000:10"},
		{"340 lines", "bind", "bind", many(340, 1), one, ""},

		{"option alone", "bind", "bind,idmap", nil, nil, "option idmap without uidMappings and gidMappings"},
		{"users alone", "bind", "bind,idmap", one, nil, "both uidMappings and gidMappings"},
		{"groups alone", "bind", "bind", nil, one, "both uidMappings and gidMappings"},
		{"size 0", "bind", "bind", idList(0, 0, 1, 1, 1, 0), one, "uidMappings[1]: its size is 0"},
		{"container ids overflow", "bind", "bind", idList(4294967290, 0, 6), one, "uidMappings[0]: 6 ids from 4294967290 on, outside from 0 on goes beyond the last id"},
		{"host ids overflow", "bind", "bind", one, idList(0, 4294967295, 1), "gidMappings[0]: 1 ids from 0 on, outside from 4294967295 on goes beyond the last id"},
		{"container ids overlap", "bind", "bind", idList(0, 100, 10, 9, 200, 1), one, "uidMappings[1]: 1 ids from 9 on, outside from 200 on overlaps [0], 10 ids from 0 on, outside from 100 on"},
		{"host ids overlap", "bind", "bind", one, idList(0, 100, 10, 20, 109, 5), "gidMappings[1]: 5 ids from 20 on, outside from 109 on overlaps [0]"},
		{"341 lines", "bind", "bind", many(341, 1), one, "uidMappings: 341 ranges: the kernel takes 340"},
		{"too long for a page", "bind", "bind", many(300, 10_000_000), one, "characters: the kernel reads 4095"},
		{"device directory", "devtmpfs", "idmap", one, one, "not for this dev"},
		{"remount", "tmpfs", "remount,idmap", one, one, "a remount maps no ids"},
	} {
		for _, profile := range ProfileNames() {
			if profile != "oci" && (tc.typ == "devtmpfs" || tc.name == "remount") {
				continue
			}
			t.Run(tc.name+"/"+profile, func(t *testing.T) {
				m := mnt("/x", tc.typ, "/s", tc.options)
				m.UIDMappings, m.GIDMappings = tc.uid, tc.gid
				p, err := Compile(specOf(m), Options{Profile: profile})
				if err != nil {
					if !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "mounts[0] /x: ") || tc.want == "" {
						t.Errorf("got error %v, want %q", err, tc.want)
					}
					return
				}
				i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.SpecIndex > 0 })
				lines := ownersText(&p.Steps[i])
				got := strings.NewReplacer("ridmap users: ", "", "ridmap groups: ", "", "idmap users: ", "", "idmap groups: ", "").Replace(strings.Join(lines, " "))
				if p.Steps[i].IDMap.Recursive {
					got += " recursive"
				}
				if tc.want != "" && got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			})
		}
	}
}

// idmap without mappings: those of the container's user namespace.
func TestCompileIDMapOfUserNamespace(t *testing.T) {
	spec := specOf(mnt("/x", "bind", "/s", "bind,idmap"), mnt("/y", "bind", "/s", "bind"))
	spec.Linux = &specs.Linux{UIDMappings: idList(0, 100000, 65536), GIDMappings: idList(0, 200000, 65536)}
	p := compileFor(t, spec, Options{Profile: "oci"})
	want := &MountIDs{UIDs: []IDMap{{0, 100000, 65536}}, GIDs: []IDMap{{0, 200000, 65536}}}
	if diff := cmp.Diff(want, p.Steps[1].IDMap); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p.Steps[2].IDMap != nil {
		t.Errorf("a mount that asks for none has %v", p.Steps[2].IDMap)
	}
}

// Remounts: what they may change depends on what is mounted there by then.
func TestCompileRemount(t *testing.T) {
	for _, tc := range []struct {
		name    string
		profile string
		mounts  []specs.Mount
		want    string // the last step, or a part of the error
	}{
		{"bind", "oci", []specs.Mount{mnt("/x", "bind", "/s", "bind"), mnt("/x", "", "", "bind,remount,ro,nosuid")}, "remount /x ro,nosuid"},
		{"tmpfs", "oci", []specs.Mount{mnt("/x", "tmpfs", "", ""), mnt("/x/.", "tmpfs", "", "remount,size=1m,sync")}, "remount /x size=1m,sync"},
		{"runsc knows size", "runsc", []specs.Mount{mnt("/x", "tmpfs", "", ""), mnt("/x", "tmpfs", "", "remount,size=1m,huge=never,ro,rw")}, "remount /x ro size=1m"},
		{"nothing by name there", "oci", []specs.Mount{mnt("/x", "", "", "remount,ro")}, "remount /x ro"},
		{"propagation", "oci", []specs.Mount{mnt("/x", "", "", "remount,rshared")}, "remount /x rshared"},
		{"procfs", "oci", []specs.Mount{mnt("/proc", "proc", "", ""), mnt("/proc", "proc", "", "remount,hidepid=2")}, "remount /proc hidepid=2"},

		{"data of a bind", "oci", []specs.Mount{mnt("/x", "bind", "/s", "bind"), mnt("/x", "", "", "remount,size=1m")}, `error: mounts[1] /x: "size=1m" is a parameter of the file system there`},
		{"data, covered by a bind", "oci", []specs.Mount{mnt("/x", "tmpfs", "", ""), mnt("/x", "bind", "/s", "bind"), mnt("/x", "", "", "remount,size=1m")}, `error: mounts[2] /x: "size=1m"`},
		{"data of the root's", "oci", []specs.Mount{mnt("/x", "", "", "remount,size=1m")}, `error: mounts[0] /x: "size=1m"`},
		{"data of sysfs", "oci", []specs.Mount{mnt("/x", "sysfs", "", ""), mnt("/x", "", "", "remount,sync")}, `error: mounts[1] /x: "sync"`},
		{"data and bind", "oci", []specs.Mount{mnt("/x", "tmpfs", "", ""), mnt("/x", "", "", "bind,remount,size=1m")}, `error: mounts[1] /x: "size=1m" is a parameter of a file system`},
		{"tmpcopyup", "oci", []specs.Mount{mnt("/x", "tmpfs", "", ""), mnt("/x", "tmpfs", "", "remount,tmpcopyup")}, `error: mounts[1] /x: options[1]: "tmpcopyup" is for a tmpfs`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Compile(specOf(tc.mounts...), Options{Profile: tc.profile, Bundle: "/bundle"})
			got := ""
			if err != nil {
				got = "error: " + err.Error()
			} else {
				steps := fromSpec(p)
				got = steps[len(steps)-1]
			}
			if got != tc.want && (err == nil || !strings.HasPrefix(got, tc.want) || tc.want == "") {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

// C2: a remount does not stand in for a mount that is there without being asked for.
func TestCompileRemountOfImplicit(t *testing.T) {
	p := compileFor(t, specOf(mnt("/proc", "proc", "", "remount,hidepid=2"), mnt("/dev", "", "", "remount,noexec,size=1m")), Options{Profile: "runsc"})
	got := map[string]int{}
	for i, s := range p.Steps {
		if s.Target == "/proc" || s.Target == "/dev" {
			got[string(s.Op)+" "+s.Target] = i
		}
	}
	if len(got) != 4 || got["remount /proc"] < got["mount /proc"] || got["remount /dev"] < got["dev /dev"] {
		t.Errorf("steps %v", got)
	}
	if p := compileFor(t, specOf(mnt("/proc", "proc", "", "remount")), Options{Profile: "runsc-2019"}); !slices.Equal(warningRules(p), []string{"mounts[0] C9"}) {
		t.Errorf("runsc-2019: %v", p.Warnings)
	}
}

// The layers of an overlay are host paths, in any characters; in the runsc
// profiles the type is unknown (C6).
func TestCompileOverlayMount(t *testing.T) {
	m := mnt("/x", "overlay", "", "")
	m.Options = []string{"ro", `lowerdir=/a\:b:c`, "nosuid", "upperdir=/u,v", "workdir=/w", "volatile", "redirect_dir=on"}
	p := compileFor(t, specOf(m), Options{Profile: "oci"})
	s := p.Steps[1]
	if diff := cmp.Diff([]string{"/a:b", "c"}, s.Layers.Lower); diff != "" || s.Layers.Upper != "/u,v" || s.Layers.Work != "/w" {
		t.Errorf("layers %+v\n%s", s.Layers, diff)
	}
	if got := brief(&s); got != "mount /x overlay ro,nosuid volatile,redirect_dir=on" {
		t.Errorf("step %q", got)
	}
	want := []string{"lowerdir+=/a:b", "lowerdir+=c", "upperdir=/u,v", "workdir=/w", "volatile", "redirect_dir=on"}
	if got := p.Filesystems()["overlay"]; len(got) != 1 || !slices.Equal(got[0].Data, want) {
		t.Errorf("restore listing %+v, want %q", got, want)
	}
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018"} {
		if p := compileFor(t, specOf(m), Options{Profile: profile}); !slices.Equal(warningRules(p), []string{"mounts[0] C6"}) {
			t.Errorf("%s: %v", profile, p.Warnings)
		}
	}
	for _, bad := range []string{"lowerdir=/a", "lowerdir=/a:/b,upperdir=/u", "workdir=/w,lowerdir=/a:/b", "upperdir=/u,workdir=/w"} {
		if _, err := Compile(specOf(mnt("/x", "overlay", "", bad)), Options{Profile: "oci"}); err == nil || !strings.HasPrefix(err.Error(), "mounts[0] /x: options: ") {
			t.Errorf("%s: error %v", bad, err)
		}
	}
}

// A list of options that no mount needs is refused before it is looked at.
func TestCompileManyOptions(t *testing.T) {
	for _, profile := range ProfileNames() {
		m := mnt("/x", "tmpfs", "", "")
		m.Options = slices.Repeat([]string{"nosuid"}, 10_000)
		if _, err := Compile(specOf(m), Options{Profile: profile}); err == nil || !strings.Contains(err.Error(), "mounts[0] /x: options: 10000 of them, a mount takes 1024") {
			t.Errorf("%s: %v", profile, err)
		}
	}
}

// linux.rootfsPropagation is the root's.
func TestCompileRootfsPropagation(t *testing.T) {
	for _, value := range append([]string{"", "public"}, propagations[:]...) {
		spec := specOf()
		spec.Linux = &specs.Linux{RootfsPropagation: value}
		p, err := Compile(spec, Options{})
		switch {
		case value == "public":
			if err == nil || !strings.Contains(err.Error(), `linux.rootfsPropagation: "public" is none of private`) {
				t.Errorf("%q: %v", value, err)
			}
		case err != nil:
			t.Errorf("%q: %v", value, err)
		case strings.Join(p.Root().Propagation, " ") != value:
			t.Errorf("%q: %v", value, p.Root().Propagation)
		}
	}
}

// A recorded plan is input like any other.
func TestParsePlanMountParts(t *testing.T) {
	one := &MountIDs{UIDs: []IDMap{{0, 0, 1}}, GIDs: []IDMap{{0, 0, 1}}}
	for want, s := range map[string]Step{
		"op tmp with an id mapping":           {Op: OpTmp, Target: "/x", IDMap: one},
		"gidMappings[0]: its size is 0":       {Op: OpBind, Target: "/x", IDMap: &MountIDs{UIDs: one.UIDs, GIDs: []IDMap{{}}}},
		"layers belong to an overlay":         {Op: OpMount, Type: "tmpfs", Target: "/x", Layers: &overlayfs.PathList{Lower: []string{"/a", "/b"}}},
		"layers belong to an overlay, and it": {Op: OpMount, Type: "overlay", Target: "/x"},
		"a single lowerdir":                   {Op: OpMount, Type: "overlay", Target: "/x", Layers: &overlayfs.PathList{Lower: []string{"/a"}}},
		`unknown propagation "public"`:        {Op: OpBind, Target: "/x", Propagation: []string{"public"}},
		`unknown mount flag "remount"`:        {Op: OpRemount, Target: "/x", Flags: []string{"remount"}},
	} {
		p := Plan{Version: PlanVersion, Profile: "oci", Steps: []Step{{Op: OpRoot, Target: "/", Source: "/r"}, s}}
		data, err := json.Marshal(&p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePlan(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v", want, err)
		}
	}
}
