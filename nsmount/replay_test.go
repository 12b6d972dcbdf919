package nsmount

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestDifferences changes a config in one way at a time: each is named, by the
// plan's index, and nothing else is.
func TestDifferences(t *testing.T) {
	spec := func() *specs.Spec {
		return &specs.Spec{
			Root: &specs.Root{Path: "rootfs", Readonly: true},
			Mounts: []specs.Mount{
				{Destination: "/a", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "size=1m"}},
				{Destination: "/b", Type: "bind", Source: "src", Options: []string{"bind", "ro"}},
				{Destination: "/b", Type: "tmpfs", Source: "tmpfs"},
				{Destination: "/c", Type: "tmpfs", Source: "tmpfs"},
			},
			Linux: &specs.Linux{MaskedPaths: []string{"/proc/kcore"}, ReadonlyPaths: []string{"/proc/sys"}},
		}
	}
	plan, err := Compile(spec(), Options{Profile: "oci", Bundle: "/b"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(s *specs.Spec)
		want   []string
	}{
		"nothing":     {func(*specs.Spec) {}, nil},
		"source":      {func(s *specs.Spec) { s.Mounts[1].Source, s.Root.Path = "elsewhere", "other" }, nil},
		"destination": {func(s *specs.Spec) { s.Mounts[0].Destination = "/z" }, []string{`mounts[0] /a: destination is "/a" in the plan, "/z" in config.json`}},
		"type":        {func(s *specs.Spec) { s.Mounts[3].Type = "ramfs" }, []string{`mounts[3] /c: type is "tmpfs" in the plan, "ramfs" in config.json`}},
		"options":     {func(s *specs.Spec) { s.Mounts[1].Options = []string{"bind"} }, []string{`mounts[1] /b: options is "bind,ro" in the plan, "bind" in config.json`}},
		"of options":  {func(s *specs.Spec) { s.Mounts[0].Options = []string{"size=1m", "nosuid"} }, []string{`mounts[0] /a: options is "nosuid,size=1m" in the plan, "size=1m,nosuid" in config.json`}},
		"missing":     {func(s *specs.Spec) { s.Mounts = s.Mounts[1:] }, []string{"mounts[0] /a: in the plan, not in config.json"}},
		"one of two":  {func(s *specs.Spec) { s.Mounts = append(s.Mounts[:2], s.Mounts[3]) }, []string{"mounts[2] /b: in the plan, not in config.json"}},
		"extra": {func(s *specs.Spec) {
			s.Mounts = append([]specs.Mount{{Destination: "/new", Type: "tmpfs"}}, s.Mounts...)
		}, []string{"mounts[0] /new: in config.json, not in the plan"}},
		"order": {func(s *specs.Spec) { s.Mounts[0], s.Mounts[3] = s.Mounts[3], s.Mounts[0] }, []string{
			"mounts[1] /b: mounts[1] in config.json, which mounts it in another order",
			"mounts[2] /b: mounts[2] in config.json, which mounts it in another order",
			"mounts[3] /c: mounts[0] in config.json, which mounts it in another order"}},
		"none at all": {func(s *specs.Spec) { s.Mounts = nil }, []string{"mounts[0] /a: in the plan, not in config.json", "mounts[1] /b: in the plan, not in config.json",
			"mounts[2] /b: in the plan, not in config.json", "mounts[3] /c: in the plan, not in config.json"}},
		"root":      {func(s *specs.Spec) { s.Root.Readonly = false }, []string{"root.readonly: true in the plan, false in config.json"}},
		"mask":      {func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/x"} }, []string{"linux.maskedPaths /proc/kcore: in the plan, not in config.json", "linux.maskedPaths /x: in config.json, not in the plan"}},
		"read-only": {func(s *specs.Spec) { s.Linux = nil }, []string{"linux.maskedPaths /proc/kcore: in the plan, not in config.json", "linux.readonlyPaths /proc/sys: in the plan, not in config.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec()
			c.change(s)
			if diff := cmp.Diff(c.want, plan.Differences(s)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
