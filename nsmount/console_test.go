package nsmount

import (
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestCompileConsole: the terminal is bound on /dev/console where /dev is a tmpfs
// of the container's, and before that is sealed.
func TestCompileConsole(t *testing.T) {
	tmpfs := tmpfsMount("/dev", "ro")
	host := specs.Mount{Destination: "/dev", Type: "bind", Source: "/dev", Options: []string{"rbind"}}
	for _, c := range []struct {
		name, profile string
		terminal      bool
		readonly      bool
		mounts        []specs.Mount
		want          bool
	}{
		{"private /dev", "runsc", true, false, nil, true},
		{"no terminal", "runsc", false, false, nil, false},
		{"the host's /dev", "runsc", true, false, []specs.Mount{host}, false},
		{"2018", "runsc-2018", true, false, []specs.Mount{host}, true}, // skipped there (C3)
		{"the root's /dev", "oci", true, false, nil, false},
		{"read-only root", "oci", true, true, nil, true},
		{"a tmpfs", "oci", true, false, []specs.Mount{tmpfs}, true},
		{"a tmpfs under the host's", "oci", true, false, []specs.Mount{tmpfs, host}, false},
	} {
		spec := &specs.Spec{Root: &specs.Root{Path: "/r", Readonly: c.readonly}, Mounts: c.mounts, Process: &specs.Process{Terminal: c.terminal, Cwd: "/"}}
		plan, err := Compile(spec, Options{Profile: c.profile})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		is := func(op Op) func(Step) bool { return func(s Step) bool { return s.Op == op } }
		at, seal := slices.IndexFunc(plan.Steps, is(OpConsole)), slices.IndexFunc(plan.Steps, is(OpSeal))
		if (at >= 0) != c.want || seal >= 0 && at > seal || c.name == "a tmpfs" && seal < 0 {
			t.Errorf("%s: console step %d, seal step %d, want %v", c.name, at, seal, c.want)
		}
		if diff := plan.Differences(spec); len(diff) > 0 {
			t.Errorf("%s: %v", c.name, diff)
		}
		spec.Process.Terminal = !c.terminal
		if diff := plan.Differences(spec); (len(diff) == 1) != plan.ownDev() {
			t.Errorf("%s, with the terminal changed: %v", c.name, diff)
		}
	}
}

func tmpfsMount(dst string, options ...string) specs.Mount {
	return specs.Mount{Source: "tmpfs", Destination: dst, Type: "tmpfs", Options: options}
}
