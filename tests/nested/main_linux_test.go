package nested

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsboot/nsboot/tests/testns"
)

func TestMain(m *testing.M) { testns.Main(m, "nested", settle) }

// settle mounts the work directory, builds nsboot and the judge, and has runc write
// a config.
func settle(work string) error {
	if err := testns.Private(work); err != nil {
		return err
	}
	if err := testns.Build(filepath.Join(work, "judge"), "./judge"); err != nil {
		return err
	}
	if err := testns.Install(work); err != nil {
		return err
	}
	if runc, err := exec.LookPath("runc"); err == nil {
		if out, err := exec.Command(runc, "spec", "--bundle", work).CombinedOutput(); err != nil {
			return fmt.Errorf("runc spec: %w: %s", err, out)
		}
	}
	return nil
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
		testns.Skip(t, "making the places needs root")
	}
	work := testns.Work()
	for _, name := range []string{"busybox", "config.json"} {
		if _, err := os.Stat(filepath.Join(work, name)); err != nil {
			testns.Skip(t, "no static busybox, or no runc to write a config")
		}
	}
	for _, tool := range []string{"unshare", "setpriv", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			testns.Skip(t, "no "+tool)
		}
	}
	dir, err := os.MkdirTemp(work, "t")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t, dir, filepath.Join(work, "nsboot"), filepath.Join(work, "judge"), filepath.Join(work, "config.json")}
	if err := testns.Copy(filepath.Join(dir, "busybox"), filepath.Join(work, "busybox")); err != nil {
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
