package e2e

import (
	"os"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestTmpfsMode: in the runsc profiles a tmpfs has the mode of rule C10; in oci one
// whose config says none has that of the directory that it is mounted on, as under
// runc, so that nobody is let in who was kept out.
func TestTmpfsMode(t *testing.T) {
	for profile, want := range map[string]string{"runsc": "1777\n1777\n700\n", "runsc-2019": "777\n777\n700\n", "oci": "700\n1777\n700\n"} {
		for _, readonly := range []bool{false, true} {
			b := newBundle(t)
			b.mkdir("rootfs/private")
			if err := os.Chmod(b.path("rootfs/private"), 0o700); err != nil {
				t.Fatal(err)
			}
			b.spec.Root.Readonly = readonly
			b.spec.Mounts = []specs.Mount{
				{Destination: "/private", Type: "tmpfs", Source: "tmpfs"},
				{Destination: "/missing", Type: "tmpfs", Source: "tmpfs"},
				{Destination: "/said", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=0700"}},
			}
			b.spec.Process.Args = []string{"stat", "-c", "%a", "/private", "/missing", "/said"}
			if r := b.boot("--profile="+profile, "run"); r.Code != 0 || r.Out != want {
				t.Errorf("%s, read-only %v: %+v, want %q", profile, readonly, r, want)
			}
		}
	}
}
