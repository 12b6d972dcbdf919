package nsmount

import (
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestHonouredOptions: what is listed is compiled without a word, and what is not is
// ignored with a warning or refused (C9).
func TestHonouredOptions(t *testing.T) {
	table := []string{"defaults", "tmpcopyup", "remount", "idmap", "ridmap"}
	for _, a := range attrTable {
		table = append(table, a.name, "r"+a.name)
	}
	table = append(append(table, superFlags[:]...), propagations[:]...)
	for _, profile := range ProfileNames() {
		listed, err := HonouredOptions(profile)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range table {
			m := specs.Mount{Destination: "/t", Type: "tmpfs", Options: []string{o}}
			if o == "idmap" || o == "ridmap" {
				m.UIDMappings = []specs.LinuxIDMapping{{Size: 1}}
				m.GIDMappings = m.UIDMappings
			}
			spec := &specs.Spec{Root: &specs.Root{Path: "/r"}, Mounts: []specs.Mount{m}}
			plan, err := Compile(spec, Options{Profile: profile})
			honoured := err == nil && len(plan.Warnings) == 0
			if honoured != slices.Contains(listed, o) {
				t.Errorf("%s: %q honoured: %v, listed: %v", profile, o, honoured, !honoured)
			}
		}
	}
	if _, err := HonouredOptions("nosuch"); err == nil {
		t.Error("no error for an unknown profile")
	}
}

// TestNamespaceTypes: each is one that a boot makes.
func TestNamespaceTypes(t *testing.T) {
	for _, typ := range NamespaceTypes() {
		spec := &specs.Spec{Process: &specs.Process{Args: []string{"x"}, Cwd: "/"}, Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.LinuxNamespaceType(typ)}}}}
		if _, err := CompileProcess(spec); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
