package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// daemon is a containerd of the test's own, and nsboot for its shims.
type daemon struct {
	*engine
	socket string
}

// newDaemon starts containerd on a socket and in directories of its own.
func newDaemon(t testing.TB) *daemon {
	t.Helper()
	e := newEngine(t)
	for _, tool := range []string{"containerd", "containerd-shim-runc-v2", "ctr"} {
		if _, err := exec.LookPath(tool); err != nil {
			testns.Skip(t, "no "+tool)
		}
	}
	d := &daemon{e, filepath.Join(e.dir, "sock")}
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n[grpc]\naddress = %q\n",
		filepath.Join(e.dir, "root"), filepath.Join(e.dir, "state"), d.socket)
	file := filepath.Join(e.dir, "config.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(e.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("containerd", "--config", file)
	cmd.Env, cmd.Stdout, cmd.Stderr = e.environ(), log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(unix.SIGTERM)
		cmd.Wait()
	})
	e.await("containerd", func() bool { return d.ctr("version").Code == 0 })
	return d
}

// ctr runs containerd's client.
func (d *daemon) ctr(args ...string) result {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := d.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, 5*time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatalf("ctr %v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// command is ctr, not started yet.
func (d *daemon) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"--address", d.socket}, args...)...)
	cmd.Env, cmd.Dir = d.environ(), d.dir
	return cmd
}

// run is ctr run with nsboot, on a root file system that is a directory.
func (d *daemon) run(flags []string, root, id string, command ...string) result {
	d.t.Helper()
	return d.ctr(d.runArgs(flags, root, id, command...)...)
}

func (d *daemon) runArgs(flags []string, root, id string, command ...string) []string {
	args := append([]string{"run", "--runc-binary", d.runtime, "--env", "PATH=/bin", "--cgroup", cgroupParent(os.Getenv(workEnv)) + "/" + id}, flags...)
	return append(append(args, "--rootfs", root, id), command...)
}

// TestContainerdRun: code and output come through, and so does the reason why a
// container could not be made, by way of --log.
func TestContainerdRun(t *testing.T) {
	d := newDaemon(t)
	root := d.rootfs()
	if got, want := d.run([]string{"--rm"}, root, "a", "/bin/sh", "-c", "echo out; echo err >&2; exit 3"), (result{3, "out\n", "err\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	d.bad(d.run([]string{"--rm"}, root, "b", "nosuch"), 1, "OCI runtime create failed", "nosuch", "executable file not found in $PATH")
	if r := d.run([]string{"--rm", "--seccomp"}, root, "c", "/bin/sh", "-c", "grep ^Seccomp: /proc/self/status"); r != (result{0, "Seccomp:\t2\n", ""}) {
		t.Errorf("containerd's own filter: %+v", r)
	}
	flags := []string{"--rm", "--read-only", "--cwd", "/bin", "--mount", "type=bind,src=" + d.dir + ",dst=/mnt,options=rbind:ro"}
	r := d.run(flags, root, "e", "/bin/sh", "-c", "pwd; cat /mnt/config.toml | { read a; echo $a; }; touch /x")
	if want := "/bin\nversion = 2\n"; r.Out != want || r.Code != 1 || !strings.Contains(r.Err, "Read-only file system") {
		t.Errorf("got %+v, want %q", r, want)
	}
	d.nothingLeft()
}

// nothingLeft: containerd knows no container, and nsboot none below the --root
// that the shims give.
func (d *daemon) nothingLeft() {
	d.t.Helper()
	if r := d.ctr("containers", "list", "--quiet"); r.Out != "" || r.Code != 0 {
		d.t.Errorf("containers: %+v", r)
	}
	states, err := filepath.Glob("/run/containerd/runc/default/*")
	for _, s := range states {
		if filepath.Base(s) != "stubs" {
			d.t.Errorf("nsboot still has %s (%v)", s, err)
		}
	}
}

// TestContainerdTask: exec, ps, kill and delete of a container that runs.
func TestContainerdTask(t *testing.T) {
	d := newDaemon(t)
	root := d.rootfs()
	if r := d.run([]string{"--detach"}, root, "a", "/bin/sh", "-c", `trap "exit 7" TERM; echo up > /up; while :; do sleep 0.05; done`); r.Code != 0 || r.Err != "" {
		t.Fatalf("ctr run: %+v", r)
	}
	d.await("the process", func() bool { _, err := os.Stat(filepath.Join(root, "up")); return err == nil })
	if got, want := d.ctr("tasks", "exec", "--exec-id", "x", "a", "sh", "-c", "echo in; exit 4"), (result{4, "in\n", ""}); got != want {
		t.Errorf("exec: %+v, want %+v", got, want)
	}
	d.bad(d.ctr("tasks", "exec", "--exec-id", "y", "a", "nosuch"), 1, "OCI runtime exec failed", "executable file not found in $PATH")
	if r := d.ctr("tasks", "ps", "a"); r.Code != 0 || strings.Count(r.Out, "\n") < 2 {
		t.Errorf("ps: %+v", r)
	}
	d.bad(d.ctr("tasks", "delete", "a"), 1, "a")
	if r := d.ctr("tasks", "kill", "a"); r.Code != 0 {
		t.Errorf("kill: %+v", r)
	}
	d.await("its end", func() bool { return strings.Contains(d.ctr("tasks", "list").Out, "STOPPED") })
	if r := d.ctr("tasks", "delete", "a"); !strings.Contains(r.Err, "exit code 7") {
		t.Errorf("delete: %+v, want exit code 7", r)
	}
	d.ctr("containers", "delete", "a")
	d.nothingLeft()
}

// TestContainerdKilled: all processes of a container are killed, and of one that
// has ended containerd says that it is not found.
func TestContainerdKilled(t *testing.T) {
	d := newDaemon(t)
	root := d.rootfs()
	if r := d.run([]string{"--detach"}, root, "b", "/bin/sh", "-c", "sleep 1000 & exec sleep 1001"); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	if r := d.ctr("tasks", "kill", "--all", "--signal", "SIGKILL", "b"); r.Code != 0 {
		t.Errorf("kill --all: %+v", r)
	}
	d.await("its end", func() bool { return strings.Contains(d.ctr("tasks", "list").Out, "STOPPED") })
	if r := d.ctr("tasks", "kill", "b"); r.Code == 0 || !strings.Contains(r.Err, "not found") {
		t.Errorf("kill of a stopped one: %+v, want not found", r)
	}
	if r := d.ctr("tasks", "delete", "b"); !strings.Contains(r.Err, "exit code 137") {
		t.Errorf("delete: %+v", r)
	}
	d.ctr("containers", "delete", "b")
	d.nothingLeft()
}
