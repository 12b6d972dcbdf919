package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// record writes the bundle's plan beside it.
func (b *bundle) record(flags ...string) string {
	b.t.Helper()
	b.save()
	out, err := exec.Command(nsboot, append(flags, "plan", "--bundle", b.dir, "--format", "json")...).Output()
	if err != nil {
		b.t.Fatalf("plan: %v", err)
	}
	return b.write("unlisted.plan", string(out))
}

// TestReplay: a recorded plan gives the same mount table as the direct run
// (section 7).
func TestReplay(t *testing.T) {
	for _, flags := range [][]string{nil, {"--overlay=all"}, {"--profile=runsc-2019"}, {"--profile=runsc-2018", "--overlay=root"}, {"--profile=oci"}} {
		b := bareBundle(t)
		b.overlaid = true // its directories' times count: all is overlaid or read-only
		b.readonly()
		b.write("src/dir/f", "f")
		b.ociMounts().bind("src", "/data", "ro").tmpfs("/data/new").bind("src/dir/f", "/file", "rbind", "ro", "nosuid").tmpfs("/a/b", "size=1m", "ro").tmpfs("/a/b/c")
		b.spec.Linux.MaskedPaths = []string{"/proc/kcore", "/sys/firmware"}
		b.spec.Linux.ReadonlyPaths = []string{"/proc/sys"}
		direct, order := b.mountsIn(flags...)
		again, order2 := b.mountsIn("run", "--plan", b.record(flags...))
		if d := cmp.Diff(direct, again); d != "" || !slices.Equal(order, order2) {
			t.Errorf("%v: the replay's mounts (-direct +replay):\n%s", flags, d)
		}
	}
}

// TestReplayMismatch names what is no longer as recorded; a source may differ.
func TestReplayMismatch(t *testing.T) {
	b := newBundle(t)
	b.write("src/f", "one")
	b.write("src2/f", "two")
	b.bind("src", "/mnt", "ro").tmpfs("/etc/t", "size=64k")
	plan := b.record()
	b.spec.Mounts[0].Source = "src2"
	b.sh("cat /mnt/f")
	if out := b.good("run", "--plan", plan); out != "two" {
		t.Errorf("%q: the source is the bundle's, that it differs is no error", out)
	}
	b.spec.Mounts[0].Options = []string{"bind"}
	b.spec.Mounts[1].Type = "proc"
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/more", Type: "tmpfs"})
	b.bad(125, []string{"mounts[0] /mnt: options", `"bind,ro"`, `"bind"`, "mounts[1] /etc/t: type", `"tmpfs"`, `"proc"`, "mounts[2] /more", "not in the plan"}, "run", "--plan", plan)
	b.bad(125, []string{"--plan"}, "run", "--plan", b.path("nosuch.plan"))
	b.bad(125, []string{"recorded plan"}, "run", "--plan", b.write("unlisted.bad", strings.Repeat("[", 100)))
}
