package e2e

import (
	"os"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestSysctls: those of the container's own namespaces are set in them, and not on
// the host.
func TestSysctls(t *testing.T) {
	const names = "/proc/sys/kernel/shmmni /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/domainname /proc/sys/fs/mqueue/msg_max"
	before, err := os.ReadFile("/proc/sys/kernel/shmmni")
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []bool{false, true} {
		b := newBundle(t).namespaces(specs.IPCNamespace, specs.NetworkNamespace, specs.UTSNamespace).sh("cat " + names)
		if pid {
			b.namespaces(specs.PIDNamespace)
		}
		b.spec.Linux.Sysctl = map[string]string{"kernel.shmmni": "77", "net.ipv4.ip_default_ttl": "33", "kernel.domainname": "by-sysctl", "fs/mqueue/msg_max": "19"}
		if got := b.good(); got != "77\n33\nby-sysctl\n19\n" {
			t.Errorf("pid namespace %v: %q", pid, got)
		}
		b.spec.Linux.Sysctl = map[string]string{"kernel.shmmni": "many"}
		b.bad(125, []string{"linux.sysctl", "kernel.shmmni"})
	}
	if after, err := os.ReadFile("/proc/sys/kernel/shmmni"); err != nil || string(after) != string(before) {
		t.Errorf("the host's is %q, was %q: %v", after, before, err)
	}
}
