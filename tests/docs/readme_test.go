package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLibraryExample: each Go block of README.md is a program that compiles and
// that go vet has nothing against.
func TestLibraryExample(t *testing.T) {
	n := 0
	for _, b := range blocks(read(t, "README.md")) {
		if b.lang != "go" {
			continue
		}
		n++
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "vet", file)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("README.md:%d: %v\n%s", b.line, err, out)
		}
		cmd = exec.Command("gofmt", "-l", file)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("README.md:%d: gofmt would change it: %v %s", b.line, err, out)
		}
	}
	if n == 0 {
		t.Error("README.md has no Go example")
	}
}

// A typed command of a transcript, and what it prints.
type typed struct{ command, output string }

func transcript(text string) (out []typed) {
	for _, line := range strings.SplitAfter(text, "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			out = append(out, typed{command: strings.TrimSpace(command)})
		} else if len(out) > 0 {
			out[len(out)-1].output += line
		}
	}
	return out
}

func (t typed) String() string { return "$ " + t.command + "\n" + t.output }
