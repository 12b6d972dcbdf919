package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadme types what README.md shows after <!-- podman --> again: it prints
// what stands there.
func TestReadme(t *testing.T) {
	e := newEngine(t)
	shown := e.block("podman")
	e.rootfs()
	e.retype(shown, e.shim(shown), "CONTAINERS_CONF="+filepath.Join(e.dir, "conf"))
}

// TestReadmeContainerd does the same with what stands after <!-- ctr -->.
func TestReadmeContainerd(t *testing.T) {
	d := newDaemon(t)
	shown := d.block("ctr")
	d.rootfs()
	ctr, err := exec.LookPath("ctr")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(d.dir, "shim")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncommand=$1\nshift\nexec " + ctr + " --address " + d.socket + " $command --cgroup " + cgroupParent(os.Getenv(workEnv)) + "/hello \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "ctr"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	d.retype(shown, bin)
	d.nothingLeft()
}

// block is what README.md shows after a mark.
func (e *engine) block(mark string) string {
	e.t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		e.t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(text), "<!-- "+mark+" -->\n```console\n")
	shown, _, ok2 := strings.Cut(shown, "```\n")
	if !ok || !ok2 {
		e.t.Fatalf("README.md has no block after <!-- %s -->", mark)
	}
	return shown
}

// retype types the commands of a block again, with the programs in bin and the
// tested nsboot in the place of an installed one.
func (e *engine) retype(shown, bin string, env ...string) {
	e.t.Helper()
	got := ""
	for line := range strings.Lines(shown) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(command, "/usr/local/bin/nsboot-oci", e.runtime))
		cmd.Dir = e.dir
		cmd.Env = append(append(e.environ(), "PATH="+bin+":"+os.Getenv("PATH")), env...)
		out, _ := cmd.CombinedOutput()
		got += line + string(out)
	}
	if diff := cmp.Diff(shown, got); diff != "" {
		e.t.Errorf("-README.md +now:\n%s", diff)
	}
}

// shim makes what the block takes for granted: its podman.conf, also as this
// machine needs it, the bundle's app, and a podman that keeps to the test's
// stores. It returns the directory of that.
func (e *engine) shim(shown string) string {
	e.t.Helper()
	_, conf, _ := strings.Cut(shown, "$ cat podman.conf\n")
	conf, _, _ = strings.Cut(conf, "$ ")
	here := strings.ReplaceAll(conf, "/usr/local/bin/nsboot-oci", e.runtime) + "default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"
	podman, err := exec.LookPath("podman")
	if err != nil {
		e.t.Fatal(err)
	}
	script := "#!/bin/sh\nexec " + podman + " " + strings.Join(e.stores(), " ") + " \"$@\"\n"
	bin := filepath.Join(e.dir, "shim")
	for _, dir := range []string{bin, filepath.Join(e.dir, "app")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			e.t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"podman.conf": conf, "conf": here, "app/hello": "hello\n", "shim/podman": script} {
		if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o755); err != nil {
			e.t.Fatal(err)
		}
	}
	return bin
}
