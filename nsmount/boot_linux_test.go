package nsmount

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// bootEnv holds a bootOrder: the test binary then is nsboot, for one boot.
const bootEnv = "NSMOUNT_BOOT_TEST"

// bootOrder has one boot fail, or be killed, at its k-th call; 0 is never.
type bootOrder struct {
	Plan    *Plan
	Process *Process
	State   string
	Fail    int
	Kill    int
}

// bootResult is what is true after a Boot that came back.
type bootResult struct {
	Calls       []string
	Code        int
	Err         string
	Injected    bool
	Before      []int // descriptors
	After       []int
	Descriptors string // After, explained
	Mounts      []string
	Child       string // of wait4, if a child is left
}

func init() {
	if text := os.Getenv(bootEnv); text != "" {
		os.Exit(helperFaultyBoot(text))
	}
}

func helperFaultyBoot(text string) int {
	var o bootOrder
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Println(err)
		return 98
	}
	out := os.NewFile(uintptr(unix.Stdout), "stdout")
	os.ReadFile("/proc/self/stat") // the runtime's poller is open from here on
	r := bootResult{Before: openDescriptors(0)}
	before := func(call string) error {
		r.Calls = append(r.Calls, call)
		switch len(r.Calls) {
		case o.Fail:
			return errInjected
		case o.Kill:
			unix.Kill(unix.Getpid(), unix.SIGKILL)
			select {}
		}
		return nil
	}
	code, err := Boot(o.Plan, o.Process, BootOptions{ApplyOptions: ApplyOptions{StateDir: o.State, before: before}})
	r.Code, r.After, r.Descriptors = code, openDescriptors(0), explainFDs()
	if err != nil {
		r.Err, r.Injected = err.Error(), errors.Is(err, errInjected)
	}
	table, _ := os.ReadFile("/proc/thread-self/mountinfo")
	r.Mounts = mountLines(string(table))
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		r.Child = fmt.Sprint("a child is left: ", err)
	}
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return 97
	}
	return 0
}

// bootCase is a bundle whose process is this test binary.
type bootCase struct {
	t     *testing.T
	dir   string
	order bootOrder
	mark  string // in the environment of all the container's processes
}

func newBootCase(t *testing.T, c faultCase, pid bool) *bootCase {
	ownNamespace(t)
	b := &bootCase{t: t, dir: t.TempDir()}
	b.mark = "BOOT_CASE=" + b.dir
	if pid {
		change := c.change
		c.change = func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
			if change != nil {
				change(s)
			}
		}
	}
	plan, spec := faultBundle(t, b.dir, c)
	linkSelf(t, filepath.Join(b.dir, "rootfs/bin/payload"))
	spec.Process.Env = append(spec.Process.Env, b.mark)
	p, err := CompileProcess(spec)
	if err != nil {
		t.Fatal(err)
	}
	b.order = bootOrder{Plan: plan, Process: p, State: filepath.Join(b.dir, "state")}
	return b
}

// linkSelf puts this test binary at name.
func linkSelf(t testing.TB, name string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if os.Link(exe, name) == nil {
		return
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// boot runs one boot; ok tells whether Boot came back.
func (b *bootCase) boot(fail, kill int) (r bootResult, ok bool, code int) {
	b.t.Helper()
	o := b.order
	o.Fail, o.Kill = fail, kill
	data, err := json.Marshal(o)
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), bootEnv+"="+string(data), b.mark)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	code = exitCode(b.t, err)
	if len(out) > 0 {
		if err := json.Unmarshal(out, &r); err != nil {
			b.t.Fatalf("%v: %s", err, out)
		}
		ok = true
	}
	return r, ok, code
}

// processes lists those that carry the case's mark.
func (b *bootCase) processes() []string {
	var out []string
	dirs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, d := range dirs {
		if env, _ := os.ReadFile(d); strings.Contains(string(env), b.mark) {
			out = append(out, d)
		}
	}
	return out
}

// calls lists the calls of a boot that succeeds. One in place never comes back
// to tell, so its last call, which fails, is told instead.
func (b *bootCase) calls() []string {
	b.t.Helper()
	for k := 1; ; k++ {
		r, ok, code := b.boot(k*50, 0)
		switch {
		case ok && !r.Injected && r.Err == "" && r.Code == 7:
			return r.Calls
		case !ok && code == 7:
			return nil
		case !ok || !r.Injected:
			b.t.Fatalf("boot: exit %d, %+v", code, r)
		}
	}
}

// forBootCases runs f on those cases whose boots differ by more than what
// TestApplyRollback shows, with and without a pid namespace.
func forBootCases(t *testing.T, f func(t *testing.T, b *bootCase)) {
	needRoot(t)
	for _, c := range faultCases() {
		switch c.name {
		case "bind root", "writable with stubs", "overlay all", "oci", "terminal", "idmap":
			t.Run(c.name, func(t *testing.T) { f(t, newBootCase(t, c, false)) })
			t.Run(c.name+" pid", func(t *testing.T) { f(t, newBootCase(t, c, true)) })
		}
	}
}

// TestBootRollback lets the k-th call of a whole boot fail, for every k: the
// first error comes back, no descriptor is open more than before, nothing is
// mounted or made, and no process is left.
func TestBootRollback(t *testing.T) {
	forBootCases(t, func(t *testing.T, b *bootCase) {
		before := readState(t, b.dir)
		calls := b.calls()
		for k := 1; calls == nil || k <= len(calls); k++ {
			r, ok, code := b.boot(k, 0)
			if calls == nil && !ok && code == 7 { // in place, beyond its last call
				break
			}
			at := fmt.Sprintf("call %d of %d", k, len(calls))
			if len(r.Calls) > 0 {
				at += ", " + r.Calls[len(r.Calls)-1]
			}
			if !r.Injected || strings.Contains(r.Err, "\n") {
				t.Errorf("%s: got error %q, want the injected one alone", at, r.Err)
			}
			if d := cmp.Diff(r.Before, r.After); d != "" {
				t.Errorf("%s: descriptors (-before +after):\n%s%s", at, d, r.Descriptors)
			}
			if d := cmp.Diff(before.Mounts, r.Mounts); d != "" {
				t.Errorf("%s: mounted in the boot's own namespace (-before +after):\n%s", at, d)
			}
			if left := b.processes(); r.Child != "" || len(left) > 0 {
				t.Errorf("%s: %s %v", at, r.Child, left)
			}
			checkState(t, b.dir, before, at)
		}
	})
}

// TestBootKilled kills nsboot at the k-th call, for every k: no mount and no
// process is left, and the next boot of the bundle removes the mount points that
// this one could not.
func TestBootKilled(t *testing.T) {
	forBootCases(t, func(t *testing.T, b *bootCase) {
		before := readState(t, b.dir)
		for k := 1; ; k++ {
			_, ok, code := b.boot(0, k)
			if code != -int(unix.SIGKILL) {
				if k == 1 || !ok && code != 7 {
					t.Fatalf("kill at call %d: exit %d", k, code)
				}
				break
			}
			at := fmt.Sprintf("killed at call %d", k)
			waitGone(t, b)
			if d := cmp.Diff(before.Mounts, threadMounts(t)); d != "" {
				t.Errorf("%s: mounted on the host (-before +after):\n%s", at, d)
			}
			if r, ok, code := b.boot(0, 0); ok && (r.Err != "" || r.Code != 7) || !ok && code != 7 {
				t.Fatalf("%s: the next boot: exit %d, %+v", at, code, r)
			}
			checkState(t, b.dir, before, at+", after the next boot")
		}
	})
}

// waitGone waits until nothing of the container runs: a death signal is
// delivered soon, not at once.
func waitGone(t *testing.T, b *bootCase) {
	t.Helper()
	for range 200 {
		if len(b.processes()) == 0 {
			return
		}
		unix.Nanosleep(&unix.Timespec{Nsec: 5e6}, nil)
	}
	t.Errorf("processes left: %v", b.processes())
}
