package stubs

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// held makes a stub for a new process and lets go of the journal, as a boot
// does whose process outlives it.
func (p *place) held(change func(h *Holder)) *exec.Cmd {
	p.t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	start, _, err := ProcessStart(cmd.Process.Pid)
	if err != nil {
		p.t.Fatal(err)
	}
	j := p.open(true)
	p.make(j, "/a", false)
	h := Holder{cmd.Process.Pid, start}
	if change != nil {
		change(&h)
	}
	if err := j.HoldFor(h); err != nil {
		p.t.Fatal(err)
	}
	if got := j.BasePath(); got != p.base {
		p.t.Errorf("base path %s, want %s", got, p.base)
	}
	j.Release()
	return cmd
}

// A living holder keeps the stubs through whatever opens and closes the journal;
// what others make meanwhile stays with them, and all goes after its death.
func TestHolderKeeps(t *testing.T) {
	p := newPlace(t)
	cmd := p.held(nil)
	for range 3 {
		p.close(p.open(false))
		p.want(true, "a")
		p.close(p.open(true))
		p.want(true, "a")
	}
	j := p.open(true)
	p.make(j, "/b", true)
	p.close(j)
	p.want(true, "a", "b")
	j = p.open(false)
	p.make(j, "/c", false)
	crash(j)
	p.want(true, "a", "b", "c")

	cmd.Process.Kill()
	cmd.Wait()
	p.close(p.open(false))
	p.want(false)
}

// Of two holders the last one to die gives the stubs up.
func TestTwoHolders(t *testing.T) {
	p := newPlace(t)
	first, second := p.held(nil), p.held(nil)
	first.Process.Kill()
	first.Wait()
	p.close(p.open(false))
	p.want(true, "a")
	second.Process.Kill()
	second.Wait()
	p.close(p.open(true))
	p.want(false)
}

// A zombie holds nothing, though its pid is taken.
func TestZombieHolder(t *testing.T) {
	p := newPlace(t)
	cmd := p.held(nil)
	cmd.Process.Kill()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		_, state, err := ProcessStart(cmd.Process.Pid)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("no zombie: %c %v", state, err)
		}
		if state == 'Z' {
			break
		}
	}
	p.close(p.open(false))
	p.want(false)
}

// A recycled pid holds nothing: it has another start time.
func TestRecycledHolder(t *testing.T) {
	p := newPlace(t)
	p.held(func(h *Holder) { h.StartTime-- })
	p.close(p.open(false))
	p.want(false)
}

// A process that still holds keeps the stubs even if the boot that made them is
// killed before it lets go.
func TestHolderOfKilledBoot(t *testing.T) {
	p := newPlace(t)
	start, _, err := ProcessStart(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	j := p.open(true)
	p.make(j, "/a", false)
	if err := j.HoldFor(Holder{os.Getpid(), start}); err != nil {
		t.Fatal(err)
	}
	crash(j)
	p.close(p.open(false))
	p.want(true, "a")
}

// Lines that are cut off or make no sense hold nothing.
func TestHoldersParse(t *testing.T) {
	got := holders("nsboot-stubs 1 \"/x\"\n\nholder 1 2 \"\"\nholder 3 4\nholder x 4 \"\"\nholder 5 6 \"\nholder 7 \"\"\nholder 8 9 \"\"\n")
	if len(got) != 2 || got[0] != (Holder{1, 2}) || got[1] != (Holder{8, 9}) {
		t.Errorf("%+v", got)
	}
	entries, err := parse("holder 1 2 \"\"\n")
	if err != nil || len(entries) != 0 {
		t.Errorf("a holder is an entry: %+v %v", entries, err)
	}
}

func TestProcessStart(t *testing.T) {
	start, state, err := ProcessStart(os.Getpid())
	if err != nil || start == 0 || state != 'R' && state != 'S' {
		t.Errorf("own: %d %c %v", start, state, err)
	}
	// The command's name is the process's to choose.
	dir := t.TempDir()
	name := dir + "/) Z 1 ("
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(sleep)
	if err == nil {
		err = os.WriteFile(name, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: name, Args: []string{"sleep", "1000"}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if other, state, err := ProcessStart(cmd.Process.Pid); err != nil || other < start || state == 'Z' {
		t.Errorf("%d %c %v, want a start from %d on", other, state, err, start)
	}
	if _, _, err := ProcessStart(1 << 30); err == nil {
		t.Error("a process that cannot be")
	}
}
