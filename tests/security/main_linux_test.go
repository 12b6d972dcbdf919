package security

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	scratchEnv = "NSBOOT_SECURITY_SCRATCH" // set in the re-executed test: where its tmpfs goes
	binaryEnv  = "NSBOOT_BIN"              // the nsboot to test; built if unset
)

// lab is where bundles are built and booted: a tmpfs that ends with the namespace.
type lab struct {
	dir     string
	nsboot  string // a copy of the binary under test
	payload string // this test binary, to be linked into roots
	missing string // why there is no lab
}

var theLab lab

// TestMain is three programs: the payload of the containers; the tests, in a
// mount namespace of their own; and what starts those and trusts their exit code.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == payloadName:
		os.Exit(payload(os.Args[1:]))
	case os.Getenv(scratchEnv) != "":
		if err := theLab.setUp(os.Getenv(scratchEnv)); err != nil {
			fmt.Fprintln(os.Stderr, "setting up:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	flag.Parse()
	code, err := runInNamespace()
	if errors.Is(err, errNoLab) {
		theLab.missing = err.Error()
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

var errNoLab = errors.New("no attacks can be staged here")

// runInNamespace builds nsboot and runs this test binary again, privately.
func runInNamespace() (code int, err error) {
	if os.Geteuid() != 0 {
		return 0, fmt.Errorf("%w: needs root", errNoLab)
	}
	scratch, err := os.MkdirTemp("", "nsboot-security-")
	if err != nil {
		return 0, err
	}
	// Below it there is only the other namespace's tmpfs and one binary.
	defer os.Remove(scratch)
	binary := os.Getenv(binaryEnv)
	if binary == "" {
		binary = filepath.Join(scratch, "nsboot")
		defer os.Remove(binary)
		if err := build(binary); err != nil {
			return 0, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), scratchEnv+"="+scratch, binaryEnv+"="+binary)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// CLONE_NEWNS here also makes every mount private, recursively, before the program starts.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	err = cmd.Start()
	if errors.Is(err, syscall.EPERM) {
		return 0, fmt.Errorf("%w: a mount namespace cannot be made: %w", errNoLab, err)
	}
	if err != nil {
		return 0, err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if code = cmd.ProcessState.ExitCode(); code < 0 {
		return 0, fmt.Errorf("the tests, in a mount namespace of their own: %w", err)
	}
	return code, nil
}

func build(out string) error {
	cmd := exec.Command("go", "build", "-o", out, "github.com/nsboot/nsboot/cmd/nsboot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building nsboot: %w\n%s", err, msg)
	}
	return nil
}

// setUp makes the lab in the new namespace. Shared is what a host's mounts are
// by default: it is what would let a mount escape.
func (l *lab) setUp(scratch string) error {
	binary, err := os.ReadFile(os.Getenv(binaryEnv))
	if err != nil {
		return err
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	for dir, data := range map[string]string{scratch: "mode=755", "/run": "mode=755"} {
		if err := unix.Mount("security", dir, "tmpfs", 0, data); err != nil {
			return fmt.Errorf("mounting a tmpfs on %s: %w", dir, err)
		}
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("making / shared: %w", err)
	}
	l.dir = scratch
	l.nsboot, l.payload = filepath.Join(scratch, "nsboot"), filepath.Join(scratch, "payload")
	if err := os.WriteFile(l.nsboot, binary, 0o755); err != nil {
		return err
	}
	return os.WriteFile(l.payload, self, 0o755)
}

// skip skips the test, or fails it where it must run.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatalf("NSBOOT_MUST_RUN=1, but: %s", why)
	}
	t.Skip(why)
}
