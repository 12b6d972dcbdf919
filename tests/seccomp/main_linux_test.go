package seccomp

import (
	"path/filepath"
	"testing"

	"github.com/nsboot/nsboot/tests/testns"
)

// TestMain runs the tests once more in a mount namespace of their own.
func TestMain(m *testing.M) {
	testns.Main(m, "seccomp", settle)
}

// settle mounts the work directory and /run, and installs what is tested.
func settle(work string) error {
	if err := testns.Private(work, "/run"); err != nil {
		return err
	}
	if err := testns.Build(filepath.Join(work, "probe"), "./probe"); err != nil {
		return err
	}
	return testns.Install(work)
}
