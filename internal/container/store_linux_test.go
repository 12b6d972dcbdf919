package container

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/internal/stubs"
	"golang.org/x/sys/unix"
)

func newStore(t *testing.T) Store {
	t.Helper()
	return Store{Root: filepath.Join(t.TempDir(), "nsboot")}
}

func create(t *testing.T, s Store, id string) *Container {
	t.Helper()
	c, err := s.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// sleeper is a process that ends when the test does, and its start time.
func sleeper(t *testing.T) (*exec.Cmd, uint64) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	start, _, err := stubs.ProcessStart(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, start
}

func (s Store) status(t *testing.T, id string) Status {
	t.Helper()
	state, err := s.Read(id)
	if err != nil {
		t.Fatal(err)
	}
	return state.Status(s.Facts(&state))
}

// A state comes back as it was saved; the last Remove leaves nothing at all.
func TestSaveReadRemove(t *testing.T) {
	s := newStore(t)
	c := create(t, s, "web")
	c.State = State{Version: "1.2.0", ID: "web", Bundle: "/srv/web", Profile: "oci", Created: time.Unix(7, 8).UTC(), Ready: true,
		Pid: 4711, StartTime: 1 << 60, MountNS: 1 << 62, Executable: "sh", Stubs: []string{"/a b"}, Annotations: map[string]string{"k": "v"}}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := s.Read("web")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.State, got); d != "" {
			t.Errorf("-saved +read:\n%s", d)
		}
	}
	for _, fifo := range []string{c.StartFIFO(), c.OutcomeFIFO()} {
		if st, err := os.Lstat(fifo); err != nil || st.Mode() != os.ModeNamedPipe|0o600 {
			t.Errorf("%s: %v %v", fifo, st, err)
		}
	}
	if st, err := os.Stat(c.dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the container's directory: %v %v", st, err)
	}
	if err := c.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(s.Root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the root is left: %v", err)
	}
	if _, err := s.Read("web"); !errors.Is(err, ErrNotExist) {
		t.Errorf("read after remove: %v", err)
	}
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("list after remove: %v %v", list, err)
	}
}

// Remove takes away what the store knows and nothing else.
func TestRemoveKnowsItsFiles(t *testing.T) {
	s := newStore(t)
	c := create(t, s, "web")
	mine := filepath.Join(c.dir, "mine")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(); !errors.Is(err, unix.ENOTEMPTY) {
		t.Errorf("remove: %v", err)
	}
	if _, err := os.Lstat(mine); err != nil {
		t.Error(err)
	}
}

// Of many creates of one ID one wins, whatever the moment.
func TestOneCreateWins(t *testing.T) {
	s := newStore(t)
	for range 50 {
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				c, err := s.Create("one")
				switch {
				case err == nil:
					won.Add(1)
					c.Close()
				case !errors.Is(err, ErrExist):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d creates won", won.Load())
		}
		c, err := s.Open("one", false)
		if err == nil {
			err = c.Remove()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Creates and deletes that race for one ID, and for the directory of all, which
// the last delete removes: who has a container has it alone, and no error comes
// of the others' work.
func TestCreateDeleteRace(t *testing.T) {
	s := newStore(t)
	var inside atomic.Int32
	var wg sync.WaitGroup
	for worker := range 8 {
		id := []string{"x", "x", "x", "x", "x", "x", "y", "z"}[worker]
		wg.Go(func() {
			for range 400 {
				var c *Container
				var err error
				if worker%2 == 0 {
					c, err = s.Create(id)
				} else {
					c, err = s.Open(id, false)
				}
				if errors.Is(err, ErrExist) || errors.Is(err, ErrNotExist) {
					if worker%2 == 0 && errors.Is(err, ErrNotExist) {
						t.Errorf("create: %v", err)
					}
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if id == "x" && inside.Add(1) != 1 {
					t.Error("two have the lock")
				}
				c.State.ID = id
				if err := c.Save(); err != nil {
					t.Error(err)
				}
				if id == "x" {
					inside.Add(-1)
				}
				if err := c.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range []string{"x", "y", "z"} {
		if c, err := s.Open(id, false); err == nil {
			c.Remove()
		}
	}
	if left, _ := os.ReadDir(s.base()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What SIGKILL leaves of a create at each of its steps opens, lists and goes.
func TestKilledCreate(t *testing.T) {
	steps := map[string]func(t *testing.T, s Store){
		"after mkdir": func(t *testing.T, s Store) {
			if err := os.MkdirAll(s.path("web"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"after one FIFO": func(t *testing.T, s Store) {
			create(t, s, "web").Close()
			if err := os.Remove(filepath.Join(s.path("web"), outcomeFIFO)); err != nil {
				t.Fatal(err)
			}
		},
		"before the first save": func(t *testing.T, s Store) { create(t, s, "web").Close() },
		"while it saved": func(t *testing.T, s Store) {
			create(t, s, "web").Close()
			if err := os.WriteFile(filepath.Join(s.path("web"), "."+stateFile), []byte(`{"oci`), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"after the first save": func(t *testing.T, s Store) {
			c := create(t, s, "web")
			if err := c.Save(); err != nil {
				t.Fatal(err)
			}
			c.Close()
		},
	}
	for name, leave := range steps {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			leave(t, s)
			if got := s.status(t, "web"); got != Stopped {
				t.Errorf("status %s", got)
			}
			list, err := s.List()
			if err != nil || len(list) != 1 || list[0].ID != "web" {
				t.Errorf("list: %+v %v", list, err)
			}
			if _, err := s.Create("web"); !errors.Is(err, ErrExist) {
				t.Errorf("create: %v", err)
			}
			c, err := s.Open("web", false)
			if err != nil {
				t.Fatal(err)
			}
			if c.State.ID != "web" {
				t.Errorf("state %+v", c.State)
			}
			if err := Kill(&c.State); err != nil { // there is nothing to kill
				t.Error(err)
			}
			if err := c.Remove(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(s.Root); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something is left: %v", err)
			}
		})
	}
}

// A state that makes no sense is an error that names the file; it hides no other
// container, and force gets past it: with the copy, as long as that makes any.
func TestCorruptState(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "null", "{}", `{"pid":"x"}`, `{"id":"good"}`, "\x00\x00\x00"} {
		s := newStore(t)
		bad := create(t, s, "bad")
		bad.State.Pid, bad.State.Stubs = 4711, []string{"/made/here"}
		if err := bad.Save(); err != nil {
			t.Fatal(err)
		}
		bad.Close()
		good := create(t, s, "good")
		if err := good.Save(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.path("bad"), stateFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read("bad"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: read: %v", text, err)
		}
		if _, err := s.Open("bad", false); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: open: %v", text, err)
		}
		list, err := s.List()
		if !errors.Is(err, ErrCorrupt) || len(list) != 1 || list[0].ID != "good" {
			t.Errorf("%q: list: %+v %v", text, list, err)
		}
		forced := func(want State) *Container {
			t.Helper()
			c, err := s.Open("bad", true)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, c.State); d != "" {
				t.Errorf("%q: forced (-want +got):\n%s", text, d)
			}
			return c
		}
		forced(State{ID: "bad", Pid: 4711, Stubs: []string{"/made/here"}}).Close()
		if err := os.WriteFile(filepath.Join(s.path("bad"), copyFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := forced(State{ID: "bad"}).Remove(); err != nil {
			t.Error(err)
		}
	}
}

// What is no container's directory is in nobody's way.
func TestListPassesOver(t *testing.T) {
	s := newStore(t)
	create(t, s, "b").Close()
	create(t, s, "a").Close()
	for _, name := range []string{".tmp", "-x", "a b"} {
		if err := os.Mkdir(filepath.Join(s.base(), name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" {
		t.Errorf("%+v %v", list, err)
	}
}

// A link in the place of a container is not followed.
func TestOpenFollowsNoLink(t *testing.T) {
	s := newStore(t)
	create(t, s, "a").Close()
	if err := os.Symlink("a", s.path("b")); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Open("b", true); err == nil {
		t.Errorf("opened %+v", c)
	}
}

// Facts come from the process table and the FIFO; a lock counts as at work.
func TestFacts(t *testing.T) {
	s := newStore(t)
	c := create(t, s, "web")
	cmd, start := sleeper(t)
	c.State.Pid, c.State.StartTime = cmd.Process.Pid, start
	want := func(step string, f Facts) {
		t.Helper()
		if d := cmp.Diff(f, s.Facts(&c.State)); d != "" {
			t.Errorf("%s (-want +got):\n%s", step, d)
		}
	}
	want("locked", Facts{Alive: true, Locked: true})
	c.Close()
	want("closed", Facts{Alive: true})
	fifo, err := unix.Open(c.StartFIFO(), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	want("held", Facts{Alive: true, Waiting: true})
	unix.Close(fifo)
	want("let go", Facts{Alive: true})
	c.State.StartTime++
	want("a recycled pid", Facts{})
	c.State.StartTime--
	cmd.Process.Kill()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, letter, _ := stubs.ProcessStart(cmd.Process.Pid); letter == 'Z' || time.Now().After(deadline) {
			break
		}
	}
	want("a zombie", Facts{})
	cmd.Wait()
	want("reaped", Facts{})
	for _, pid := range []int{0, -1} {
		if Alive(pid, 0) {
			t.Errorf("pid %d is alive", pid)
		}
	}
}
