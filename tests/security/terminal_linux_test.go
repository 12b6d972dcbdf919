package security

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nsboot/nsboot/tests/screen"
)

// atScreen boots the bundle with nsboot at a terminal and returns what was shown.
func (b *bundle) atScreen(redirected bool) string {
	b.t.Helper()
	b.writeConfig()
	before := b.world()
	ctx, cancel := context.WithTimeout(context.Background(), bootTimeout)
	defer cancel()
	s := screen.Open(b.t, 24, 80)
	args := []string{"--profile=" + b.profile, "run", "--bundle", b.path("b")}
	cmd := exec.CommandContext(ctx, theLab.nsboot, args...)
	if redirected {
		// As `nsboot run </dev/null | cat`: only the session leads to the terminal.
		cmd = exec.CommandContext(ctx, "sh", append([]string{"-c", `"$0" "$@" </dev/null 2>/dev/null | cat`, theLab.nsboot}, args...)...)
	}
	s.Start(cmd)
	cmd.Wait()
	b.unharmed(before, "at a terminal")
	time.Sleep(10 * time.Millisecond) // what was shown last is read by now
	return s.Text()
}

// TestTerminalInput: the row of CVE-2017-5226. The caller's terminal is at the
// process's descriptors, but not its own: it can type nothing there, nor open it by
// /dev/tty, nor make it its own.
func TestTerminalInput(t *testing.T) {
	if legacy, err := os.ReadFile("/proc/sys/dev/tty/legacy_tiocsti"); err == nil && strings.TrimSpace(string(legacy)) == "0" {
		t.Log("the kernel refuses TIOCSTI by itself (dev.tty.legacy_tiocsti=0)")
	}
	for _, p := range profiles {
		for _, shared := range []bool{false, true} {
			for _, redirected := range []bool{false, true} {
				b := newBundle(t)
				b.profile = p
				if shared {
					b.sharedPID()
				}
				b.run("tiocsti", ",", "ctty", ",", "open", "/dev/tty")
				got := b.atScreen(redirected)
				for _, want := range []string{"tiocsti: error ", "ctty: error ", "open: error no such device or address"} {
					if !strings.Contains(got, want) {
						t.Errorf("%s, shared pids %v, redirected %v: no %q in %q", p, shared, redirected, want, got)
					}
				}
			}
		}
	}
}

// TestTerminalInputOwn: at a terminal of its own the process types into that alone.
func TestTerminalInputOwn(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile = p
		b.ownTerminal()
		b.run("open", "/dev/tty", ",", "fds", ",", "ls", "/dev/pts")
		want := "open: ok\nfds: 0 1 2\nls: 0 ptmx\n"
		if got := b.atScreen(false); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

// ownTerminal asks for a terminal, and mounts what it needs in oci.
func (b *bundle) ownTerminal(m ...any) {
	b.process()["terminal"] = true
	b.mounts(append(array{mount("tmpfs", "/dev", "tmpfs"), mount("devpts", "/dev/pts", "devpts")}, m...)...)
}

// TestConsoleSource: the row of CVE-2025-52565. What is on /dev/pts, or in it, is
// not what it should be: no terminal is made of it, and nothing else is opened or
// bound on /dev/console.
func TestConsoleSource(t *testing.T) {
	host := hostPtmx(t)
	for _, p := range []string{"runsc", "oci"} {
		for name, c := range map[string]struct {
			mounts []any
			want   string
		}{
			"the host's devpts":       {array{mount("/dev/pts", "/dev/pts", "bind", "bind")}, "the caller's own"},
			"the host's /dev":         {array{mount("/dev", "/dev", "bind", "rbind")}, "the caller's own"},
			"a directory of the host": {array{mount("VICTIM/pts", "/dev/pts", "bind", "bind")}, "is no devpts"},
			"a file on ptmx":          {array{mount("VICTIM/secret", "/dev/pts/ptmx", "bind", "bind")}, "something is mounted on it"},
			"the host's ptmx":         {array{mount(host, "/dev/pts/ptmx", "bind", "bind")}, "something is mounted on it"},
			"a tmpfs":                 {array{mount("tmpfs", "/dev/pts", "tmpfs")}, "is no devpts"},
		} {
			if p == "runsc" && name == "the host's /dev" {
				continue // there the container's own devpts comes on top of it (C7)
			}
			b := newBundle(t)
			b.profile = p
			for _, m := range c.mounts {
				o := m.(object)
				o["source"] = strings.Replace(o["source"].(string), "VICTIM", b.path("victim"), 1)
			}
			b.ownTerminal(c.mounts...)
			b.run("rdev", "/dev/console")
			r := b.boot()
			if r.code != 125 || !strings.Contains(r.stderr, "process.terminal") || !strings.Contains(r.stderr, c.want) {
				t.Errorf("%s, %s: %+v", p, name, r)
			}
		}
	}
}

// hostPtmx is where the host's ptmx is.
func hostPtmx(t *testing.T) string {
	t.Helper()
	path, err := filepath.EvalSymlinks("/dev/ptmx")
	if err != nil {
		skip(t, "no /dev/ptmx")
	}
	return path
}

// TestConsoleLinks: links of the root's in the place of /dev and what is in it lead
// nowhere outside.
func TestConsoleLinks(t *testing.T) {
	for _, p := range profiles {
		for _, to := range []string{"/victim", "../../victim", "VICTIM"} {
			b := newBundle(t)
			b.profile = p
			b.symlink(strings.Replace(to, "VICTIM", b.path("victim"), 1), "b/rootfs/dev")
			b.grows = func(name string) bool { return strings.HasPrefix(name, "rootfs/") }
			b.ownTerminal()
			b.run("rdev", "/dev/console")
			if r := b.boot(); r.code != 0 && r.code != 125 { // runsc-2019 follows none
				t.Errorf("%s, %s: %+v", p, to, r)
			}
		}
	}
}
