package lifecycle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// kinds are the namespaces that make a difference to who is whose parent.
var kinds = map[string][]specs.LinuxNamespaceType{
	"plain": nil,
	"pid":   {specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace},
}

func each(t *testing.T, f func(t *testing.T, l *lab)) {
	for name, namespaces := range kinds {
		t.Run(name, func(t *testing.T) { f(t, newLab(t, namespaces...)) })
	}
}

// TestLifecycle goes once from create to delete, with each wrong turn on the way.
func TestLifecycle(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.sh("echo ran; exec sleep 1000")
		out := l.good("create", "--bundle", l.bundle, "web").out
		l.is("web", specs.StateCreated)
		l.heldClean("web")
		l.bad(125, []string{"web", "already exists"}, "create", "--bundle", l.bundle, "web")
		l.bad(125, []string{"web is created", "only a stopped one", "hint: nsboot delete --force web"}, "delete", "web")
		time.Sleep(20 * time.Millisecond)
		if data, err := os.ReadFile(out); err != nil || len(data) > 0 {
			t.Errorf("before start the process has said %q, %v", data, err)
		}
		pid := l.state("web").Pid
		l.good("start", "web")
		l.is("web", specs.StateRunning)
		l.says(out, "ran\n")
		if now := l.state("web").Pid; now != pid {
			t.Errorf("pid %d, was %d", now, pid)
		}
		l.bad(125, []string{"web is running", "only a created one can be started"}, "start", "web")
		l.bad(125, []string{"web is running", "hint: nsboot delete --force web"}, "delete", "web")
		l.good("kill", "web", "KILL")
		l.becomes("web", specs.StateStopped)
		if got := l.state("web").Pid; got != 0 {
			t.Errorf("a stopped one has pid %d", got)
		}
		l.bad(125, []string{"web is stopped"}, "start", "web")
		l.bad(125, []string{"container not running: web is stopped"}, "kill", "web", "KILL")
		l.good("kill", "--all", "web", "KILL") // what engines do before each delete
		l.good("delete", "web")
		l.clean()
		for _, args := range [][]string{{"start", "web"}, {"state", "web"}, {"kill", "web"}, {"kill", "--all", "web"}, {"delete", "web"}, {"ps", "web"}} {
			l.bad(125, []string{"web", "does not exist"}, args...)
		}
		l.good("delete", "--force", "web")
	})
}

// heldClean looks at a process that waits to be started: its descriptors are its
// own three and the two FIFOs, its root is the container's, and it holds little
// memory.
func (l *lab) heldClean(id string) {
	l.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", l.state(id).Pid)
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		l.t.Fatal(err)
	}
	var names []string
	for _, e := range fds {
		names = append(names, e.Name())
	}
	if want := []string{"0", "1", "2", "3", "4"}; !slices.Equal(names, want) {
		l.t.Errorf("descriptors %v, want %v", names, want)
	}
	for fd, fifo := range map[string]string{"3": "start", "4": "outcome"} {
		got, gotErr := os.Stat(proc + "fd/" + fd)
		want, wantErr := os.Stat(filepath.Join(l.root, "containers", id, fifo))
		if gotErr != nil || wantErr != nil || !os.SameFile(got, want) {
			l.t.Errorf("descriptor %s is not the FIFO %s: %v %v", fd, fifo, gotErr, wantErr)
		}
	}
	if _, err := os.Stat(proc + "root/stub/dir"); err != nil {
		l.t.Errorf("its root is not the container's: %v", err)
	}
	if tasks, err := os.ReadDir(proc + "task"); err != nil || len(tasks) != 1 {
		l.t.Errorf("threads: %v %v", tasks, err)
	}
	rollup, err := os.ReadFile(proc + "smaps_rollup")
	if err != nil {
		l.t.Fatal(err)
	}
	for line := range strings.Lines(string(rollup)) {
		if f := strings.Fields(line); f[0] == "Private_Dirty:" {
			if kib, err := strconv.Atoi(f[1]); err != nil || kib >= 1024 {
				l.t.Errorf("private memory: %s KiB, want less than 1024", f[1])
			}
		}
	}
	status, err := os.ReadFile(proc + "status")
	if err != nil || mask(string(status), "SigBlk") != 0 || mask(string(status), "SigIgn") != 0 {
		l.t.Errorf("signals are not as a plain command has them: %v\n%s", err, status)
	}
}

// TestStateJSON: the document has runtime-spec's fields, and is the same in list.
func TestStateJSON(t *testing.T) {
	l := newLab(t)
	l.good("create", "web")
	pid := l.state("web").Pid
	want := map[string]any{"ociVersion": "1.0.2", "id": "web", "status": "created", "pid": float64(pid), "bundle": l.bundle,
		"annotations": map[string]any{"org.example": "yes"}, "profile": "runsc"}
	var got map[string]any
	check := func(text string, v any) map[string]any {
		t.Helper()
		if err := json.Unmarshal([]byte(text), v); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		return got
	}
	check(l.good("state", "web").Out, &got)
	created, ok := got["created"].(string)
	if when, err := time.Parse(time.RFC3339Nano, created); !ok || err != nil || time.Since(when) > time.Minute {
		t.Errorf("created %v: %v", got["created"], err)
	}
	delete(got, "created")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	var list []map[string]any
	check(l.good("list", "--format", "json").Out, &list)
	if len(list) != 1 || list[0]["id"] != "web" || list[0]["status"] != "created" {
		t.Errorf("list: %v", list)
	}
	if l.good("delete", "--force", "web"); l.good("list", "--format=json").Out != "[]\n" {
		t.Error("an empty list is no JSON array")
	}
}

// TestListPs: the table, the IDs alone, the processes.
func TestListPs(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.sh("sleep 1001 & sleep 1002 & wait")
		for _, id := range []string{"b", "a"} {
			l.good("create", "--no-pivot", "--no-new-keyring", id) // as engines type it
		}
		l.good("start", "a")
		if got := l.good("list", "-q").Out; got != "a\nb\n" {
			t.Errorf("list -q: %q", got)
		}
		lines := strings.Split(l.good("list").Out, "\n")
		if len(lines) != 4 || !strings.HasPrefix(lines[0], "ID  PID") || !strings.Contains(lines[1], "running") || !strings.Contains(lines[2], "created") {
			t.Errorf("list: %q", lines)
		}
		pids := func(id string) (list []int) {
			if err := json.Unmarshal([]byte(l.good("ps", "--format", "json", id).Out), &list); err != nil {
				t.Fatal(err)
			}
			return list
		}
		await(t, "three processes", func() bool { return len(pids("a")) == 3 })
		if got := pids("b"); len(got) != 1 || got[0] != l.state("b").Pid {
			t.Errorf("ps of the created one: %v", got)
		}
		if got := l.good("ps", "a").Out; !strings.Contains(got, "sleep 1001\n") || !strings.Contains(got, "sleep 1002\n") {
			t.Errorf("ps: %s", got)
		}
		l.good("kill", "--all", "a", "9")
		l.becomes("a", specs.StateStopped)
		if got := l.good("ps", "--format=json", "a").Out; got != "[]\n" {
			t.Errorf("ps of the stopped one: %q", got)
		}
		l.bad(125, []string{"--format=tree", "table or json"}, "list", "--format", "tree")
		l.good("delete", "a")
		l.good("delete", "-f", "b")
	})
}

// TestKillSignals: names and numbers, to the process alone.
func TestKillSignals(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.sh("for s in TERM INT USR1 HUP; do trap \"echo $s\" $s; done; echo ready; while :; do sleep 0.02; done")
		out := l.good("create", "web").out
		l.good("start", "web")
		want := "ready\n"
		l.says(out, want)
		for _, c := range [][2]string{{"", "TERM"}, {"TERM", "TERM"}, {"SIGINT", "INT"}, {"int", "INT"}, {"10", "USR1"}, {"sigusr1", "USR1"}, {"1", "HUP"}} {
			args := []string{"kill", "web"}
			if c[0] != "" {
				args = append(args, c[0])
			}
			l.good(args...)
			want += c[1] + "\n"
			l.says(out, want)
		}
		l.good("kill", "web", "0") // asks whether it is there
		for _, sig := range []string{"65", "-1", "SIGNONE", "TERM ", ""} {
			l.bad(125, []string{"unknown signal"}, "kill", "--", "web", sig)
		}
		l.is("web", specs.StateRunning)
		l.good("kill", "web", "9")
		l.becomes("web", specs.StateStopped)
		l.bad(125, []string{"not running"}, "kill", "web", "0")
		l.good("delete", "web")
	})
}

// TestExit: a process that ends by itself leaves a stopped container.
func TestExit(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.sh("exit 7")
		l.good("create", "web")
		pid := l.state("web").Pid
		l.good("start", "web")
		l.becomes("web", specs.StateStopped)
		// This process is the subreaper: the exit code is for it alone.
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != 7 {
			t.Errorf("wait: %v, exit code %d", err, status.ExitStatus())
		}
		l.is("web", specs.StateStopped)
		l.good("delete", "web")
	})
}

// TestReparented: the process outlives create as a child of the caller's subreaper.
func TestReparented(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.good("create", "web")
		for _, step := range []string{"created", "running"} {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.state("web").Pid))
			if want := fmt.Sprintf("\nPPid:\t%d\n", os.Getpid()); err != nil || !strings.Contains(string(status), want) {
				t.Errorf("%s: no %q in its status, %v", step, want, err)
			}
			if step == "created" {
				l.good("start", "web")
			}
		}
		l.good("delete", "--force", "web")
	})
}

// TestStdio: descriptors 0, 1 and 2 are create's, to the letter, and the
// preserved ones as well.
func TestStdio(t *testing.T) {
	l := newLab(t).sh("read line; echo out $line; echo err $line >&2; echo three $line >&3; ls /proc/self/fd")
	var pipes [4][2]*os.File
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		pipes[i] = [2]*os.File{r, w}
	}
	stdin := pipes[0]
	cmd := l.command(t.Context(), "create", "--preserve-fds", "1", "web")
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = stdin[0], pipes[1][1], pipes[2][1], []*os.File{pipes[3][1]}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	stdin[0].Close()
	for _, p := range pipes[1:] {
		p[1].Close()
	}
	l.good("start", "web")
	fmt.Fprintln(stdin[1], "hello")
	stdin[1].Close()
	for i, want := range []string{1: "out hello\n0\n1\n2\n3\n4\n", 2: "err hello\n", 3: "three hello\n"} {
		if i == 0 {
			continue
		}
		var buf bytes.Buffer
		if _, err := buf.ReadFrom(pipes[i][0]); err != nil || buf.String() != want {
			t.Errorf("descriptor %d: %q, %v; want %q", i, buf.String(), err, want)
		}
	}
	l.becomes("web", specs.StateStopped)
	l.good("delete", "web")
}

// TestPidFile: --pid-file is written before create ends, and is the container's
// process; one that cannot be written leaves nothing.
func TestPidFile(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		file := filepath.Join(l.dir, "pid")
		l.good("create", "--pid-file", file, "web")
		data, err := os.ReadFile(file)
		if want := strconv.Itoa(l.state("web").Pid); err != nil || string(data) != want {
			t.Errorf("%q, %v; want %s", data, err, want)
		}
		l.good("delete", "--force", "web")
		l.bad(125, []string{"/nowhere/pid"}, "create", "--pid-file", "/nowhere/pid", "web")
	})
}

// TestStubsLive: mount points on a writable root are there as long as the
// container is, whatever else boots from the bundle, and gone with it.
func TestStubsLive(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		stub := l.path("rootfs/stub/dir")
		there := func(step string) {
			t.Helper()
			if _, err := os.Stat(stub); err != nil {
				t.Errorf("%s: %v", step, err)
			}
		}
		l.good("create", "web")
		there("created")
		l.good("run", "--", "true")
		there("another boot has ended")
		l.good("create", "two")
		l.good("start", "web")
		l.good("delete", "--force", "two")
		there("another container has gone")
		l.good("kill", "web", "KILL")
		l.becomes("web", specs.StateStopped)
		l.good("delete", "web")
		if _, err := os.Lstat(filepath.Dir(stub)); !os.IsNotExist(err) {
			t.Errorf("after delete: %v", err)
		}
	})
}

// mask reads a mask of /proc/PID/status; one that is not there is all ones.
// Signals 32 and 33 are the C library's, and some callers of the tests have them
// ignored.
func mask(status, name string) uint64 {
	_, rest, _ := strings.Cut(status, "\n"+name+":\t")
	value, _, _ := strings.Cut(rest, "\n")
	m, err := strconv.ParseUint(value, 16, 64)
	if err != nil {
		return ^uint64(0)
	}
	return m &^ (1<<31 | 1<<32)
}
