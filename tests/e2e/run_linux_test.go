package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// result is what a boot ended with. Code is minus the signal that ended nsboot.
type result struct {
	Out, Err string
	Code     int
}

// boot boots the bundle once with global flags, and checks the host.
func (b *bundle) boot(flags ...string) result {
	b.t.Helper()
	return b.bootWith(nil, flags...)
}

// bootWith lets change adapt the command. What it mounts is verified.
func (b *bundle) bootWith(change func(*exec.Cmd), flags ...string) result {
	b.t.Helper()
	c := b.command(flags...)
	if change != nil {
		change(c.cmd)
	}
	c.start()
	r := c.wait()
	if r.Code >= 0 && r.Code < 125 {
		c.verifyTwin()
	}
	c.b.checkHost(c.host)
	return r
}

// good boots the bundle, which must succeed quietly, and returns its output.
func (b *bundle) good(flags ...string) string {
	b.t.Helper()
	r := b.boot(flags...)
	if r.Code != 0 || r.Err != "" {
		b.t.Fatalf("nsboot %v: exit %d\nstdout: %sstderr: %s", flags, r.Code, r.Out, r.Err)
	}
	return r.Out
}

// bad boots the bundle, which must fail with code and say each of the words.
func (b *bundle) bad(code int, words []string, flags ...string) {
	b.t.Helper()
	r := b.boot(flags...)
	if r.Code != code {
		b.t.Errorf("nsboot %v: exit %d, want %d\nstdout: %sstderr: %s", flags, r.Code, code, r.Out, r.Err)
	}
	for _, w := range words {
		if !strings.Contains(r.Err, w) {
			b.t.Errorf("nsboot %v: stderr does not say %q: %s", flags, w, r.Err)
		}
	}
}

// running is a boot under way.
type running struct {
	b              *bundle
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr bytes.Buffer
	host           hostState
	copied         chan struct{} // closed when all of stdout is read; nil without ready
	cancel         context.CancelFunc
}

// command prepares `nsboot FLAGS run --bundle DIR`; what follows "run" in flags
// comes after it.
func (b *bundle) command(flags ...string) *running {
	b.t.Helper()
	b.save()
	return b.commandAsSaved(flags...)
}

// commandAsSaved leaves config.json as it is.
func (b *bundle) commandAsSaved(flags ...string) *running {
	global, own := flags, []string(nil)
	for i, f := range flags {
		if f == "run" {
			global, own = flags[:i], flags[i+1:]
		}
	}
	args := append(append(append([]string{}, global...), "run", "--bundle", b.dir), own...)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	c := &running{b: b, cancel: cancel, cmd: exec.CommandContext(ctx, nsboot, args...)}
	c.cmd.Dir = b.dir
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without the terminal of who runs the tests
	c.cmd.Env = []string{"PATH=/usr/bin:/bin", b.mark}
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	c.cmd.WaitDelay = 5 * time.Second
	return c
}

// start notes the host's state and starts nsboot.
func (c *running) start() *running {
	c.b.t.Helper()
	c.host = c.b.hostState()
	if err := c.cmd.Start(); err != nil {
		c.b.t.Fatal(err)
	}
	return c
}

// ready starts nsboot and waits for the process's first line of output, "ready".
func (c *running) ready() *running {
	c.b.t.Helper()
	in, err := c.cmd.StdinPipe()
	if err != nil {
		c.b.t.Fatal(err)
	}
	c.cmd.Stdout = nil
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		c.b.t.Fatal(err)
	}
	c.stdin = in
	c.start()
	buf := make([]byte, len("ready\n"))
	n, err := io.ReadFull(out, buf) // the end of file comes with the end of the process
	c.stdout.Write(buf[:n])
	c.copied = make(chan struct{})
	go func() {
		defer close(c.copied)
		io.Copy(&c.stdout, out)
	}()
	if err != nil || string(buf) != "ready\n" {
		c.cmd.Process.Kill()
		r := c.wait()
		c.b.t.Fatalf("not ready: %v %+v", err, r)
	}
	c.verifyLive()
	return c
}

// output runs nsboot without a look at the host.
func (c *running) output() (string, error) {
	err := c.cmd.Run()
	c.cancel()
	return c.stdout.String(), err
}

// finish waits for the end and checks the host.
func (c *running) finish() result {
	c.b.t.Helper()
	r := c.wait()
	c.b.checkHost(c.host)
	return r
}

func (c *running) wait() result {
	c.b.t.Helper()
	if c.stdin != nil {
		c.stdin.Close()
	}
	if c.copied != nil {
		<-c.copied
	}
	err := c.cmd.Wait()
	c.cancel()
	r := result{Out: c.stdout.String(), Err: c.stderr.String()}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		r.Code = exit.ExitCode()
		if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
			r.Code = -int(ws.Signal())
		}
	default:
		c.b.t.Fatal(err)
	}
	return r
}

// hostState is what a boot must leave as it was.
type hostState struct {
	Mounts   []string
	Files    []string
	Journals []string
}

func (b *bundle) hostState() hostState {
	b.t.Helper()
	journals, err := filepath.Glob("/run/nsboot/stubs/*")
	if err != nil {
		b.t.Fatal(err)
	}
	return hostState{Mounts: mountTable(b.t), Files: b.list(), Journals: journals}
}

// checkHost holds the host against what it was: its mount table (always), the
// bundle (unless it is written), and the container's processes (none).
func (b *bundle) checkHost(before hostState) {
	b.t.Helper()
	b.noProcess()
	after := b.hostState()
	if d := cmp.Diff(before.Mounts, after.Mounts); d != "" {
		b.t.Errorf("the host's mount table changed (-before +after):\n%s", d)
	}
	if d := cmp.Diff(before.Files, after.Files); d != "" && !b.writes {
		b.t.Errorf("the bundle changed (-before +after):\n%s", d)
	}
	if d := cmp.Diff(before.Journals, after.Journals); d != "" {
		b.t.Errorf("journals (-before +after):\n%s", d)
	}
}

// noProcess waits a moment, for a death signal is delivered soon, not at once.
func (b *bundle) noProcess() {
	b.t.Helper()
	var left []string
	for range 400 {
		if left = b.processes(); len(left) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	b.t.Errorf("processes of the container are left: %v", left)
	for _, p := range left {
		data, _ := os.ReadFile("/proc/" + p + "/cmdline")
		b.t.Logf("%s: %q", p, data)
	}
}

// processes are those that carry the bundle's mark, nsboot's own among them.
func (b *bundle) processes() (pids []string) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, d := range dirs {
		if d.Name()[0] > '9' {
			continue
		}
		if env, _ := os.ReadFile("/proc/" + d.Name() + "/environ"); bytes.Contains(env, []byte(b.mark+"\x00")) {
			pids = append(pids, d.Name())
		}
	}
	return pids
}

// mountTable is the host's mount table as the tests' thread sees it.
func mountTable(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// unmountAtEnd mounts something in the host's view for the time of a test.
func unmountAtEnd(t testing.TB, dir, source, fstype string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, dir, fstype, flags, data); err != nil {
		t.Fatalf("mount %s on %s: %v", fstype, dir, err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}
