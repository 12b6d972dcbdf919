package nsmount

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needRoot skips a test that makes namespaces where it cannot; under
// NSBOOT_MUST_RUN=1 that is a failure.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatal("needs root, and NSBOOT_MUST_RUN=1 forbids to skip")
	}
	t.Skip("needs root to make namespaces")
}

// payload is a process that is this test binary; the last Env entry makes it so.
func payload(t testing.TB, args ...string) Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Process{Args: append([]string{exe}, args...), Env: []string{"FROM=config", launchEnv + "=payload"}, Cwd: "/"}
}

// bootCommand is the booting part with an order, not started yet.
func bootCommand(t testing.TB, o order) *exec.Cmd {
	t.Helper()
	needRoot(t)
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), launchEnv+"=boot", launchOrder+"="+string(data), "GOCOVERDIR="+t.TempDir())
	return cmd
}

// boot runs an order and returns its output and exit code.
func boot(t testing.TB, o order) (out string, code int) {
	t.Helper()
	data, err := bootCommand(t, o).CombinedOutput()
	return string(data), exitCode(t, err)
}

func exitCode(t testing.TB, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		t.Fatal(err)
	case exit.Sys() != nil && !exit.Exited():
		if ws, ok := exit.Sys().(interface{ Signal() unix.Signal }); ok {
			return -int(ws.Signal())
		}
	}
	return exit.ExitCode()
}

// bootReport boots a reporting payload that must succeed.
func bootReport(t testing.TB, o order) report {
	t.Helper()
	out, code := boot(t, o)
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	return r
}

// start starts cmd with a pipe for its output; only the command's own
// processes hold the other end.
func start(t *testing.T, cmd *exec.Cmd) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	w.Close()
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	return cmd, bufio.NewReader(r)
}

func expect(t *testing.T, out *bufio.Reader, want string) {
	t.Helper()
	if got, err := out.ReadString('\n'); err != nil || strings.TrimSpace(got) != want {
		rest, _ := io.ReadAll(out)
		t.Fatalf("got %q (%v), want %q; then %s", got, err, want, rest)
	}
}

// expectBoth is expect for two lines that come in any order.
func expectBoth(t *testing.T, out *bufio.Reader, a, b string) {
	t.Helper()
	one, _ := out.ReadString('\n')
	two, err := out.ReadString('\n')
	if got := one + two; err != nil || got != a+"\n"+b+"\n" && got != b+"\n"+a+"\n" {
		t.Fatalf("got %q (%v), want %q and %q", got, err, a, b)
	}
}

// ends reports whether the last holder of the output goes away.
func ends(out *bufio.Reader) bool {
	_, err := io.Copy(io.Discard, out)
	return err == nil
}

// startReport is bootReport for a command.
func startReport(t *testing.T, cmd *exec.Cmd) report {
	t.Helper()
	out, err := cmd.CombinedOutput()
	var r report
	if jerr := json.Unmarshal(out, &r); err != nil || jerr != nil {
		t.Fatalf("%v, %v: %s", err, jerr, out)
	}
	return r
}

// limited runs cmd from a shell that sets something first.
func limited(cmd *exec.Cmd, setup string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	sh := exec.Command("/bin/sh", "-c", setup+`; exec "$0"`, self)
	sh.Env = cmd.Env
	return sh
}

// public gives a process that is the test binary a copy that every user may
// run: go test keeps its own in a directory of mode 0700.
func public(t *testing.T, o *order) {
	t.Helper()
	dir, err := os.MkdirTemp("", "launch")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o.Root = dir
	installPayload(t, o)
	o.Root, o.Process.Args[0] = "", filepath.Join(dir, "payload")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// installPayload copies the test binary into o.Root, with a /proc beside it.
func installPayload(t *testing.T, o *order) {
	t.Helper()
	data, err := os.ReadFile(o.Process.Args[0])
	if err == nil {
		err = os.WriteFile(filepath.Join(o.Root, "payload"), data, 0o755)
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(o.Root, "proc"), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.Process.Args[0] = "/payload"
}
