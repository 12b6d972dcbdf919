package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go/features"
)

// TestFeatures: the document is runtime-spec's, and tells the profiles apart.
func TestFeatures(t *testing.T) {
	for profile, copyUp := range map[string]bool{"oci": true, "runsc": false} {
		var out bytes.Buffer
		a := &app{stdout: &out, log: &logger{w: &out}}
		if code, err := a.dispatch("nsboot", []string{"--profile", profile, "features"}); code != 0 || err != nil {
			t.Fatal(code, err)
		}
		var f features.Features
		d := json.NewDecoder(&out)
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.Fatal(err)
		}
		if f.OCIVersionMin == "" || f.OCIVersionMax == "" || len(f.Hooks) != 6 || len(f.Linux.Capabilities) < 41 {
			t.Errorf("%s: %+v", profile, f)
		}
		if got := slices.Contains(f.MountOptions, "tmpcopyup"); got != copyUp {
			t.Errorf("%s: tmpcopyup listed: %v", profile, got)
		}
		if slices.Contains(f.Linux.Namespaces, "user") {
			t.Error("user namespaces are listed")
		}
		if c := f.Linux.Cgroup; !*c.V1 || !*c.V2 || *c.Systemd {
			t.Errorf("cgroups: v1 %v, v2 %v, by systemd %v", *c.V1, *c.V2, *c.Systemd)
		}
		if s := f.Linux.Seccomp; s.Enabled == nil || !*s.Enabled || len(s.Actions) != 9 || len(s.Operators) != 7 || len(s.Archs) < 2 || len(s.KnownFlags) != 4 || len(s.SupportedFlags) < 3 {
			t.Errorf("%s: seccomp: %+v", profile, s)
		}
		for what, enabled := range map[string]*bool{"apparmor": f.Linux.Apparmor.Enabled, "selinux": f.Linux.Selinux.Enabled} {
			if enabled == nil || *enabled {
				t.Errorf("%s: %s is not said to be missing", profile, what)
			}
		}
	}
}
