package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// boot boots README.md's bundle with a shell that runs script.
func boot(t *testing.T, bin string, attr *syscall.SysProcAttr, flags []string, script string) (stdout, stderr string) {
	t.Helper()
	args := append(append([]string{}, flags...), "run", "--bundle", bundle, "--", "sh", "-c", script)
	cmd := exec.Command(filepath.Join(bin, "nsboot"), args...)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &msg, attr
	if err := cmd.Run(); err != nil {
		t.Errorf("%q: %v\n%s", args, err, msg.String())
	}
	return out.String(), msg.String()
}

// TestRootIsNoLink: a root.path that is a symbolic link is refused, and the
// error says what to name instead.
func TestRootIsNoLink(t *testing.T) {
	inLab(t, func(t *testing.T, bin string) {
		if err := os.Symlink("rootfs", filepath.Join(bundle, "link")); err != nil {
			t.Fatal(err)
		}
		config := strings.Replace(read(t, "tests/docs/testdata/config.json"), `"path": "rootfs"`, `"path": "link"`, 1)
		if err := os.WriteFile(filepath.Join(bundle, "config.json"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(filepath.Join(bin, "nsboot"), "run", "--bundle", bundle).CombinedOutput()
		if want := "root.path " + bundle + "/link: a symbolic link"; err == nil || !strings.Contains(string(out), want) {
			t.Errorf("got error %v, want one with %q: %s", err, want, out)
		}
	})
}

// TestUserNamespaceFallback: in a user namespace the kernel refuses a sysfs
// without a network namespace of one's own, and device nodes: binds of the
// host's stand in, and --debug says so (D1, D3).
func TestUserNamespaceFallback(t *testing.T) {
	inLab(t, func(t *testing.T, bin string) {
		if err := os.Chmod(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
		attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: ids, GidMappings: ids}
		if err := (&exec.Cmd{Path: "/bin/true", SysProcAttr: attr}).Run(); err != nil {
			skip(t, "no user namespaces: "+err.Error())
		}
		config := strings.Replace(read(t, "tests/docs/testdata/config.json"), `"mounts": [`,
			`"mounts": [{"destination": "/dev/pts", "type": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},`, 1)
		if err := os.WriteFile(filepath.Join(bundle, "config.json"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		out, msg := boot(t, bin, attr, []string{"--debug"}, "cat /proc/self/mountinfo; ls -l /dev/null; ls /sys/kernel")
		for _, want := range []string{"a recursive bind of /sys stands in", "6 are binds of the host's", "does not have the group of the terminals"} {
			if !strings.Contains(msg, want) {
				t.Errorf("--debug does not say %q: %s", want, msg)
			}
		}
		found := false
		for _, line := range strings.Split(out, "\n") {
			if f := strings.Fields(line); len(f) > 5 && f[4] == "/sys" {
				found = true
				if f[5] != "ro,nosuid,nodev,noexec,relatime" {
					t.Errorf("/sys has %s", f[5])
				}
			}
		}
		if !found || !strings.Contains(out, "1,   3") {
			t.Errorf("no /sys, or no /dev/null:\n%s", out)
		}
	})
}
