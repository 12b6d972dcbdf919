package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nsboot is the built binary: what is tested is what a person runs.
var nsboot string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "nsboot-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		os.Chmod(dir, 0o755) // an ordinary user runs it too
		nsboot = filepath.Join(dir, "nsboot")
		build := exec.Command("go", "build", "-o", nsboot, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

func runCmd(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// run types a command line in dir.
func run(t *testing.T, dir string, args ...string) result {
	t.Helper()
	cmd := exec.Command(nsboot, args...)
	cmd.Dir = dir
	return runCmd(t, cmd)
}

// script runs a shell script as root in a mount namespace of its own, with a
// fresh /run; $NSBOOT is the binary.
func script(t *testing.T, dir, text string) result {
	t.Helper()
	asRoot(t)
	cmd := exec.Command("/bin/sh", "-c", "set -e; mount -t tmpfs run /run\n"+text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NSBOOT="+nsboot)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // Go makes / private
	return runCmd(t, cmd)
}

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatal("mounting needs root")
	}
	t.Skip("mounting needs root")
}

// makeBundle writes a bundle whose root file system is nsboot alone.
func makeBundle(t *testing.T, readonly bool) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(nsboot)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "rootfs", "nsboot"), data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, fmt.Sprintf(`{"ociVersion":"1.2.0","root":{"path":"rootfs","readonly":%v},
		"process":{"cwd":"/","args":["/nsboot","version"]},
		"mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/data/in","type":"tmpfs","source":"tmpfs"}],
		"linux":{"namespaces":[{"type":"mount"}]}}`, readonly))
	return dir
}

func write(t *testing.T, dir, config string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestStranger: who types something wrong is told what to type instead.
func TestStranger(t *testing.T) {
	bundle := makeBundle(t, true)
	empty := t.TempDir()
	hooked := t.TempDir()
	write(t, hooked, `{"ociVersion":"1.2.0","root":{"path":"rootfs"},"process":{"cwd":"/","args":["sh"],"apparmorProfile":"x"}}`)
	broken := t.TempDir()
	write(t, broken, `{"ociVersion":"1.2.0","root":{"path":1}}`)
	for _, tc := range []struct {
		dir, line string
		code      int
		want      []string // in the message
	}{
		{empty, "", 125, []string{"no command", "nsboot --help"}},
		{empty, "rum", 125, []string{`unknown command "rum"`, "nsboot run"}},
		{empty, "spce", 125, []string{`"spce"`, "nsboot spec"}},
		{empty, "help nothing", 125, []string{`"nothing"`, "nsboot --help"}},
		{empty, "--profil oci run", 125, []string{"--profil", "nsboot --help"}},
		{empty, "--profile runc run", 125, []string{`"runc"`, "runsc, runsc-2019, runsc-2018, oci"}},
		{empty, "--tmp=yes plan", 125, []string{"--tmp=yes", "auto, tmpfs, rootfs"}},
		{bundle, "--overlay=some plan", 125, []string{`"some"`, "--overlay=all:memory,size=64m"}},
		{bundle, "--log-format=xml plan", 125, []string{"xml", "text or json"}},
		{empty, "plan", 125, []string{"config.json", "--bundle", "nsboot spec"}},
		{empty, "run", 125, []string{"config.json", "--bundle", "nsboot spec"}},
		{empty, "plan --bundle /nonexistent", 125, []string{"/nonexistent", "--bundle"}},
		{bundle, "plan --bundle config.json", 125, []string{"a file", "--bundle"}},
		{bundle, "plan somewhere", 125, []string{`"somewhere"`, "--bundle"}},
		{bundle, "plan --format yaml", 125, []string{"yaml", "tree or json"}},
		{bundle, "plan --bundel x", 125, []string{"--bundel", "nsboot plan --help"}},
		{bundle, "run a b", 125, []string{`"b"`, "nsboot run -- b"}},
		{bundle, "run --", 125, []string{"nothing after --"}},
		{bundle, "run ../x", 125, []string{`"../x"`, "letters"}},
		{hooked, "plan", 125, []string{"process.apparmorProfile", "--ignore process.apparmorProfile"}},
		{broken, "plan", 125, []string{"root.path"}},
		{bundle, "run --plan /nonexistent", 125, []string{"--plan", "/nonexistent"}},
		{bundle, "run --source-fds 1,x", 125, []string{"--source-fds", "3,4,5"}},
		{empty, "mount", 125, []string{"the directory to mount on", "nsboot mount --bundle DIR /mnt"}},
		{bundle, "mount /nonexistent", 125, []string{"/nonexistent", "mkdir -p /nonexistent"}},
		{bundle, "mount config.json", 125, []string{"config.json is not a directory"}},
		{empty, "umount", 125, []string{"nsboot umount /mnt"}},
		{empty, "do ls", 125, []string{`"ls"`, "nsboot do -- ls"}},
		{empty, "completion", 125, []string{"bash, zsh, fish"}},
		{empty, "completion tcsh", 125, []string{`"tcsh"`, "bash, zsh, fish"}},
		{bundle, "spec", 125, []string{"config.json is there already", "move it away"}},
		{empty, "spec here", 125, []string{`"here"`, "--rootfs"}},
		{empty, "delete", 125, []string{"the ID", "nsboot list"}},
		{empty, "delete x", 125, []string{"container x: does not exist"}},
		{empty, "delete --force ../x", 125, []string{`"../x"`}},
		{empty, "version please", 125, []string{`"please"`}},
	} {
		t.Run(tc.line, func(t *testing.T) {
			r := run(t, tc.dir, strings.Fields(tc.line)...)
			if r.code != tc.code || r.stdout != "" {
				t.Errorf("exit code %d and %q on stdout, want %d and nothing", r.code, r.stdout, tc.code)
			}
			for _, part := range tc.want {
				if !strings.Contains(r.stderr, part) {
					t.Errorf("%q is not in:\n%s", part, r.stderr)
				}
			}
			if strings.Contains(r.stderr, "panic") || strings.Contains(r.stderr, "goroutine") {
				t.Errorf("a crash:\n%s", r.stderr)
			}
		})
	}
}

// Whoever wants no user namespace, or a mount that others see, and forgets root is
// told so.
func TestStrangerWithoutRoot(t *testing.T) {
	asRoot(t)
	bundle := makeBundle(t, true)
	for _, line := range []string{"run", "mount .", "umount .", "do -- true"} {
		cmd := exec.Command(nsboot, append([]string{"--rootless=false"}, strings.Fields(line)...)...)
		cmd.Dir = "/"
		if strings.HasPrefix(line, "run") || strings.HasPrefix(line, "mount") {
			cmd.Args = append(cmd.Args, "--bundle", bundle)
		}
		os.Chmod(filepath.Dir(bundle), 0o755)
		os.Chmod(bundle, 0o755)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		r := runCmd(t, cmd)
		if r.code != 125 || !strings.Contains(r.stderr, "needs root") || !strings.Contains(r.stderr, "sudo nsboot "+strings.Fields(line)[0]) {
			t.Errorf("%s: exit code %d:\n%s", line, r.code, r.stderr)
		}
	}
}

// Help goes to stdout, ends well, and shows how the command is typed.
func TestHelp(t *testing.T) {
	dir := t.TempDir()
	for _, line := range []string{"--help", "-h", "help"} {
		r := run(t, dir, line)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%s: exit code %d, stderr %q", line, r.code, r.stderr)
		}
		for _, c := range commands() {
			if !strings.Contains(r.stdout, "\n  "+c.name) {
				t.Errorf("%s does not list %s", line, c.name)
			}
		}
		for _, flag := range []string{"--profile", "--overlay", "--tmp", "--ignore", "--log", "--log-format", "--debug", "--version"} {
			if !strings.Contains(r.stdout, flag) {
				t.Errorf("%s does not list %s", line, flag)
			}
		}
	}
	for _, c := range commands() {
		first := run(t, dir, c.name, "--help")
		if first.code != 0 || first.stderr != "" {
			t.Errorf("%s --help: exit code %d, stderr %q", c.name, first.code, first.stderr)
		}
		if !strings.HasPrefix(first.stdout, "nsboot "+c.name+": "+c.short+"\n\nUsage: nsboot [FLAGS] "+c.name) {
			t.Errorf("%s --help begins:\n%s", c.name, first.stdout)
		}
		if c.name != "version" && !strings.Contains(first.stdout, "Examples:\n  ") {
			t.Errorf("%s --help has no example", c.name)
		}
		for _, other := range []result{run(t, dir, "help", c.name), run(t, dir, c.name, "-h"), run(t, dir, "--help", c.name)} {
			if other != first {
				t.Errorf("help of %s differs: %+v", c.name, other)
			}
		}
	}
	for _, line := range first80(run(t, dir, "help", "do").stdout) {
		t.Errorf("wider than 80 columns: %s", line)
	}
}

func first80(text string) (wide []string) {
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 80 {
			wide = append(wide, line)
		}
	}
	return wide
}

func TestVersionSpecDelete(t *testing.T) {
	dir := t.TempDir()
	for _, line := range []string{"version", "--version"} {
		if r := run(t, dir, line); r.code != 0 || !strings.HasPrefix(r.stdout, "nsboot version dev\nspec: 1.") {
			t.Errorf("%s: %+v", line, r)
		}
	}
	if r := run(t, dir, "delete", "--force", "gone"); r.code != 0 || r.stderr+r.stdout != "" {
		t.Errorf("delete --force: %+v", r)
	}
	if r := run(t, dir, "spec", "--rootfs", "/srv/root"); r.code != 0 || r.stderr+r.stdout != "" {
		t.Errorf("spec: %+v", r)
	}
	before, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if r := run(t, dir, "plan"); r.code != 0 || !strings.Contains(r.stdout, "rbind /srv/root ") {
		t.Errorf("plan of the starter: %+v", r)
	}
	run(t, dir, "spec", "--rootfs", "/other")
	if after, _ := os.ReadFile(filepath.Join(dir, "config.json")); !bytes.Equal(before, after) {
		t.Error("a second spec changed config.json")
	}
}

// TestLogFlags: an error is in the log, and on standard error for whoever does not
// read that.
func TestLogFlags(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	r := run(t, dir, "--log", log, "--log-format=json", "plan")
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if r.code != 125 || !strings.HasPrefix(r.stderr, "nsboot: open ") || !strings.HasPrefix(string(data), `{"level":"error","msg":`) || strings.Count(string(data), "\n") != 1 {
		t.Errorf("%+v, log:\n%s", r, data)
	}
}
