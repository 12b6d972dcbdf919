package seccomp

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// workEnv, set in the run inside the mount namespace, is the directory of all
// bundles, a tmpfs; nsboot, probe and busybox are in it.
const workEnv = "NSBOOT_SECCOMP_WORK"

// TestMain runs the tests once more in a mount namespace of their own.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // each test says that it needs root
	}
	work := os.Getenv(workEnv)
	if work == "" {
		os.Exit(outside())
	}
	if err := settle(work); err != nil {
		fmt.Fprintln(os.Stderr, "seccomp:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// outside starts the tests in the namespace and removes the directory that was
// only a mount point.
func outside() int {
	work, err := os.MkdirTemp("", "nsboot-seccomp-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "seccomp:", err)
		return 1
	}
	defer os.Remove(work)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), workEnv+"="+work)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "seccomp:", err)
	return 1
}

// settle mounts the work directory and /run and builds what is tested.
func settle(work string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	for _, dir := range []string{work, "/run"} {
		if err := unix.Mount("seccomp", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("tmpfs on %s: %w", dir, err)
		}
	}
	for name, from := range map[string]string{"nsboot": "../../cmd/nsboot", "probe": "./probe"} {
		to := filepath.Join(work, name)
		if bin := os.Getenv("NSBOOT_BIN"); name == "nsboot" && bin != "" {
			if err := os.Symlink(bin, to); err != nil {
				return err
			}
			continue
		}
		build := exec.Command("go", "build", "-trimpath", "-buildmode=exe", "-ldflags", "-s -w", "-o", to, from)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	for _, from := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		if data, err := os.ReadFile(from); err == nil {
			return os.WriteFile(filepath.Join(work, "busybox"), data, 0o755)
		}
	}
	return nil
}

// skip skips a test where the machine lacks something; under NSBOOT_MUST_RUN=1
// that is a failure.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatal("NSBOOT_MUST_RUN=1, but: ", why)
	}
	t.Skip(why)
}
