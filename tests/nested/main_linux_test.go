package nested

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// workEnv, set in the run inside the mount namespace, is a tmpfs for everything.
const workEnv = "NSBOOT_NESTED_WORK"

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // each test says that it needs root
	}
	work := os.Getenv(workEnv)
	if work == "" {
		os.Exit(outside())
	}
	if err := settle(work); err != nil {
		fmt.Fprintln(os.Stderr, "nested:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func outside() int {
	work, err := os.MkdirTemp("", "nsboot-nested-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "nested:", err)
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
	fmt.Fprintln(os.Stderr, "nested:", err)
	return 1
}

// settle mounts the work directory, builds nsboot and the judge, and has runc write
// a config.
func settle(work string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("nested", work, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("tmpfs on %s: %w", work, err)
	}
	if err := build(filepath.Join(work, "judge"), "./judge"); err != nil {
		return err
	}
	nsboot := filepath.Join(work, "nsboot")
	if bin := os.Getenv("NSBOOT_BIN"); bin != "" {
		if err := copyFile(nsboot, bin); err != nil {
			return err
		}
	} else if err := build(nsboot, "../../cmd/nsboot"); err != nil {
		return err
	}
	for _, from := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		if copyFile(filepath.Join(work, "busybox"), from) == nil {
			break
		}
	}
	if runc, err := exec.LookPath("runc"); err == nil {
		if out, err := exec.Command(runc, "spec", "--bundle", work).CombinedOutput(); err != nil {
			return fmt.Errorf("runc spec: %w: %s", err, out)
		}
	}
	return nil
}

func build(to, pkg string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildmode=exe", "-ldflags", "-s -w", "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
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

// lab is what a test works with.
type lab struct {
	t                     *testing.T
	dir                   string // of the test
	nsboot, judge, config string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "making the places needs root")
	}
	work := os.Getenv(workEnv)
	for _, name := range []string{"busybox", "config.json"} {
		if _, err := os.Stat(filepath.Join(work, name)); err != nil {
			skip(t, "no static busybox, or no runc to write a config")
		}
	}
	for _, tool := range []string{"unshare", "setpriv", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip(t, "no "+tool)
		}
	}
	dir, err := os.MkdirTemp(work, "t")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t, dir, filepath.Join(work, "nsboot"), filepath.Join(work, "judge"), filepath.Join(work, "config.json")}
	if err := copyFile(filepath.Join(dir, "busybox"), filepath.Join(work, "busybox")); err != nil {
		t.Fatal(err)
	}
	return l
}

// output runs a command and returns what it prints.
func (l *lab) output(args ...string) (out string, code int) {
	l.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "NSBOOT="+l.nsboot, "DIR="+l.dir)
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &buf, &buf, 5*time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	return buf.String(), cmd.ProcessState.ExitCode()
}

// judged has the judge run by way of the words before it, and expects that nothing
// is wrong, and that each of these is in the lines of --debug.
func (l *lab) judged(by []string, says ...string) {
	l.t.Helper()
	out, code := l.output(append(by, l.judge, l.nsboot, l.dir, l.config)...)
	l.good(out, code, says...)
}

func (l *lab) good(out string, code int, says ...string) {
	l.t.Helper()
	if code != 0 || !strings.Contains(out, "48 boots, 0 wrong\n") {
		l.t.Errorf("exit %d: %s", code, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			l.t.Errorf("--debug does not say %q: %s", s, out)
		}
	}
}

// bad expects that a command fails, and that all of it is said.
func (l *lab) bad(by []string, says ...string) {
	l.t.Helper()
	out, code := l.output(by...)
	if code != 125 {
		l.t.Errorf("exit %d: %s", code, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			l.t.Errorf("not said: %q: %s", s, out)
		}
	}
}
