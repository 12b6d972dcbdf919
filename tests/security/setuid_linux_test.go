package security

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestInstalledSetuid: nsboot mounts what it is told, so that with the rights of
// its file it would make any user root (CVE-2016-3135, CVE-2020-5291).
func TestInstalledSetuid(t *testing.T) {
	install := map[string]func(path string) error{
		"setuid": func(p string) error { return unix.Chmod(p, 0o4755) },
		"setgid": func(p string) error { return unix.Chmod(p, 0o2755) },
		"file capabilities": func(p string) error {
			return unix.Setxattr(p, "security.capability", fileCaps(1<<unix.CAP_SYS_ADMIN), 0)
		},
	}
	for how, do := range install {
		t.Run(how, func(t *testing.T) {
			b := newBundle(t)
			binary := installed(t, b, do)
			for _, command := range [][]string{{"run", "--bundle", b.path("b")}, {"plan", "--bundle", b.path("b")}, {"version"}, {"--log", b.path("victim/secret"), "version"}, {}} {
				b.wrap = nil
				b.command = command
				before := b.world()
				out, code := asUser(t, binary, command...)
				b.unharmed(before, how)
				if code != 125 || !strings.Contains(out, "setuid") {
					t.Errorf("%s: %q: exit code %d: %s", how, command, code, out)
				}
			}
		})
	}
}

// TestOrdinaryUserRuns: without them an ordinary user is no less welcome.
func TestOrdinaryUserRuns(t *testing.T) {
	b := newBundle(t)
	binary := installed(t, b, func(string) error { return nil })
	if out, code := asUser(t, binary, "version"); code != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// installed is a copy of the binary under test, installed as do says.
func installed(t *testing.T, b *bundle, do func(string) error) string {
	t.Helper()
	b.must(os.Chmod(b.dir, 0o755))
	b.writeConfig()
	data, err := os.ReadFile(theLab.nsboot)
	b.must(err)
	path := filepath.Join(b.dir, "installed")
	b.must(os.WriteFile(path, data, 0o755))
	b.must(do(path))
	return path
}

func asUser(t *testing.T, argv0 string, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(argv0, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// fileCaps is a security.capability of version 2: permitted and effective.
func fileCaps(permitted uint32) []byte {
	var x []byte
	for _, word := range []uint32{0x02000001, permitted, 0, 0, 0} {
		x = binary.LittleEndian.AppendUint32(x, word)
	}
	return x
}
