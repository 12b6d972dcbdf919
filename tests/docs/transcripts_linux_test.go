package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTranscripts types the commands that README.md shows after <!-- transcript
// --> again, or <!-- runsc --> where there is one: they print what stands there.
func TestTranscripts(t *testing.T) { inLab(t, retype) }

func retype(t *testing.T, bin string) {
	readme := read(t, "README.md")
	n := 0
	for _, b := range blocks(readme) {
		if _, err := exec.LookPath("runsc"); b.mark == "runsc" && err != nil {
			t.Log("not typed again: ", err)
			if os.Getenv("NSBOOT_MUST_RUN") == "1" {
				t.Error("NSBOOT_MUST_RUN=1, but there is no runsc")
			}
			continue
		}
		if b.mark != "transcript" && b.mark != "runsc" {
			continue
		}
		got := ""
		for _, c := range transcript(b.text) {
			n++
			cmd := exec.Command("sh", "-c", c.command)
			cmd.Dir = bundle
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			out, _ := cmd.CombinedOutput() // a command's failure is in what it prints
			got += typed{c.command, string(out)}.String()
		}
		if *update {
			readme = strings.Replace(readme, b.text, got, 1)
		} else if d := cmp.Diff(b.text, got); d != "" {
			t.Errorf("README.md:%d: the transcript (-document +now):\n%s", b.line, d)
		}
	}
	if n == 0 {
		t.Error("README.md has no transcript")
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, "README.md"), []byte(readme), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
