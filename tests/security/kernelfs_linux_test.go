package security

import (
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCgroupReadonly: in a user namespace, without a cgroup namespace, /sys is a
// bind of the caller's: with all that is mounted below it read-only (CVE-2023-25809).
func TestCgroupReadonly(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile = p
		// What is bound on /dev spares the oci profile the device nodes that a user namespace cannot make.
		b.mounts(mount("sysfs", "/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"), mount("src", "/dev", "bind", "bind"))
		b.sharedPID()
		b.attr = func(cmd *exec.Cmd) {
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{Size: 1}}
		}
		b.run("readonly", "/sys", ",", "readonly", "/sys/fs/cgroup", ",", "fstype", "/sys")
		b.boot().booted(t, "readonly: true", "readonly: true", "fstype: 62656572")
		// As root there is a fresh one, without the host's cgroups on it.
		b.attr = nil
		b.run("readonly", "/sys", ",", "readonly", "/sys/fs/cgroup", ",", "mounts", " /sys")
		b.boot().booted(t, "readonly: true", "readonly: true", "mounts: 1")
	}
}

// TestCgroupMountReadonly: so is what a config mounts there with ro.
func TestCgroupMountReadonly(t *testing.T) {
	for _, p := range []string{"runsc", "oci"} {
		b := newBundle(t)
		b.profile = p
		b.mounts(mount("sysfs", "/sys", "sysfs", "ro"), mount("cgroup", "/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro"))
		b.run("readonly", "/sys/fs/cgroup", ",", "mkdir", "/sys/fs/cgroup/escape")
		b.boot().booted(t, "readonly: true", "mkdir: error mkdir /sys/fs/cgroup/escape: read-only file system")
	}
}

// TestProcOfItsOwn: every procfs of the container is that of its pid namespace,
// wherever and however often it is mounted.
func TestProcOfItsOwn(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile = p
		b.mounts(mount("proc", "/proc", "proc"), mount("proc", "/other", "proc"), mount("proc", "/etc/third", "proc", "ro"))
		b.run("readlink", "/proc/self", ",", "readlink", "/other/self", ",", "readlink", "/etc/third/self", ",", "readonly", "/etc/third", ",", "readonly", "/other")
		b.boot().booted(t, "readlink: 1", "readlink: 1", "readlink: 1", "readonly: true", "readonly: false")
	}
}

// TestProcNotMade: where the procfs of the pid namespace cannot be made, the
// caller's does not stand in for it unseen.
func TestProcNotMade(t *testing.T) {
	for _, option := range []string{"hidepid=99", "subset=all", "nonsense"} {
		b := newBundle(t)
		b.profile = "oci"
		b.config["mounts"] = array{mount("proc", "/proc", "proc", option)}
		b.boot().refused(t, "mounts[0] /proc", option)
	}
}

// readonly reports how path is mounted.
func readonly(path string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return said(err)
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return "true"
	}
	return "false"
}
