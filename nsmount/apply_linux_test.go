package nsmount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestApplyRollback lets the k-th call of Apply fail, for every k: the first
// error comes back, and nothing is left mounted, open, made or recorded.
func TestApplyRollback(t *testing.T) {
	for _, c := range faultCases() {
		t.Run(c.name, func(t *testing.T) {
			ownNamespace(t)
			dir := t.TempDir()
			plan, _ := faultBundle(t, dir, c)
			before := readState(t, dir)
			calls, tree, err := applyFailing(plan, dir, 0)
			if err != nil {
				t.Fatalf("without a failure: %v", err)
			}
			if tree.HasStubs() != c.stubs {
				t.Errorf("HasStubs() = %v, want %v", tree.HasStubs(), c.stubs)
			}
			if len(threadMounts(t)) <= len(before.Mounts) {
				t.Error("nothing was mounted")
			}
			if err := tree.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if err := tree.Close(); err != nil {
				t.Errorf("Close for the second time (K5): %v", err)
			}
			checkState(t, dir, before, "after Close")
			for k := 1; k <= len(calls); k++ {
				at := fmt.Sprintf("call %d of %d, %s", k, len(calls), calls[k-1])
				if _, _, err := applyFailing(plan, dir, k); !errors.Is(err, errInjected) {
					t.Errorf("%s: got error %v, want the injected one", at, err)
				} else if strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: more than the first error: %v", at, err)
				}
				checkState(t, dir, before, at)
			}
			t.Logf("%d calls, each failed once", len(calls))
		})
	}
}

// applyFailing applies plan with the k-th call failing; the calls made are listed.
func applyFailing(plan *Plan, dir string, k int) (calls []string, tree *Tree, err error) {
	tree, err = Apply(plan, ApplyOptions{StateDir: filepath.Join(dir, "state"), before: func(call string) error {
		calls = append(calls, call)
		if len(calls) == k {
			return errInjected
		}
		return nil
	}})
	return calls, tree, err
}

// TestApplyRealFailure has the last step fail for a reason of its own, with all
// before it done: the error names its place in config.json.
func TestApplyRealFailure(t *testing.T) {
	for _, c := range faultCases() {
		t.Run(c.name, func(t *testing.T) {
			ownNamespace(t)
			dir := t.TempDir()
			c.mounts = append(slices.Clone(c.mounts), bindMount("SRC/missing", "/data/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"))
			plan, _ := faultBundle(t, dir, c)
			before := readState(t, dir)
			_, _, err := applyFailing(plan, dir, 0)
			want := fmt.Sprintf("mounts[%d] /data/zzz", len(c.mounts)-1)
			if !errors.Is(err, unix.ENOENT) || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got error %v, want %q... and ENOENT", err, want)
			}
			checkState(t, dir, before, "after the failure")
		})
	}
}

// TestStubBelowLinkedBind: a bind whose destination is a link to a directory
// that exists is a place like any other: the mount points made in its source are
// removed (P2, S5).
func TestStubBelowLinkedBind(t *testing.T) {
	ownNamespace(t)
	dir := t.TempDir()
	c := faultCase{mounts: []specs.Mount{bindMount("SRC/dir", "/link"), tmpfsAt("/mnt/new/deep")}}
	plan, _ := faultBundle(t, dir, c)
	if err := os.Symlink("mnt", filepath.Join(dir, "rootfs/link")); err != nil {
		t.Fatal(err)
	}
	before := readState(t, dir)
	_, tree, err := applyFailing(plan, dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "src/dir/new/deep")); err != nil {
		t.Errorf("the mount point in the bind's source: %v", err)
	}
	if err := tree.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	checkState(t, dir, before, "after Close")
}

// TestLinkIntoProc: a destination that a link leads onto what the kernel says
// is refused, whether all of it exists or not (CVE-2019-16884).
func TestLinkIntoProc(t *testing.T) {
	for _, target := range []string{"/proc/sys", "/proc/self/attr", "/proc/sys/kernel/hostname"} {
		t.Run(target, func(t *testing.T) {
			ownNamespace(t)
			dir := t.TempDir()
			m := tmpfsAt("/trick-of-a-long-name")
			if strings.HasSuffix(target, "hostname") {
				m = bindMount("SRC/file", m.Destination)
			}
			plan, _ := faultBundle(t, dir, faultCase{mounts: []specs.Mount{m}})
			if err := os.Symlink(target, filepath.Join(dir, "rootfs", m.Destination)); err != nil {
				t.Fatal(err)
			}
			before := readState(t, dir)
			_, tree, err := applyFailing(plan, dir, 0)
			if err == nil {
				t.Error("mounted over what the kernel says")
				tree.Close()
			}
			checkState(t, dir, before, "after the refusal")
		})
	}
}

// TestSourcesRollback: with sources handed over as detached trees (C15), whose
// owner is the caller, too, for every k.
func TestSourcesRollback(t *testing.T) {
	for _, c := range faultCases() {
		if c.name != "overlay all" && c.name != "writable with stubs" && c.name != "read-only with stubs" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			ownNamespace(t)
			dir := t.TempDir()
			plan, _ := faultBundle(t, dir, c)
			if err := os.Mkdir(filepath.Join(dir, "target"), 0o755); err != nil {
				t.Fatal(err)
			}
			before := readState(t, dir)
			for k, n := 0, 1; k <= n; k++ {
				calls, tree, err := applySources(t, plan, dir, k)
				switch {
				case k == 0 && err != nil:
					t.Fatalf("without a failure: %v", err)
				case k == 0:
					n = len(calls)
					if err := tree.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				case !errors.Is(err, errInjected):
					t.Errorf("call %d, %s: got error %v, want the injected one", k, calls[k-1], err)
				}
				checkState(t, dir, before, fmt.Sprintf("call %d, %s", k, calls[max(k, 1)-1]))
			}
		})
	}
}

// applySources is applyFailing with the root and the binds as detached trees.
func applySources(t *testing.T, plan *Plan, dir string, k int) (calls []string, tree *Tree, err error) {
	t.Helper()
	opts := ApplyOptions{StateDir: filepath.Join(dir, "state"), Target: filepath.Join(dir, "target")}
	open := func(path string) {
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			t.Fatal(err)
		}
		opts.Sources = append(opts.Sources, fd)
		opts.sourcePaths = append(opts.sourcePaths, path) // as Boot looks them up
	}
	open(plan.Root().Source)
	for i := range plan.Mounts {
		for _, s := range plan.Steps {
			if s.Op == OpBind && s.SpecIndex == i+1 {
				open(s.Source)
			}
		}
	}
	defer func() {
		for _, fd := range opts.Sources {
			unix.Close(fd)
		}
	}()
	opts.before = func(call string) error {
		calls = append(calls, call)
		if len(calls) == k {
			return errInjected
		}
		return nil
	}
	tree, err = Apply(plan, opts)
	return calls, tree, err
}
