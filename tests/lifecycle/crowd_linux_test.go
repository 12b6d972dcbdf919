package lifecycle

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// killed runs a command and kills it at a random moment.
func (l *lab) killed(within time.Duration, args ...string) {
	l.t.Helper()
	cmd := l.command(l.t.Context(), args...)
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	time.Sleep(rand.N(within))
	cmd.Process.Kill()
	l.wait(cmd)
}

// truth waits until what list says of the container is so: a death signal is
// delivered soon, not at once, and the dying may hold the lock until then.
func (l *lab) truth(id string) (status specs.ContainerState) {
	l.t.Helper()
	await(l.t, "list to tell the truth", func() bool {
		var list []specs.State
		if err := json.Unmarshal([]byte(l.good("list", "--format", "json").Out), &list); err != nil || len(list) > 1 {
			l.t.Fatalf("list: %+v %v", list, err)
		}
		if len(list) == 0 {
			status = ""
			return len(l.processes()) == 0
		}
		if status = list[0].Status; list[0].ID != id {
			l.t.Fatalf("list: %+v", list)
		}
		if status == specs.StateStopped {
			return list[0].Pid == 0 && len(l.processes()) == 0
		}
		return slices.Equal(l.processes(), []int{list[0].Pid})
	})
	return status
}

// TestKilledCreate kills create at random moments: list tells the truth, and
// delete --force leaves nothing.
func TestKilledCreate(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		seen := map[specs.ContainerState]int{}
		for range 100 {
			l.killed(7*time.Millisecond, "create", "web")
			status := l.truth("web")
			seen[status]++
			if status == specs.StateCreated && rand.N(2) == 0 {
				l.good("start", "web")
				l.is("web", specs.StateRunning)
			}
			l.good("delete", "--force", "web")
			if l.clean(); t.Failed() {
				t.Fatalf("after a create killed in status %q", status)
			}
		}
		t.Log(seen)
		if len(seen) < 2 {
			t.Errorf("all kills hit the same moment: %v", seen)
		}
	})
}

// TestKilledStart kills start at random moments: the container is created still,
// and can be started, or it runs.
func TestKilledStart(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		for range 40 {
			out := l.good("create", "web").out
			l.killed(3*time.Millisecond, "start", "web")
			time.Sleep(2 * time.Millisecond) // what was let go gets to exec
			switch status := l.truth("web"); status {
			case specs.StateCreated: // it may have been let go, and be on its way
				if r := l.run("start", "web"); r.Code != 0 && !strings.Contains(r.Err, "web is running") {
					t.Errorf("start again: %+v", r)
				}
			case specs.StateRunning:
			default:
				t.Fatalf("status %s", status)
			}
			l.is("web", specs.StateRunning)
			os.Remove(out)
			l.good("delete", "--force", "web")
			if l.clean(); t.Failed() {
				return
			}
		}
	})
}

// TestKilledDelete kills delete --force at random moments: the next one does the rest.
func TestKilledDelete(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		for range 40 {
			l.good("run", "--detach", "web")
			l.killed(4*time.Millisecond, "delete", "--force", "web")
			l.good("delete", "--force", "web")
			await(t, "the end", func() bool { return len(l.processes()) == 0 })
			if l.clean(); t.Failed() {
				return
			}
		}
	})
}

// TestManyAtOnce: fifty containers of one bundle come and go at once.
func TestManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				id := fmt.Sprint("c", i)
				for _, args := range [][]string{{"create", id}, {"start", id}, {"state", id}, {"kill", id, "KILL"}, {"delete", "--force", id}} {
					if r := l.run(args...); r.Code != 0 || r.Err != "" {
						t.Errorf("nsboot %v: %+v", args, r)
					} else if args[0] == "state" && !strings.Contains(r.Out, `"status": "running"`) {
						t.Errorf("%s: %s", id, r.Out)
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestOneOfTwenty: of twenty creates of one ID one wins, and the others say so.
func TestOneOfTwenty(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		for range 3 {
			var won atomic.Int32
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					switch r := l.run("create", "one"); {
					case r.Code == 0:
						won.Add(1)
					case r.Code != 125 || !strings.Contains(r.Err, "container one: already exists"):
						t.Errorf("%+v", r)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 || len(l.processes()) != 1 {
				t.Errorf("%d creates won, processes %v", won.Load(), l.processes())
			}
			l.is("one", specs.StateCreated)
			l.good("delete", "--force", "one")
			l.clean()
		}
	})
}

// TestDeleteDuringCreate: delete --force of a container that is being created
// waits for that, and ends it.
func TestDeleteDuringCreate(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		for range 20 {
			cmd := l.command(t.Context(), "create", "web")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			await(t, "the container", func() bool { return exec.Command("test", "-d", l.root+"/containers/web").Run() == nil })
			l.good("delete", "--force", "web")
			if r := l.wait(cmd); r.Code != 0 {
				t.Errorf("create: %+v", r)
			}
			l.good("delete", "--force", "web") // had it come between mkdir and lock
			if l.clean(); t.Failed() {
				return
			}
		}
	})
}

// TestHungStart: a process that does not get to exec is killed all the same, by
// kill at once and by delete --force after a while.
func TestHungStart(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		for _, end := range [][]string{{"kill", "web", "KILL"}, {"delete", "--force", "web"}} {
			l.good("create", "web")
			pid := l.state("web").Pid
			if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			cmd := l.command(t.Context(), "start", "web")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
			l.is("web", specs.StateCreated)
			l.good(end...)
			l.wait(cmd)
			l.good("delete", "--force", "web")
			l.clean()
		}
	})
}
