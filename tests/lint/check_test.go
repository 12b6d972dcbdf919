package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTree holds the project itself to its rules, so that `go test` alone finds a wrong import.
func TestTree(t *testing.T) {
	files, err := read("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range check(rules(), heavy(), files) {
		t.Error(b)
	}
}

// TestCheck plants each kind of violation beside the nearest import that is allowed.
func TestCheck(t *testing.T) {
	const ours = module + "/"
	tests := []struct {
		file, imp string
		refused   string // part of the message; empty: allowed
	}{
		{"cmd/nsboot/run.go", ours + "nsmount", ""},
		{"cmd/nsboot/run.go", ours + "internal/config", ""},
		{"cmd/nsboot/run.go", pflag, ""},
		{"cmd/nsboot/run.go", spec + "/specs-go", ""},
		{"cmd/nsboot/run.go", mountinfo, "not in this file of cmd"},
		{"cmd/nsboot/hostmounts.go", mountinfo, ""},
		{"cmd/nsboot/run.go", ours + "tests/bench", "cmd may import of ours"},
		{"cmd/nsboot/run.go", "net/http", "start-up"},
		{"cmd/nsboot/run.go", "encoding/json", ""},
		{"nsmount/compile.go", spec + "/specs-go", ""},
		{"nsmount/apply_linux.go", spec + "/specs-go", "not in this file of nsmount"},
		{"nsmount/apply_linux.go", xsys + "/unix", ""},
		{"nsmount/apply_linux.go", ours + "overlayfs", ""},
		{"nsmount/apply_linux.go", ours + "internal/stubs", ""},
		{"nsmount/apply_linux.go", mountinfo, "not in this file of nsmount"},
		{"nsmount/verify_linux.go", mountinfo, ""},
		{"nsmount/teardown_linux.go", mountinfo, ""},
		{"nsmount/cgroup_linux.go", mountinfo, ""},
		{"nsmount/compile.go", ours + "cmd/nsboot", "nsmount may import of ours"},
		{"nsmount/compile.go", pflag, "nsmount may import of others"},
		{"overlayfs/mount_linux.go", ours + "pathres", ""},
		{"overlayfs/mount_linux.go", ours + "tmpdetect", "overlayfs may import of ours: pathres"},
		{"overlayfs/mount_linux.go", ours + "nsmount", "overlayfs may import of ours"},
		{"tmpdetect/detect.go", ours + "overlayfs", "tmpdetect may import of ours"},
		{"pathres/root_linux.go", xsys + "/unix", ""},
		{"pathres/root_linux.go", ours + "overlayfs", "of ours: nothing"},
		{"pathres/root_linux.go", ours + "pathres/sub", "of ours: nothing"},
		{"pathres/root_linux.go", xsys + "tem", "of others: " + xsys},
		{"internal/config/load.go", spec + "/specs-go", ""},
		{"internal/config/load.go", ours + "nsmount", "of ours: internal/seccomp"},
		{"internal/seccomp/compile.go", ours + "internal/config", "of ours: nothing"},
		{"internal/stubs/journal.go", ours + "pathres", ""},
		{"internal/stubs/journal.go", ours + "overlayfs", "internal/stubs may import of ours"},
		{"internal/misc/misc.go", "fmt", "has no row"},
		{"main.go", "fmt", "has no row"},

		// Exempt: test files, and all that is below tests/.
		{"pathres/root_linux_test.go", ours + "overlayfs", ""},
		{"tests/bench/main.go", pflag, ""},
		{"testsuite/main.go", "fmt", "has no row"},
	}
	for _, tt := range tests {
		t.Run(tt.file+" "+tt.imp, func(t *testing.T) {
			got := check(rules(), heavy(), []source{{tt.file, []string{tt.imp}}})
			switch {
			case tt.refused == "" && len(got) != 0:
				t.Errorf("refused: %v", got)
			case tt.refused != "" && (len(got) != 1 || !strings.Contains(got[0], tt.refused)):
				t.Errorf("got %q, want one line with %q", got, tt.refused)
			}
		})
	}
}

// TestRead plants a violation on disk, next to files that are not to be read at all.
func TestRead(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := read(root); err == nil {
		t.Error("no error away from the root of a module")
	}
	write("go.mod", "module "+module+"\n")
	write("pathres/a.go", "package pathres\n\nimport (\n\t\"fmt\"\n\tx `"+module+"/nsmount`\n)\n")
	write("pathres/testdata/b.go", "not Go")
	write(".hidden/c.go", "not Go")
	write("_old/d.go", "not Go")

	files, err := read(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pathres/a.go: imports " + module + "/nsmount: pathres may import of ours: nothing"}
	if diff := cmp.Diff(want, check(rules(), heavy(), files)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	write("pathres/e.go", "not Go")
	if _, err := read(root); err == nil {
		t.Error("no error for a file that does not parse")
	}
}
