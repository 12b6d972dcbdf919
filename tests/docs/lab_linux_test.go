package docs

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	labEnv    = "NSBOOT_DOCS_LAB" // set in the re-executed test: the directory of nsboot
	binaryEnv = "NSBOOT_BIN"      // the nsboot to test; built if unset
)

// bundle is where the lab has README.md's bundle.
const bundle = "/srv/hello"

// inLab runs f in a copy of this test, in a mount namespace of its own with a
// tmpfs on /srv that holds README.md's bundle and one on /run. bin is the
// directory of nsboot.
func inLab(t *testing.T, f func(t *testing.T, bin string)) {
	t.Helper()
	if bin := os.Getenv(labEnv); bin != "" {
		if err := makeBundle(bundle); err != nil {
			t.Fatal(err)
		}
		f(t, bin)
		return
	}
	if os.Geteuid() != 0 {
		skip(t, "booting mounts, which needs root")
	}
	if _, err := busybox(); err != nil {
		skip(t, err.Error())
	}
	bin, err := nsboot(t)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v"}
	if *update {
		args = append(args, "-update")
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), labEnv+"="+filepath.Dir(bin))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		skip(t, "a mount namespace cannot be made")
	}
	if err != nil {
		t.Errorf("in a mount namespace of its own: %v\n%s", err, out)
	}
}

// makeBundle makes the bundle that README.md describes.
func makeBundle(dir string) error {
	for _, d := range []string{filepath.Dir(dir), "/run"} {
		if err := unix.Mount("docs", d, "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
	}
	for _, d := range []string{"rootfs/bin", "app"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	box, err := busybox()
	if err != nil {
		return err
	}
	for _, f := range [][2]string{{box, "rootfs/bin/busybox"}, {"testdata/config.json", "config.json"}} {
		data, err := os.ReadFile(f[0])
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f[1]), data, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "app/hello"), []byte("hello\n"), 0o644); err != nil {
		return err
	}
	for _, applet := range []string{"cat", "ls", "sh"} {
		if err := os.Symlink("busybox", filepath.Join(dir, "rootfs/bin", applet)); err != nil {
			return err
		}
	}
	return nil
}

// busybox finds a static busybox: a dynamic one would miss its loader.
func busybox() (string, error) {
	name := os.Getenv("BUSYBOX")
	if name == "" {
		name = "/bin/busybox"
	}
	f, err := elf.Open(name)
	if err != nil {
		return "", errors.New("no busybox: " + err.Error())
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.New(name + " is not static")
		}
	}
	return name, nil
}

// nsboot is the binary under test, named nsboot.
func nsboot(t *testing.T) (string, error) {
	out := filepath.Join(t.TempDir(), "nsboot")
	if bin := os.Getenv(binaryEnv); bin != "" {
		data, err := os.ReadFile(bin)
		if err != nil {
			return "", err
		}
		return out, os.WriteFile(out, data, 0o755)
	}
	cmd := exec.Command("go", "build", "-o", out, "github.com/nsboot/nsboot/cmd/nsboot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("building nsboot: " + err.Error() + "\n" + string(msg))
	}
	return out, nil
}

// skip skips the test, or fails it where it must run.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatalf("NSBOOT_MUST_RUN=1, but: %s", why)
	}
	t.Skip(why)
}
