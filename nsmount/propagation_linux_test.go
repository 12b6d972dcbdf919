package nsmount

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A tree that is left in the caller's namespace has linux.rootfsPropagation too,
// and hears of what is mounted in the root's directory where it says slave.
func TestMountAtPropagation(t *testing.T) {
	if !aloneInNamespace(t) {
		return
	}
	for value, want := range map[string]string{"": "", "rprivate": "", "shared": "shared:", "rshared": "shared:", "slave": "master:", "rslave": "master:",
		"unbindable": "unbindable"} {
		t.Run("value "+value, func(t *testing.T) {
			l := newLivingTree(t, false)
			if err := unix.Mount("tmpfs", l.rootfs, "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			defer unix.Unmount(l.rootfs, unix.MNT_DETACH)
			for _, d := range []string{"/etc", "/later"} {
				if err := os.Mkdir(l.rootfs+d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := unix.Mount("", l.rootfs, "", unix.MS_SHARED, ""); err != nil {
				t.Fatal(err)
			}
			if value != "" {
				l.plan.Root().Propagation = []string{value}
			}
			if err := MountAt(l.plan, l.target, l.opts); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mount("tmpfs", l.rootfs+"/later", "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile("/proc/self/mountinfo")
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(data)) {
				f := strings.Fields(line)
				if optional := strings.TrimSuffix(strings.Join(f[6:], " "), " "); f[4] == l.target {
					optional, _, _ = strings.Cut(optional, "- ")
					if !strings.Contains(optional, want) || want == "" && optional != "" {
						t.Errorf("the root is %q, want %q", optional, want)
					}
				}
			}
			if heard := strings.Contains(string(data), l.target+"/later "); heard != strings.HasSuffix(value, "slave") {
				t.Errorf("it shows what is mounted later: %v", heard)
			}
			if _, err := unmount(l.target, l.opts.RecordDir); err != nil {
				t.Error(err)
			}
		})
	}
}
