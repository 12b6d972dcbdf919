package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// polite ends on SIGTERM with a word and a code of its own.
const polite = `trap "echo bye; exit 9" TERM; echo up; while :; do sleep 0.05; done`

// says waits until the container has written a line.
func (e *engine) says(name, line string) {
	e.t.Helper()
	e.await("the line "+line, func() bool { return strings.Contains(e.good("logs", name), line+"\n") })
}

// inspect is one thing that podman knows of a container.
func (e *engine) inspect(name, what string) string {
	e.t.Helper()
	return strings.TrimSpace(e.good("inspect", "--format", "{{"+what+"}}", name))
}

// TestStop: SIGTERM reaches the process, its code is kept, and the container can
// be started again.
func TestStop(t *testing.T) {
	e := newEngine(t)
	name := e.start(e.image(), "sh", "-c", polite)
	e.says(name, "up")
	if diff := cmp.Diff("running", e.inspect(name, ".State.Status")); diff != "" {
		t.Error(diff)
	}
	if out := e.good("ps", "--format", "{{.Names}} {{.Status}}"); !strings.Contains(out, name+" Up") {
		t.Errorf("podman ps: %q", out)
	}
	e.good("stop", "--time", "20", name)
	if got := e.inspect(name, ".State.Status") + " " + e.inspect(name, ".State.ExitCode"); got != "exited 9" {
		t.Errorf("stopped: %s, want exited 9", got)
	}
	// Nothing but the container's own words: no warning of nsboot's.
	if got := e.podman("logs", name); got != (result{0, "up\nbye\n", ""}) {
		t.Errorf("logs: %+v", got)
	}
	e.good("start", name)
	e.await("the second start", func() bool { return strings.Count(e.good("logs", name), "up\n") == 2 })
	e.good("rm", "--force", "--time", "20", name)
	if e.podman("container", "exists", name).Code == 0 {
		t.Error("still there after rm --force")
	}
}

// TestStopKills: a process that does not listen is killed when the time is up.
func TestStopKills(t *testing.T) {
	e := newEngine(t)
	name := e.start(e.image(), "sh", "-c", `trap "" TERM; echo up; while :; do sleep 0.05; done`)
	e.says(name, "up")
	start := time.Now()
	r := e.podman("stop", "--time", "1", name)
	if r.Code != 0 || !strings.Contains(r.Err, "SIGKILL") || time.Since(start) < time.Second {
		t.Errorf("%+v after %v", r, time.Since(start))
	}
	if got := e.inspect(name, ".State.ExitCode"); got != "137" {
		t.Errorf("exit code %s, want 137", got)
	}
}

// TestKill: a signal of the caller's choice, and its code from podman wait.
func TestKill(t *testing.T) {
	e := newEngine(t)
	name := e.start("--rootfs", e.rootfs(), "sh", "-c", `trap "exit 5" USR1; echo up; while :; do sleep 0.05; done`)
	e.says(name, "up")
	e.good("kill", "--signal", "USR1", name)
	if got := e.good("wait", name); got != "5\n" {
		t.Errorf("podman wait: %q, want 5", got)
	}
	e.bad(e.podman("kill", name), 125, "can only kill running containers")
}

// TestExec: code, output, user, directory and environment of another process in
// the container; and one that is left alone.
func TestExec(t *testing.T) {
	e := newEngine(t)
	name := e.start(e.image(), "sleep", "1000")
	r := e.podman("exec", "--user", "7:8", "--workdir", "/data", "--env", "K=v", name, "sh", "-c", "id -u; pwd; echo $K; echo err >&2; exit 4")
	if diff := cmp.Diff(result{4, "7\n/data\nv\n", "err\n"}, r); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	e.good("exec", "--detach", name, "sh", "-c", "echo done > /detached; exec sleep 1000")
	e.await("the detached process", func() bool { return e.podman("exec", name, "cat", "/detached").Out == "done\n" })
	if out := e.good("top", name, "args"); strings.Count(out, "sleep 1000") != 2 {
		t.Errorf("podman top: %q", out)
	}
	e.bad(e.podman("exec", name, "nosuch"), 127, "nosuch", "executable file not found in $PATH")
	e.bad(e.podman("exec", name, "/data"), 126, "/data")
	e.good("kill", name)
	e.await("its end", func() bool { return e.inspect(name, ".State.Status") == "exited" })
	if r := e.podman("exec", name, "true"); r.Code == 0 {
		t.Error("exec in a container that has ended")
	}
}

// TestCopy: files go into and out of a running container, volumes included.
func TestCopy(t *testing.T) {
	e := newEngine(t)
	for _, dir := range []string{"volume", "out"} {
		if err := os.Mkdir(filepath.Join(e.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in := filepath.Join(e.dir, "in")
	if err := os.WriteFile(in, []byte("carried\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	name := e.start("--volume", filepath.Join(e.dir, "volume")+":/mnt", e.image(), "sleep", "1000")
	e.good("cp", in, name+":/data/in")
	e.good("cp", in, name+":/mnt/in")
	if got := e.good("exec", name, "cat", "/data/in", "/mnt/in"); got != "carried\ncarried\n" {
		t.Errorf("inside: %q", got)
	}
	e.good("cp", name+":/data/.", filepath.Join(e.dir, "out"))
	for file, want := range map[string]string{"volume/in": "carried\n", "out/in": "carried\n", "out/note": "from the image\n"} {
		if got, err := os.ReadFile(filepath.Join(e.dir, file)); string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
}

// TestCommit: what the container wrote is in an image made of it.
func TestCommit(t *testing.T) {
	e := newEngine(t)
	name := e.start(e.image(), "sh", "-c", "echo kept > /tmp/kept")
	e.good("wait", name)
	if r := e.podman("commit", "--quiet", name, "localhost/committed"); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	if r := e.run("localhost/committed", "cat", "/tmp/kept"); r.Out != "kept\n" {
		t.Errorf("got %+v", r)
	}
}

// TestBuild: buildah, which podman build is, has nsboot run each RUN.
func TestBuild(t *testing.T) {
	e := newEngine(t)
	file := filepath.Join(e.dir, "Containerfile")
	if err := os.WriteFile(file, []byte("FROM "+e.image()+"\nRUN echo built > /tmp/built && id -u\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := e.podman("build", "--no-cache", "--isolation=oci", "--network=none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
		"--cgroup-parent", cgroupParent(os.Getenv(workEnv))+"/build", "--tag", "localhost/built", "--file", file, e.dir)
	if r.Code != 0 || !strings.Contains(r.Out, "\n0\n") {
		t.Fatalf("%+v", r)
	}
	if r := e.run("localhost/built", "cat", "/tmp/built"); r.Out != "built\n" {
		t.Errorf("got %+v", r)
	}
}

// TestCreateStart: created and started by two commands; a container whose
// executable is missing says so at the second.
func TestCreateStart(t *testing.T) {
	e := newEngine(t)
	name := e.name()
	e.good(append(append([]string{"create", "--name", name}, limits()...), e.image(), "echo", "hello")...)
	if got := e.inspect(name, ".State.Status"); got != "created" {
		t.Errorf("status %s, want created", got)
	}
	if got := e.good("start", "--attach", name); got != "hello\n" {
		t.Errorf("podman start --attach: %q", got)
	}
}

// TestNothingLeft: after run --rm nsboot remembers nothing, and the root that
// lacked every mount point lacks them again.
func TestNothingLeft(t *testing.T) {
	e := newEngine(t)
	root := e.rootfs()
	if r := e.run("--volume", e.dir+":/made/here", "--rootfs", root, "true"); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	if _, err := os.Lstat(filepath.Join(root, "made")); err == nil {
		t.Error("the mount point /made/here is still there")
	}
	states, err := filepath.Glob("/run/nsboot/*")
	for _, s := range states {
		if filepath.Base(s) != "stubs" {
			t.Errorf("nsboot still has %s (%v)", s, err)
		}
	}
}
