package nested

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

// capabilities are those that a nested nsboot needs, and those that the usual
// configs want.
var capabilities = []string{"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE"}

// levels makes a bundle in whose root there is a bundle in whose root there is one.
func (l *lab) levels() {
	l.t.Helper()
	bundle := l.dir
	l.bundle(nil)
	for range 3 {
		root := filepath.Join(bundle, "rootfs")
		if bundle != l.dir {
			l.root(root)
			if err := testns.Copy(filepath.Join(bundle, "config.json"), filepath.Join(l.dir, "config.json")); err != nil {
				l.t.Fatal(err)
			}
		}
		l.edit(bundle, func(s *specs.Spec) {
			s.Root.Readonly = false
			s.Process.Rlimits = nil
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: capabilities, Permitted: capabilities, Effective: capabilities}
		})
		bundle = filepath.Join(root, "bundle")
		err := errors.Join(os.MkdirAll(bundle, 0o755), os.Mkdir(filepath.Join(root, "work"), 0o755),
			testns.Copy(filepath.Join(root, "bin/nsboot"), l.nsboot), testns.Copy(filepath.Join(root, "bin/judge"), l.judge),
			testns.Copy(filepath.Join(root, "work/busybox"), filepath.Join(l.dir, "busybox")), testns.Copy(filepath.Join(root, "other.json"), l.config))
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

// deep is a command line on the third level.
func (l *lab) deep(flag string, cmd ...string) []string {
	inner := []string{"/bin/nsboot", flag, "run", "--bundle", "/bundle", "--"}
	words := append([]string{l.nsboot, flag, "--root", l.dir + ".state", "run", "--"}, append(inner, inner...)...)
	return append(words, cmd...)
}

// TestThreeLevels: nsboot in nsboot in nsboot, and in the innermost the usual
// configs once more.
func TestThreeLevels(t *testing.T) {
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		t.Run(profile, func(t *testing.T) {
			l := newLab(t)
			l.levels()
			out, code := l.output(l.deep("--profile="+profile, "/bin/judge", "/bin/nsboot", "/work", "/other.json")...)
			if strings.HasPrefix(profile, "runsc-") { // by their rules there are none (C6)
				l.good(out, code, "no cgroups are mounted below /sys/fs/cgroup here: an empty, read-only directory stands in")
			} else {
				l.good(out, code)
			}
		})
	}
	t.Run("user namespace", func(t *testing.T) {
		l := newLab(t)
		l.levels()
		out, code := l.output(append([]string{"unshare", "-Urmpf"}, l.deep("--profile=runsc", "/bin/judge", "/bin/nsboot", "/work", "/other.json")...)...)
		l.good(out, code, boundDevices)
	})
}

// TestStackedOverlays: the kernel stacks two overlays, and not a third.
func TestStackedOverlays(t *testing.T) {
	l := newLab(t)
	l.levels()
	two := []string{l.nsboot, "--overlay=all", "--root", l.dir + ".state", "run", "--", "/bin/nsboot", "--overlay=all", "run", "--bundle", "/bundle", "--"}
	if out, code := l.output(append(two, "/bin/busybox", "echo", "good")...); code != 0 || out != "good\n" {
		t.Errorf("two: exit %d: %s", code, out)
	}
	l.bad(l.deep("--overlay=all", "/bin/busybox", "true"), "root.path /bundle/rootfs: overlay", "the kernel stacks two levels at most")
}
