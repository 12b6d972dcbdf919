package container

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsboot/nsboot/internal/stubs"
	"golang.org/x/sys/unix"
)

// family starts a shell and children of it in a mount namespace of their own.
func family(t *testing.T) (*exec.Cmd, *State) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("NSBOOT_MUST_RUN") == "1" {
			t.Fatal("NSBOOT_MUST_RUN=1, but a mount namespace needs root")
		}
		t.Skip("a mount namespace needs root")
	}
	cmd := exec.Command("sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait")
	cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	state := &State{ID: "x", Pid: pid}
	t.Cleanup(func() { Kill(state); cmd.Wait() })
	var ready string
	fmt.Fscan(out, &ready)
	if state.StartTime, _, err = stubs.ProcessStart(pid); err == nil {
		state.MountNS, err = MountNS(pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, state
}

// The processes of a container are those of its namespace: all of them die, and
// no other does, not even in the namespace that comes next.
func TestKill(t *testing.T) {
	cmd, state := family(t)
	_, other := family(t)
	pids, err := Processes(state)
	if err != nil || len(pids) != 3 || !slices.Contains(pids, state.Pid) {
		t.Fatalf("processes %v, %v; want three with %d", pids, err, state.Pid)
	}
	if err := Kill(state); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if pids, err := Processes(state); err != nil || len(pids) > 0 {
		t.Errorf("left: %v %v", pids, err)
	}
	if err := Signal(state, unix.SIGTERM); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a signal to the dead: %v", err)
	}
	if pids, err := Processes(other); err != nil || len(pids) != 3 {
		t.Errorf("the other one: %v %v", pids, err)
	}
	// The kernel gives the lowest free inode number to the next namespace.
	for range 20 {
		next, nextState := family(t)
		if err := Kill(state); err != nil {
			t.Fatal(err)
		}
		if pids, err := Processes(nextState); err != nil || len(pids) != 3 {
			t.Fatalf("killing the dead again killed another container's: %v %v left", pids, err)
		}
		Kill(nextState)
		next.Wait()
	}
}

// Where namespaces are known by inode numbers only, the number counts as long as
// the container's own process is there to vouch for it.
func TestProcessesByInode(t *testing.T) {
	_, state := family(t)
	state.MountNS = firstInode + 7
	if pids, err := Processes(state); err != nil || len(pids) > 0 {
		t.Errorf("of no namespace: %v %v", pids, err)
	}
	state.StartTime++
	state.MountNS = ^uint64(0)
	if pids, err := Processes(state); pids != nil || err != nil {
		t.Errorf("without its own process: %v %v", pids, err)
	}
	state.StartTime--
	state.MountNS, _ = MountNS(state.Pid) // for the cleanup
}

// A recycled pid gets no signal.
func TestSignalOfRecycledPid(t *testing.T) {
	cmd, start := sleeper(t)
	state := &State{Pid: cmd.Process.Pid, StartTime: start - 1}
	if err := Signal(state, unix.SIGKILL); !errors.Is(err, unix.ESRCH) {
		t.Errorf("signal: %v", err)
	}
	if err := Kill(state); err != nil {
		t.Errorf("kill: %v", err)
	}
	time.Sleep(10 * time.Millisecond)
	if !Alive(cmd.Process.Pid, start) {
		t.Error("it was hit")
	}
	state.StartTime = start
	if err := Signal(state, unix.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("its own signal did not reach it: %v", err)
	}
	if err := Signal(&State{}, unix.SIGTERM); err == nil {
		t.Error("a container without a process took a signal")
	}
}
