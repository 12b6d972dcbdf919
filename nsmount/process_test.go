package nsmount

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestCompileProcess(t *testing.T) {
	umask, oom := uint32(0o27), -5
	spec := &specs.Spec{
		Hostname: "box",
		Process: &specs.Process{
			Args: []string{"sh", ""}, Env: []string{"A=1", "odd"}, Cwd: "//a/./b/",
			User:            specs.User{UID: 1, GID: 2, Umask: &umask, AdditionalGids: []uint32{3}},
			Capabilities:    &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"}, Permitted: []string{"CAP_KILL"}},
			Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2}, {Type: "RLIMIT_RTTIME", Hard: ^uint64(0)}},
			NoNewPrivileges: true, OOMScoreAdj: &oom,
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "uts"}, {Type: "network", Path: "/run/netns/x"}}},
	}
	want := &Process{
		Args: []string{"sh", ""}, Env: []string{"A=1", "odd"}, Cwd: "/a/b",
		UID: 1, GID: 2, Groups: []uint32{3}, Umask: &umask,
		Capabilities:    &Capabilities{Bounding: 1<<40 | 1, Permitted: 1 << 5},
		Rlimits:         []Rlimit{{7, 1, 2}, {15, 0, ^uint64(0)}},
		NoNewPrivileges: true, OOMScoreAdj: &oom, Hostname: "box",
		Namespaces: []Namespace{{"uts", ""}, {"network", "/run/netns/x"}},
	}
	got, err := CompileProcess(spec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Plain data: it survives JSON, and shares nothing with the spec.
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back Process
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	spec.Process.Args[0], umask, oom = "changed", 0, 0
	if diff := cmp.Diff(got, &back); diff != "" {
		t.Errorf("after JSON (-want +got):\n%s", diff)
	}
	if got.Args[0] != "sh" || *got.Umask != 0o27 || *got.OOMScoreAdj != -5 {
		t.Error("the result changes with the spec")
	}
}

// TestCompileProcessRuncSpec: what `runc spec` writes compiles without a word
// (section 9), though its ambient list is one that no kernel grants.
func TestCompileProcessRuncSpec(t *testing.T) {
	data, err := os.ReadFile("../internal/config/testdata/runc-spec.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	p, err := CompileProcess(&spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) != 0 {
		t.Errorf("warnings: %q", p.Warnings)
	}
	const want = 1<<29 | 1<<5 | 1<<10 // AUDIT_WRITE, KILL, NET_BIND_SERVICE
	if diff := cmp.Diff(&Capabilities{Bounding: want, Effective: want, Permitted: want}, p.Capabilities); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCompileCapabilities: never looser than the config, and what is left out
// is said.
func TestCompileCapabilities(t *testing.T) {
	l := func(names ...string) []string { return names }
	for _, tt := range []struct {
		name     string
		in       *specs.LinuxCapabilities
		uid      uint32
		want     Capabilities
		warnings []string
	}{
		{name: "nil"},
		{name: "empty", in: &specs.LinuxCapabilities{Bounding: l()}},
		{name: "unknown", in: &specs.LinuxCapabilities{Bounding: l("CAP_KILL", "CAP_FLY", "KILL", "")}, want: Capabilities{Bounding: 1 << 5}, warnings: l(
			`process.capabilities.bounding[1] "CAP_FLY": no such capability; left out`,
			`process.capabilities.bounding[2] "KILL": no such capability; left out`,
			`process.capabilities.bounding[3] "": no such capability; left out`)},
		{name: "effective beyond permitted", in: &specs.LinuxCapabilities{Permitted: l("CAP_CHOWN"), Effective: l("CAP_CHOWN", "CAP_KILL")}, want: Capabilities{Permitted: 1, Effective: 1},
			warnings: l("process.capabilities.effective: CAP_KILL: not in permitted; left out")},
		{name: "inheritable beyond bounding", in: &specs.LinuxCapabilities{Inheritable: l("CAP_CHOWN", "CAP_KILL"), Bounding: l("CAP_CHOWN")}, want: Capabilities{Inheritable: 1, Bounding: 1},
			warnings: l("process.capabilities.inheritable: CAP_KILL: not in bounding; left out")},
		{name: "ambient of a user", uid: 5, in: &specs.LinuxCapabilities{Permitted: l("CAP_CHOWN"), Ambient: l("CAP_CHOWN")}, want: Capabilities{Permitted: 1},
			warnings: l("process.capabilities.ambient: CAP_CHOWN: not in both permitted and inheritable; left out")},
		{name: "ambient granted", uid: 5, in: &specs.LinuxCapabilities{Bounding: l("CAP_CHOWN"), Inheritable: l("CAP_CHOWN"), Permitted: l("CAP_CHOWN"), Ambient: l("CAP_CHOWN")},
			want: Capabilities{Bounding: 1, Inheritable: 1, Permitted: 1, Ambient: 1}},
	} {
		got, warnings := compileCapabilities(tt.in, tt.uid)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.warnings, warnings); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestCompileProcessErrors(t *testing.T) {
	ns := func(list ...specs.LinuxNamespace) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux = &specs.Linux{Namespaces: list} }
	}
	for _, tt := range []struct {
		set  func(*specs.Spec)
		want string
	}{
		{func(s *specs.Spec) { s.Process = nil }, "process: missing"},
		{func(s *specs.Spec) { s.Process.Args = nil }, "process.args: empty"},
		{func(s *specs.Spec) { s.Process.Args = []string{"a", "b\x00c"} }, "process.args[1]: contains a NUL byte"},
		{func(s *specs.Spec) { s.Process.Env = []string{"A=\x00"} }, "process.env[0]: contains a NUL byte"},
		{func(s *specs.Spec) { s.Process.Cwd = "" }, "process.cwd: empty"},
		{func(s *specs.Spec) { s.Process.Cwd = "tmp" }, "process.cwd: tmp: must be absolute"},
		{func(s *specs.Spec) { s.Process.Cwd = "/\x00" }, "process.cwd: contains a NUL byte"},
		{func(s *specs.Spec) { s.Process.User.UID = ^uint32(0) }, "process.user.uid: 4294967295: not an id"},
		{func(s *specs.Spec) { s.Process.User.GID = ^uint32(0) }, "process.user.gid: 4294967295: not an id"},
		{func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{1, ^uint32(0)} }, "process.user.additionalGids[1]"},
		{func(s *specs.Spec) { s.Process.User.Umask = new(uint32(0o1000)) }, "process.user.umask: 01000"},
		{func(s *specs.Spec) { s.Process.OOMScoreAdj = new(1001) }, "process.oomScoreAdj: 1001: must be between"},
		{func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "NOFILE"}} }, `process.rlimits[0]: "NOFILE": no such limit`},
		{func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU", Soft: 2, Hard: 1}} }, "process.rlimits[0]: RLIMIT_CPU: soft 2 is above hard 1"},
		{func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CPU"}, {Type: "RLIMIT_CPU"}}
		}, "process.rlimits[1]: RLIMIT_CPU: given twice"},
		{func(s *specs.Spec) { s.Hostname = "x" }, `hostname: "x": needs a uts namespace`},
		{func(s *specs.Spec) { ns(specs.LinuxNamespace{Type: "uts"})(s); s.Hostname = strings.Repeat("x", 65) }, "hostname: 65 bytes"},
		{func(s *specs.Spec) { ns(specs.LinuxNamespace{Type: "uts"})(s); s.Hostname = "a\x00" }, "hostname: contains a NUL"},
		{ns(specs.LinuxNamespace{Type: "user"}), "linux.namespaces[0]: a user namespace without ids"},
		{ns(specs.LinuxNamespace{Type: "net"}), `linux.namespaces[0]: "net": no such type of namespace`},
		{ns(specs.LinuxNamespace{Type: "pid"}, specs.LinuxNamespace{Type: "pid"}), "linux.namespaces[1] pid: already given as linux.namespaces[0]"},
		{ns(specs.LinuxNamespace{Type: "ipc", Path: "x"}), "linux.namespaces[0] ipc: x: the path must be absolute"},
		{ns(specs.LinuxNamespace{Type: "ipc", Path: "/x\x00"}), "linux.namespaces[0] ipc: the path contains a NUL byte"},
		{ns(specs.LinuxNamespace{Type: "mount", Path: "/x"}), "linux.namespaces[0] mount: joining /x"},
	} {
		spec := &specs.Spec{Process: &specs.Process{Args: []string{"true"}, Cwd: "/"}}
		if _, err := CompileProcess(spec); err != nil {
			t.Fatal(err)
		}
		tt.set(spec)
		if _, err := CompileProcess(spec); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}
