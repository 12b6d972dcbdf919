package nsmount

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestApplyRaced: another boot's journal comes or goes while this one looks for
// its mount points. All is done again, with the journals held, and works: with
// a procfs made beforehand too, which can be mounted once only (S5).
func TestApplyRaced(t *testing.T) {
	for _, withProc := range []bool{false, true} {
		t.Run(fmt.Sprintf("procfs beforehand %t", withProc), func(t *testing.T) {
			dir := t.TempDir()
			ownNamespace(t)
			root := filepath.Join(dir, "rootfs")
			for _, name := range []string{"proc", "sys", "dev", "tmp"} {
				if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			state := filepath.Join(dir, "state")
			if err := os.Mkdir(state, 0o700); err != nil {
				t.Fatal(err)
			}
			plan := &Plan{Version: PlanVersion, Profile: "runsc", Steps: []Step{
				{Op: OpRoot, Origin: "root", Target: "/", Source: root, Recursive: true, Stubs: []string{"proc", "sys"}},
				{Op: OpMount, Origin: "default:/proc", Target: "/proc", Type: "proc", Source: "proc"},
				{Op: OpMount, Origin: "mounts[0]", Target: "/sys", Type: "tmpfs", Source: "tmpfs"},
			}}
			opts := ApplyOptions{StateDir: state}
			if withProc {
				k := &kernel{}
				fd, err := k.newFS("proc", "proc", nil, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(fd)
				opts.ProcFD = fd + 1
			}
			roots := 0
			opts.before = func(call string) error {
				if call == "open_tree" && roots == 0 { // another boot comes and goes in the first try
					if err := os.WriteFile(filepath.Join(state, "1-1"), nil, 0o600); err != nil {
						return err
					}
				}
				if call == "open_tree" {
					roots++
				}
				return nil
			}
			tree, err := Apply(plan, opts)
			if err != nil {
				t.Fatal(err)
			}
			if !tree.HasStubs() {
				t.Error("no journal is held")
			}
			for _, at := range []string{"/proc", "/sys"} {
				fd, err := tree.Root.Open(at, unix.O_PATH, true)
				if err != nil {
					t.Fatal(err)
				}
				if top, err := isMountPoint(fd); err != nil || !top {
					t.Errorf("nothing is mounted on %s: %v", at, err)
				}
				unix.Close(fd)
			}
			if err := tree.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
