package e2e

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestDebian boots the Debian root that NSBOOT_DEBIAN_ROOT names in all profiles:
// bash, apt and python3 work, and the host's tree stays as it is.
func TestDebian(t *testing.T) {
	root := os.Getenv("NSBOOT_DEBIAN_ROOT")
	if root == "" {
		t.Skip("NSBOOT_DEBIAN_ROOT names no Debian root (debootstrap --variant=minbase --include=python3 bookworm DIR)")
	}
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		for _, mode := range []string{"writable", "read-only", "overlay"} {
			t.Run(profile+" "+mode, func(t *testing.T) { bootDebian(t, root, profile, mode) })
		}
	}
}

func bootDebian(t *testing.T, root, profile, mode string) {
	b := newBundle(t).namespaces(specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace)
	b.spec.Root.Path = root
	b.spec.Process.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", b.mark}
	b.spec.Process.Args = []string{"bash", "-c", `set -e; echo "$BASH_VERSION" | cut -d. -f1; apt list --installed 2>/dev/null | grep -c '^python3/'
python3 -c 'import os, tempfile, json, ssl; print(json.dumps(sorted(os.listdir("/dev/fd"))[:1]), os.getpid() > 0)'
python3 -c 'import pty, os; print(os.path.basename(os.ttyname(pty.openpty()[1])))'; cat /etc/debian_version | cut -d. -f1`}
	if profile == "oci" {
		b.ociMounts()
	}
	flags := []string{"--profile", profile}
	switch mode {
	case "read-only":
		b.readonly()
	case "overlay":
		flags = append(flags, "--overlay=all")
	}
	before := debianTop(t, root)
	r := b.boot(flags...)
	if want := "5\n1\n[\"0\"] True\n0\n12\n"; r.Code != 0 || r.Out != want {
		t.Errorf("exit %d: %q, want %q; %s", r.Code, r.Out, want, r.Err)
	}
	if after := debianTop(t, root); after != before {
		t.Errorf("the root's own directories: %s, were %s", after, before)
	}
}

// debianTop lists where a boot would leave mount points.
func debianTop(t *testing.T, root string) string {
	t.Helper()
	var names []string
	for _, dir := range []string{"", "/dev", "/proc", "/sys", "/tmp"} {
		entries, err := os.ReadDir(root + dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, dir+"/"+e.Name())
		}
	}
	return strings.Join(names, " ")
}
