package testns

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

// WorkEnv, set in the run inside the mount namespace, is the directory of all that
// the tests make: see Work.
const WorkEnv = "NSBOOT_TESTNS"

// Work is that directory; settle has mounted a tmpfs on it.
func Work() string { return os.Getenv(WorkEnv) }

// Main runs the tests of a package of that name in a namespace that settle sets up.
func Main(m *testing.M, name string, settle func(work string) error) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // each test says that it needs root
	}
	if Work() == "" {
		os.Exit(outside(name))
	}
	if err := settle(Work()); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// outside starts the tests in the namespace and removes the directory that was only a
// mount point.
func outside(name string) int {
	work, err := os.MkdirTemp("", "nsboot-"+name+"-")
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		return 1
	}
	defer os.Remove(work)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), WorkEnv+"="+work)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, name+":", err)
	return 1
}

// Private makes the mount namespace private and mounts a tmpfs on each directory.
func Private(dirs ...string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	for _, dir := range dirs {
		if err := unix.Mount("testns", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("tmpfs on %s: %w", dir, err)
		}
	}
	return nil
}

// Install puts what is tested at dir/nsboot, what NSBOOT_BIN names or what the tree
// builds, and a busybox beside it, where there is one.
func Install(dir string) error {
	if err := Nsboot(filepath.Join(dir, "nsboot")); err != nil {
		return err
	}
	return Busybox(dir)
}

// Nsboot puts what is tested at the path to.
func Nsboot(to string) error {
	if bin := os.Getenv("NSBOOT_BIN"); bin != "" {
		return Copy(to, bin)
	}
	return Build(to, "../../cmd/nsboot")
}

// Build builds a program as the Makefile does. Where the compiler has nothing to do
// this takes a second less than a boot of it.
func Build(to, pkg string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildmode=exe", "-ldflags", "-s -w", "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Busybox copies the machine's, if it has one, to dir/busybox: on the file system of
// the bundles it can be linked.
func Busybox(dir string) error {
	for _, from := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		if _, err := os.Stat(from); err == nil {
			return Copy(filepath.Join(dir, "busybox"), from)
		}
	}
	return nil
}

// Copy copies a program.
func Copy(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// Subreaper makes this process the one that containers are reparented to.
func Subreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	return nil
}

// Skip skips a test where the machine lacks something; under NSBOOT_MUST_RUN=1 that is
// a failure.
func Skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatal("NSBOOT_MUST_RUN=1, but: ", why)
	}
	t.Skip(why)
}
