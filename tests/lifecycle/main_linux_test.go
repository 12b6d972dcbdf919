package lifecycle

import (
	"os"
	"runtime"
	"testing"

	"github.com/nsboot/nsboot/tests/testns"
)

// The main thread is the main goroutine's alone: a test that takes a thread into
// a container's namespace, for good, must not take this one, by which /proc says
// where a process is.
func init() { runtime.LockOSThread() }

// TestMain runs the tests once more in a mount namespace of their own.
func TestMain(m *testing.M) {
	if way := os.Getenv(escapeEnv); way != "" {
		escape(way)
		return
	}
	testns.Main(m, "lifecycle", settle)
}

// settle mounts the work directory and /run, installs what is tested, and makes
// this process the one that containers are reparented to.
func settle(work string) error {
	if err := testns.Private(work, "/run"); err != nil {
		return err
	}
	if err := testns.Subreaper(); err != nil {
		return err
	}
	return testns.Install(work)
}
