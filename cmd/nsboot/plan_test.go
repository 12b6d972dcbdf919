package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/nsmount"
)

func TestPlanTree(t *testing.T) {
	bundle := makeBundle(t, true)
	r := run(t, t.TempDir(), "plan", "--bundle", bundle)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("%+v", r)
	}
	for _, part := range []string{"profile runsc, 7 mounts, read-only root\n", "\n/ ", "rbind " + bundle + "/rootfs", "─ /data/in ", "mounts[1]", "default:/dev (C1 D1)"} {
		if !strings.Contains(r.stdout, part) {
			t.Errorf("%q is not in:\n%s", part, r.stdout)
		}
	}
	if strings.Contains(r.stdout, "\x1b") {
		t.Errorf("colours in a pipe: %q", r.stdout)
	}
	if r := run(t, bundle, "--profile=oci", "plan"); !strings.HasPrefix(r.stdout, "profile oci, ") {
		t.Errorf("--profile oci:\n%s", r.stdout)
	}
}

// plan needs no privileges and leaves the bundle as it is, one that cannot be
// written at that.
func TestPlanTouchesNothing(t *testing.T) {
	bundle := makeBundle(t, false)
	list := func() string {
		var out []string
		filepath.Walk(bundle, func(p string, st os.FileInfo, err error) error {
			out = append(out, p+" "+st.Mode().String()+" "+st.ModTime().String())
			return err
		})
		return strings.Join(out, "\n")
	}
	os.Chmod(filepath.Dir(bundle), 0o755)
	os.Chmod(bundle, 0o755)
	before := list()
	cmd := exec.Command(nsboot, "--overlay=all", "plan", "--bundle", bundle)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir = "/"
	}
	if r := runCmd(t, cmd); r.code != 0 || r.stderr != "" {
		t.Errorf("as an ordinary user: %+v", r)
	}
	if diff := cmp.Diff(before, list()); diff != "" {
		t.Errorf("the bundle changed (-before +after):\n%s", diff)
	}
}

// Section 7: the recorded plan is the one that is replayed.
func TestPlanJSON(t *testing.T) {
	bundle := makeBundle(t, true)
	r := run(t, bundle, "plan", "--format", "json")
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	plan, err := nsmount.ParsePlan([]byte(r.stdout))
	if err != nil {
		t.Fatal(err)
	}
	if plan.Version != nsmount.PlanVersion || plan.Root().Source != bundle+"/rootfs" {
		t.Errorf("version %d, root %+v", plan.Version, plan.Root())
	}
	var whole struct {
		Filesystems map[string][]nsmount.Filesystem
	}
	if err := json.Unmarshal([]byte(r.stdout), &whole); err != nil || len(whole.Filesystems["tmpfs"]) == 0 || len(whole.Filesystems["bind"]) != 1 {
		t.Errorf("restore listing %+v, %v", whole, err)
	}
	file := filepath.Join(bundle, "plan.json")
	if err := os.WriteFile(file, []byte(r.stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := script(t, bundle, `"$NSBOOT" run --plan plan.json`); r.code != 0 || !strings.HasPrefix(r.stdout, "nsboot version dev") {
		t.Errorf("replay: %+v", r)
	}
	write(t, bundle, `{"ociVersion":"1.2.0","root":{"path":"rootfs"},"process":{"cwd":"/","args":["/nsboot"]},"mounts":[{"destination":"/proc","type":"proc","options":["ro"]}]}`)
	if r := run(t, bundle, "run", "--plan", "plan.json"); r.code != 125 || !strings.Contains(r.stderr, "mounts[0] /proc: options") || !strings.Contains(r.stderr, "mounts[1] /data/in: in the plan") {
		t.Errorf("replay against another bundle: %+v", r)
	}
}

func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		r := run(t, dir, "completion", shell)
		if r.code != 0 || r.stderr != "" || strings.Contains(r.stdout, "@") && strings.Contains(r.stdout, "@COMMANDS@") {
			t.Errorf("%s: %+v", shell, r)
		}
		for _, c := range commands() {
			if !strings.Contains(r.stdout, c.name) {
				t.Errorf("%s does not complete %s", shell, c.name)
			}
		}
		for _, p := range nsmount.ProfileNames() {
			if !strings.Contains(r.stdout, p) {
				t.Errorf("%s does not complete --profile %s", shell, p)
			}
		}
		if path, err := exec.LookPath(shell); err == nil { // its own opinion, where there is one
			cmd := exec.Command(path, "-n")
			cmd.Stdin = strings.NewReader(r.stdout)
			if r := runCmd(t, cmd); r.code != 0 || r.stderr != "" {
				t.Errorf("%s -n: %+v", shell, r)
			}
		}
	}
}

// completing asks bash what it would offer.
func TestCompletionBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		if os.Getenv("NSBOOT_MUST_RUN") == "1" {
			t.Fatal("must run, and there is no bash")
		}
		t.Skip("no bash")
	}
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "bundle"), 0o755)
	os.WriteFile(filepath.Join(dir, "bundle.txt"), nil, 0o644)
	for line, want := range map[string]string{
		"nsboot p":                         "plan pause ps",
		"nsboot --pro":                     "--profile",
		"nsboot --profile ''":              strings.Join(nsmount.ProfileNames(), " "),
		"nsboot --profile = runsc-":        "runsc-2019 runsc-2018",
		"nsboot --profile oci r":           "run resume",
		"nsboot run --bundle b":            "bundle", // the directory, not the file
		"nsboot plan --format ''":          "tree json",
		"nsboot ps --format ''":            "table json",
		"nsboot --root x list --f":         "--format",
		"nsboot exec --d":                  "--detach",
		"nsboot --overlay = all mount b":   "bundle",
		"nsboot completion ''":             "bash zsh fish",
		"nsboot delete --f":                "--force",
		"nsboot --tmp ''":                  "auto tmpfs rootfs",
		"nsboot do -- somecommand --forc":  "",
		"nsboot --log-format json help um": "umount",
	} {
		cmd := exec.Command(bash, "--norc", "-c", `compopt() { :; }; source <("$NSBOOT" completion bash)
			COMP_WORDS=(`+line+`); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _nsboot; echo "${COMPREPLY[*]}"`)
		cmd.Env = append(os.Environ(), "NSBOOT="+nsboot)
		cmd.Dir = dir
		if r := runCmd(t, cmd); strings.TrimSpace(r.stdout) != want || r.stderr != "" {
			t.Errorf("%s: %q, want %q; %s", line, r.stdout, want, r.stderr)
		}
	}
}
