package nsmount

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Never looser than the config, and never the host's: a parameter is set only
// where the container has the namespace to itself.
func TestCompileSysctls(t *testing.T) {
	all := []Namespace{{Type: "network"}, {Type: "ipc"}, {Type: "uts"}}
	tests := []struct {
		name       string
		set        map[string]string
		namespaces []Namespace
		want       []Sysctl
		err        string
	}{
		{"sorted", map[string]string{"net.ipv4.ip_forward": "1", "kernel.shmmax": "5", "fs.mqueue.msg_max": "9"}, all,
			[]Sysctl{{"fs.mqueue.msg_max", "9"}, {"kernel.shmmax", "5"}, {"net.ipv4.ip_forward", "1"}}, ""},
		{"a dot in a part", map[string]string{"net/ipv4/conf/eth0.100/forwarding": "1"}, all,
			[]Sysctl{{"net/ipv4/conf/eth0.100/forwarding", "1"}}, ""},
		{"the host's network", map[string]string{"net.ipv4.ip_forward": "1"}, nil, nil, "needs a new network namespace"},
		{"a joined network", map[string]string{"net.ipv4.ip_forward": "1"}, []Namespace{{Type: "network", Path: "/proc/1/ns/net"}}, nil, "needs a new network namespace"},
		{"no ipc namespace", map[string]string{"kernel.shmmax": "1"}, all[:1], nil, "needs a new ipc namespace"},
		{"of no namespace", map[string]string{"kernel.panic": "1"}, all, nil, "it would be set on the host"},
		{"hostname has a field of its own", map[string]string{"kernel.hostname": "x"}, all, nil, "it would be set on the host"},
		{"out of the way", map[string]string{"net/../kernel/panic": "1"}, all, nil, "no name of a parameter"},
		{"NUL", map[string]string{"net.core.somaxconn": "1\x00"}, all, nil, "no name of a parameter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := compileSysctls(tt.set, tt.namespaces)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("got error %v, want %q", err, tt.err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestCompileProcessSysctls(t *testing.T) {
	spec := &specs.Spec{
		Process: &specs.Process{Args: []string{"x"}, Cwd: "/"},
		Linux:   &specs.Linux{Sysctl: map[string]string{"kernel.panic": "1"}},
	}
	if _, err := CompileProcess(spec); err == nil || !strings.Contains(err.Error(), `linux.sysctl "kernel.panic"`) {
		t.Errorf("got %v, want the field's name", err)
	}
}
