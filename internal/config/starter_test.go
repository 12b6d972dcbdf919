package config

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The starter boots with no flag and no warning, and reads back as itself.
func TestStarter(t *testing.T) {
	want := Starter("/srv/<root> & co")
	text, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("\n\t\"root\": {\n\t\t\"path\": \"/srv/<root> & co\",")) || !bytes.HasSuffix(text, []byte("}\n")) {
		t.Errorf("not as written by hand:\n%s", text)
	}
	got := decode(t, text)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	refused, warnings, err := Check(got, nil)
	if err != nil || len(refused) > 0 || len(warnings) > 0 {
		t.Errorf("%v, %q, %v", refused, warnings, err)
	}
	if err := CheckProcess(got); err != nil {
		t.Error(err)
	}
}

// What runc spec writes, but for the differences that Starter's comment names.
func TestStarterAgainstRunc(t *testing.T) {
	want := decode(t, fixtures(t)["runc-spec.json"])
	want.Version, want.Hostname = specs.Version, "nsboot"
	want.Linux.Resources = nil
	want.Mounts = slices.DeleteFunc(want.Mounts, func(m specs.Mount) bool { return m.Type == "mqueue" })
	want.Linux.Namespaces = append(want.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	if d := cmp.Diff(want, Starter("rootfs"), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-runc +nsboot):\n%s", d)
	}
}
