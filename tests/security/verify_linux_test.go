package security

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// verify makes a container of the bundle, up to the start of its process, and
// compares its mounts with the plan: an attack that has anything mounted
// elsewhere, left out or loosened is seen. What is refused is for the boot to
// tell; so is what only a command of another kind does.
func (b *bundle) verify() {
	b.t.Helper()
	if b.command != nil || b.wrap != nil {
		return
	}
	root, err := os.MkdirTemp(theLab.dir, "verify-")
	b.must(err)
	defer os.RemoveAll(root)
	b.must(os.Chmod(root, 0o777))
	flags := append(b.nsboot(), "--root", root+"/state")
	if code, _ := b.output(b.attr, append(flags, "create", "--bundle", b.path("b"), "c")); code != 0 {
		return
	}
	if code, text := b.output(nil, append(flags, "verify", "c")); code != 0 || text != "" {
		b.t.Errorf("profile %s: verify: exit code %d: %s", b.profile, code, text)
	}
	if code, text := b.output(nil, append(flags, "delete", "--force", "c")); code != 0 || strings.Contains(text, "nsboot:") {
		b.t.Errorf("profile %s: delete: exit code %d: %s", b.profile, code, text)
	}
}

// output runs one of these with its output, which the container keeps, in a file.
func (b *bundle) output(change func(*exec.Cmd), argv []string) (code int, text string) {
	b.t.Helper()
	out, err := os.CreateTemp(theLab.dir, "out-")
	b.must(err)
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = b.dir, out, out, &syscall.SysProcAttr{Setpgid: true}
	if change != nil {
		change(cmd)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Run()
	if cmd.ProcessState == nil {
		return -1, ""
	}
	data, err := os.ReadFile(out.Name())
	b.must(err)
	return cmd.ProcessState.ExitCode(), string(data)
}
