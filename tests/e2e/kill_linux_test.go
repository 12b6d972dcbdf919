package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// killBundles are the ways in which nsboot is there while a process runs: with
// stubs to remove, with a pid namespace, with both, with neither.
func killBundles(t *testing.T) map[string]*bundle {
	out := map[string]*bundle{}
	for name, make := range map[string]func(testing.TB) *bundle{"stubs": bareBundle, "no stubs": newBundle} {
		out[name] = make(t).tmpfs("/mnt")
		out[name+" pid"] = make(t).tmpfs("/mnt").namespaces(specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace)
	}
	out["overlay"] = bareBundle(t).readonly().tmpfs("/new/dir").namespaces(specs.PIDNamespace)
	return out
}

// TestKilledAtRandom kills nsboot at random moments of a boot: no mount is on the
// host and no process is left, and the next boot of the bundle removes the stubs
// that could not be.
func TestKilledAtRandom(t *testing.T) {
	for name, b := range killBundles(t) {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.sh("sleep 100")
			before := b.hostState()
			b.save()
			for range 60 {
				c := b.commandAsSaved()
				if err := c.cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
				c.cmd.Process.Kill()
				if r := c.wait(); r.Code != -int(unix.SIGKILL) {
					t.Errorf("nsboot was not killed: %+v", r)
				}
				if b.noProcess(); t.Failed() {
					return
				}
				if d := cmp.Diff(before.Mounts, mountTable(t)); d != "" {
					t.Fatalf("the host's mount table (-before +after):\n%s", d)
				}
			}
			b.sh("true")
			b.save()
			if out, err := b.commandAsSaved().output(); err != nil {
				t.Fatalf("the next boot: %v %s", err, out)
			}
			b.checkHost(before)
		})
	}
}

// TestEndedBySignal sends nsboot the signals that people send, at random
// moments: it ends like the command would have, and all is clean at once.
func TestEndedBySignal(t *testing.T) {
	for name, b := range killBundles(t) {
		t.Run(name, func(t *testing.T) {
			b.t = t
			// No shell: one that is pid 1 and raises SIGINT on itself lives on.
			b.spec.Process.Args = []string{"sleep", "100"}
			for i := range 40 {
				sig := []syscall.Signal{unix.SIGTERM, unix.SIGINT}[i%2]
				c := b.command().start()
				time.Sleep(time.Duration(rand.IntN(6000)) * time.Microsecond)
				c.cmd.Process.Signal(sig)
				// In place, or before there is a process, nsboot itself is ended.
				if r := c.finish(); r.Code != 128+int(sig) && r.Code != -int(sig) {
					t.Errorf("%v: %+v, want exit %d", sig, r, 128+int(sig))
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// TestSignalsReachTheProcess: a supervised process that handles a signal has it
// once and goes on; exit codes are 128 and the signal.
func TestSignalsReachTheProcess(t *testing.T) {
	for name, b := range killBundles(t) {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.sh("trap 'echo got; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
			c := b.command().ready()
			time.Sleep(60 * time.Millisecond) // handlers come soon after the process, not with it
			c.cmd.Process.Signal(unix.SIGTERM)
			if r := c.finish(); r.Code != 9 || r.Out != "ready\ngot\n" {
				t.Errorf("handled: %+v", r)
			}
			// exec: a signal that meets a shell that has all blocked, as it does to
			// fork, is lost to pid 1.
			b.sh("echo ready; exec sleep 100")
			for sig, code := range map[syscall.Signal]int{unix.SIGTERM: 143, unix.SIGINT: 130, unix.SIGHUP: 129, unix.SIGUSR1: 138} {
				c := b.command().ready()
				b.awaitComm("sleep")
				time.Sleep(60 * time.Millisecond)
				c.cmd.Process.Signal(sig)
				if r := c.finish(); r.Code != code && (b.supervised() || r.Code != -int(sig)) {
					t.Errorf("%v: %+v, want exit %d", sig, r, code)
				}
			}
		})
	}
}

// awaitComm waits until one of the container's processes is name.
func (b *bundle) awaitComm(name string) {
	b.t.Helper()
	for range 1000 {
		for _, p := range b.processes() {
			if comm, _ := os.ReadFile("/proc/" + p + "/comm"); string(comm) == name+"\n" {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	b.t.Fatalf("no process is %s", name)
}

// supervised reports whether nsboot stays beside the bundle's process.
func (b *bundle) supervised() bool {
	for _, ns := range b.spec.Linux.Namespaces {
		if ns.Type == specs.PIDNamespace {
			return true
		}
	}
	return !b.exists("rootfs/proc") && !b.spec.Root.Readonly
}

// TestKilledBeforeIsSwept: what a killed boot left is removed even by a boot that
// itself needs no stub there.
func TestKilledBeforeIsSwept(t *testing.T) {
	b := newBundle(t).tmpfs("/only/now").sh("echo ready; sleep 100")
	before := b.hostState()
	c := b.command().ready()
	c.cmd.Process.Kill()
	c.wait()
	b.noProcess()
	if !b.exists("rootfs/only/now") {
		t.Fatal("the stub is gone: nothing to sweep")
	}
	if left, _ := filepath.Glob("/run/nsboot/stubs/*"); len(left) != len(before.Journals)+1 {
		t.Errorf("journals: %v", left)
	}
	b.spec.Mounts = nil
	b.sh("ls /")
	b.save()
	if out, err := b.commandAsSaved().output(); err != nil || strings.Contains(out, "only") {
		t.Errorf("the next boot: %v %q", err, out)
	}
	b.checkHost(before)
}
