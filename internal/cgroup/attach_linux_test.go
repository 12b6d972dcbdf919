package cgroup

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAttach: however often rules are set, one program decides, even where others
// had attached more; and it goes with the cgroup.
func TestAttach(t *testing.T) {
	skip := t.Skip
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		skip = t.Fatal
	}
	if os.Geteuid() != 0 {
		skip("device programs need root")
	}
	dir := ""
	for _, mount := range []string{mountpoint, mountpoint + "/unified"} {
		var st unix.Statfs_t
		if unix.Statfs(mount, &st) == nil && int64(st.Type) == unix.CGROUP2_SUPER_MAGIC {
			dir = mount
		}
	}
	if dir == "" {
		skip("this host has no cgroup v2")
	}
	dir, err := os.MkdirTemp(dir, "nsboot-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	programs := func() int {
		t.Helper()
		fds, err := attached(fd)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			unix.Close(fd)
		}
		return len(fds)
	}
	for range 3 {
		if err := attachDevices(dir, usualDevices()); err != nil {
			t.Fatal(err)
		}
		if n := programs(); n != 1 {
			t.Fatalf("%d programs", n)
		}
	}
	for range 2 {
		prog, err := loadProgram(deviceProgram(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := attach(fd, prog, nil); err != nil {
			t.Fatal(err)
		}
		unix.Close(prog)
	}
	if n := programs(); n != 3 {
		t.Fatalf("%d programs, want the others' too", n)
	}
	if err := attachDevices(dir, nil); err != nil {
		t.Fatal(err)
	}
	if n := programs(); n != 1 {
		t.Errorf("%d programs", n)
	}
}
