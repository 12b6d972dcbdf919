package trial

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Runtime is a command that has the command line of an OCI runtime.
type Runtime struct {
	Name string
	Argv []string // up to its own flags: runsc --network=none
}

// patience is how long a runtime may take to end when it is told to.
const patience = 10 * time.Second

// An End is how a run ended.
type End struct {
	Code   int    // of the runtime; -1 if it was killed or could not be started
	Err    error  // it could not be started, or its output could not be kept
	Stderr string // what it wrote there, the end of it
}

// Failed reports whether the run did not succeed.
func (e *End) Failed() bool { return e.Code != 0 || e.Err != nil }

// Reason says in a few words how the run ended.
func (e *End) Reason() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return "exit code " + strconv.Itoa(e.Code)
}

// A Job is what a run is to do.
type Job struct {
	Args  []string // of the program
	Bench bool     // with a bind and a tmpfs of its own, at BenchPlaces
	Probe string   // name of what the program makes and removes; removed here if it was killed
	Out   io.Writer
}

// Run runs the program once under a runtime. It must be called on the main
// thread: the runtime dies with the thread that started it.
func (t *Trial) Run(ctx context.Context, rt Runtime, job Job) (end End) {
	var mounts []mount
	if job.Bench {
		mounts = t.benchMounts()
	}
	dir, err := t.prepare(job.Args, mounts)
	if err != nil {
		return End{Code: -1, Err: err}
	}
	defer os.RemoveAll(dir)
	defer t.keeper.restore()
	t.runs++
	id := fmt.Sprintf("nsboot-compare-%d-%d", os.Getpid(), t.runs)
	var stderr tail
	cmd := exec.CommandContext(ctx, rt.Argv[0], append(append([]string{}, rt.Argv[1:]...), "run", "--bundle", dir, id)...)
	cmd.Dir = t.scratch
	cmd.Stdout, cmd.Stderr = job.Out, &stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = patience
	err = cmd.Run()
	end = End{Code: cmd.ProcessState.ExitCode(), Stderr: stderr.String()}
	if cmd.ProcessState == nil || err != nil && end.Code == 0 {
		end.Code, end.Err = -1, err
	}
	if end.Failed() {
		t.forget(rt, dir, id)
		t.keeper.sweep(job.Probe)
	}
	return end
}

// forget deletes what is left of a container that did not end by itself.
func (t *Trial) forget(rt Runtime, dir, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, rt.Argv[0], append(append([]string{}, rt.Argv[1:]...), "delete", "--force", id)...)
	cmd.Dir = dir
	cmd.Run() // it may well be gone
	for _, dir := range cgroupsOf(id) {
		unix.Rmdir(dir) // what is in use stays
	}
}

// cgroupsOf are the cgroups that are named for a container, in the hierarchies
// or below this process's own. runsc leaves them if its sandbox does not start.
func cgroupsOf(id string) (dirs []string) {
	const root = "/sys/fs/cgroup"
	own, _ := os.ReadFile("/proc/self/cgroup")
	places := []string{root + "/" + id, root + "/*/" + id}
	for _, line := range strings.Split(string(own), "\n") {
		if parts := strings.SplitN(line, ":", 3); len(parts) == 3 && parts[2] != "/" {
			places = append(places, root+parts[2]+"/"+id, root+"/*"+parts[2]+"/"+id)
		}
	}
	for _, p := range places {
		found, _ := filepath.Glob(p) // a bad pattern matches nothing
		dirs = append(dirs, found...)
	}
	return dirs
}

// tail keeps the end of what is written to it.
type tail struct{ b bytes.Buffer }

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	if n := t.b.Len(); n > 2*tailSize {
		t.b.Next(n - tailSize)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(t.b.String()) }

// Words splits a command line: at blanks, but not within quotes or after a
// backslash.
func Words(line string) (words []string, err error) {
	var word strings.Builder
	var quote byte
	in := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, in = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c without its end", quote)
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
