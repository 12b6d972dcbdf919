package compare

import (
	"testing"

	"github.com/nsboot/nsboot/tests/testns"
)

// TestMain runs the tests once more in a mount namespace of their own.
func TestMain(m *testing.M) {
	testns.Main(m, "compare", settle)
}

// settle mounts the work directory and /run, and installs what is tested.
func settle(work string) error {
	if err := testns.Private(work, "/run"); err != nil {
		return err
	}
	return testns.Install(work)
}
