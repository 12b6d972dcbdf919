package clients

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// The tests run as the third process: the first makes the directory that is only
// a mount point, the second is pid 1 of the namespace and reaps what conmon
// leaves, the third tests.
const (
	workEnv  = "NSBOOT_CLIENTS_WORK"  // the directory of all, a tmpfs
	stageEnv = "NSBOOT_CLIENTS_STAGE" // unset, init or test
)

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // each test says that it needs root
	}
	var code int
	var err error
	switch os.Getenv(stageEnv) {
	case "":
		code, err = outside()
	case "init":
		code, err = initProcess(os.Getenv(workEnv))
	default:
		code = m.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		code = 1
	}
	os.Exit(code)
}

// again starts this program as the next stage.
func again(stage, work string, attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), stageEnv+"="+stage, workEnv+"="+work)
	cmd.SysProcAttr = attr
	return cmd
}

// outside starts the tests in the namespaces and cleans up after them.
func outside() (int, error) {
	work, err := os.MkdirTemp("", "nsboot-clients-")
	if err != nil {
		return 1, err
	}
	defer os.Remove(work)
	defer removeCgroups(cgroupParent(work))
	if len(cgroups(podmanParent)) == 0 {
		defer removeCgroups(podmanParent)
	}
	cmd := again("init", work, &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Cloneflags: unix.CLONE_NEWPID, Pdeathsig: unix.SIGKILL})
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// cgroupParent is what podman is told to make its cgroups below.
func cgroupParent(work string) string { return "/" + filepath.Base(work) }

// podmanParent is where it makes them if it is not told: in README.md's commands.
const podmanParent = "/libpod_parent"

// cgroups finds a cgroup in each hierarchy there is.
func cgroups(name string) []string {
	v2, _ := filepath.Glob("/sys/fs/cgroup" + name)
	v1, _ := filepath.Glob("/sys/fs/cgroup/*" + name)
	return append(v2, v1...)
}

// removeCgroups removes a cgroup with all below it. The processes have ended.
func removeCgroups(name string) {
	for _, dir := range cgroups(name) {
		var below []string
		filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				below = append(below, p)
			}
			return nil
		})
		for i := len(below) - 1; i >= 0; i-- {
			unix.Rmdir(below[i])
		}
	}
}

// initProcess settles the namespaces, has the tests run and reaps until they end.
func initProcess(work string) (int, error) {
	if err := settle(work); err != nil {
		return 1, err
	}
	cmd := again("test", work, &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL})
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 1, fmt.Errorf("wait: %w", err)
		case pid == cmd.Process.Pid && ws.Exited():
			return ws.ExitStatus(), nil
		case pid == cmd.Process.Pid:
			return 1, fmt.Errorf("the tests were ended by signal %v", ws.Signal())
		}
	}
}

// settle mounts a tmpfs wherever podman keeps something, and a procfs of the pid
// namespace, and builds what is tested.
func settle(work string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("procfs: %w", err)
	}
	for _, dir := range []string{work, "/run", "/dev/shm", "/var/tmp", "/var/lib/containers", "/etc/containers"} {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := unix.Mount("clients", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("tmpfs on %s: %w", dir, err)
		}
	}
	if err := installRuntimes(work); err != nil {
		return err
	}
	if _, err := os.Stat("/etc/containers"); err == nil { // podman's package brings it
		policy := []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`)
		if err := os.WriteFile("/etc/containers/policy.json", policy, 0o644); err != nil {
			return err
		}
	}
	return testns.Busybox(work)
}

// verifies stands between a client and nsboot: it has each container that was
// created verified, and writes down what was found.
const verifies = `#!/bin/sh
real=%[1]s/real/${0##*/}
case " $* " in *" create "*) ;; *) exec "$real" "$@" ;; esac
"$real" "$@" || exit
root=/run/nsboot
for id; do # the last one is
	if [ "$before" = --root ]; then root=$id; fi
	before=$id
done
found=$("$real" --root "$root" verify "$id" 2>&1) || echo "$id: $found" >> %[1]s/findings
`

// findingsFile is what the runtimes write.
func findingsFile() string { return filepath.Join(os.Getenv(workEnv), "findings") }

// installRuntimes makes nsboot-oci and nsboot-runsc for the clients.
func installRuntimes(work string) error {
	if err := os.Mkdir(filepath.Join(work, "real"), 0o755); err != nil {
		return err
	}
	if err := testns.Nsboot(filepath.Join(work, "real/nsboot-oci")); err != nil {
		return err
	}
	if err := os.Symlink("nsboot-oci", filepath.Join(work, "real/nsboot-runsc")); err != nil {
		return err
	}
	for _, name := range []string{"nsboot-oci", "nsboot-runsc"} {
		if err := os.WriteFile(filepath.Join(work, name), fmt.Appendf(nil, verifies, work), 0o755); err != nil {
			return err
		}
	}
	return nil
}
