// Package rlimit_test is external on purpose: a test file of package rlimit
// itself would make it import syscall, and so be initialised too late.
package rlimit_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/nsboot/nsboot/internal/rlimit"
)

// The child of the test prints what was recorded and what the limit is once
// the Go runtime is up.
func init() {
	if os.Getenv("RLIMIT_TEST_PRINT") == "" {
		return
	}
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	soft, hard, ok := rlimit.Nofile()
	fmt.Println(soft, hard, ok, now.Cur > soft)
	os.Exit(0)
}

func TestNofile(t *testing.T) {
	if runtime.GOOS != "linux" || (runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64") {
		if _, _, ok := rlimit.Nofile(); ok {
			t.Fatal("ok on a system where nothing is recorded")
		}
		return
	}
	for _, soft := range []string{"123", "1024"} {
		cmd := exec.Command("sh", "-c", "ulimit -Sn "+soft+`; ulimit -Hn 5000; exec "$0"`, testBinary(t))
		cmd.Env = append(os.Environ(), "RLIMIT_TEST_PRINT=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		// "true" at the end: the runtime did raise it, so the record is older.
		if got, want := strings.TrimSpace(string(out)), soft+" 5000 true true"; got != want {
			t.Errorf("soft %s: got %q, want %q", soft, got, want)
		}
	}
}

func testBinary(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}
