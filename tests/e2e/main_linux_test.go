package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// nsboot is what is tested.
const nsboot = "/run/nsboot-under-test"

// TestMain runs the tests once more in a mount namespace of their own.
func TestMain(m *testing.M) {
	if verb := os.Getenv(payloadEnv); verb != "" {
		os.Exit(payload(verb))
	}
	testns.Main(m, "e2e", settle)
}

// settle mounts the work directory and /run, and installs what is tested.
func settle(work string) error {
	if err := testns.Private(work, "/run"); err != nil {
		return err
	}
	// Shared, as a host of systemd's is, so that what a boot lets out is seen here.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("make / shared: %w", err)
	}
	if err := testns.Build(nsboot, "../../cmd/nsboot"); err != nil {
		return err
	}
	return testns.Busybox(work)
}

// workDir is a fresh directory on the tests' own tmpfs.
func workDir(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		testns.Skip(t, "booting needs root")
	}
	dir, err := os.MkdirTemp(testns.Work(), "t")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// busyboxFile is a busybox on the same file system as the bundles, to be linked.
func busyboxFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(testns.Work(), "busybox")
	if _, err := os.Stat(name); err != nil {
		testns.Skip(t, "no /bin/busybox")
	}
	return name
}
