package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/tests/testns"
)

// cgroupFile reads a file of a container's cgroup, under the name of v1 or of v2.
func (e *engine) cgroupFile(path, v1, v2 string) string {
	e.t.Helper()
	for _, name := range []string{filepath.Join("/sys/fs/cgroup", strings.SplitN(v1, ".", 2)[0], path, v1), filepath.Join("/sys/fs/cgroup", path, v2)} {
		if text, err := os.ReadFile(name); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	e.t.Errorf("%s has neither %s nor %s", path, v1, v2)
	return ""
}

// needControllers skips where podman's limits could not be set by any runtime.
func needControllers(t *testing.T, names ...string) {
	t.Helper()
	v2, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	for _, name := range names {
		if _, err := os.Stat("/sys/fs/cgroup/" + name + "/cgroup.procs"); err != nil && !strings.Contains(" "+string(v2)+" ", " "+name+" ") {
			testns.Skip(t, "no cgroup controller "+name)
		}
	}
}

// TestLimits: what podman is told of limits is in force, is what podman stats
// shows, and can be changed; the cgroup goes with the container.
func TestLimits(t *testing.T) {
	e := newEngine(t)
	needControllers(t, "memory", "pids", "cpu")
	name := e.start("--memory=64m", "--memory-swap=-1", "--pids-limit=77", "--cpus=0.5", e.image(), "sleep", "1000")
	id := e.inspect(name, ".Id")
	path := cgroupParent(os.Getenv(workEnv)) + "/libpod-" + id
	limits := func() string {
		return e.cgroupFile(path, "memory.limit_in_bytes", "memory.max") + " " + e.cgroupFile(path, "pids.max", "pids.max")
	}
	if got := limits(); got != "67108864 77" {
		t.Errorf("limits %s", got)
	}
	if got := e.cgroupFile(path, "cpu.cfs_quota_us", "cpu.max"); got != "50000" && got != "50000 100000" {
		t.Errorf("cpu %s", got)
	}
	if out := e.good("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", name); !strings.Contains(out, "67.11MB") || !strings.HasSuffix(out, " 1\n") {
		t.Errorf("podman stats: %q", out)
	}
	e.good("exec", name, "sh", "-c", "cat /proc/self/cgroup | grep -q "+id) // in the container's cgroup
	if r := e.podman("update", "--memory=128m", name); r.Code != 0 {
		t.Errorf("podman update: %+v", r)
	}
	if got := limits(); got != "134217728 77" {
		t.Errorf("after podman update: %s", got)
	}
	e.good("rm", "--force", "--time", "0", name)
	if left := cgroups(path); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if r := e.run("--memory=16m", "--memory-swap=16m", e.image(), "sh", "-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"); r.Code != 137 {
		t.Errorf("a process over its limit: %+v", r)
	}
}

// TestPause: a paused container stands still, and says so.
func TestPause(t *testing.T) {
	e := newEngine(t)
	name := e.start(e.image(), "sh", "-c", "while :; do echo tick; sleep 0.02; done")
	e.says(name, "tick")
	e.good("pause", name)
	if got := e.inspect(name, ".State.Status"); got != "paused" {
		t.Errorf("status %s, want paused", got)
	}
	before := e.good("logs", name)
	e.bad(e.podman("exec", name, "true"), 255, "running containers")
	if after := e.good("logs", name); after != before {
		t.Errorf("paused, and it said %q", strings.TrimPrefix(after, before))
	}
	e.good("unpause", name)
	e.await("more ticks", func() bool { return e.good("logs", name) != before })
	e.good("pause", name)
	e.good("kill", name) // a frozen one dies, too
	e.await("its end", func() bool { return e.inspect(name, ".State.Status") == "exited" })
}

// TestContainerdCgroup: containerd's limits, its metrics, pause, and the end of
// all processes.
func TestContainerdCgroup(t *testing.T) {
	d := newDaemon(t)
	needControllers(t, "memory", "cpu")
	root := d.rootfs()
	path := cgroupParent(os.Getenv(workEnv)) + "/a"
	script := "trap '' TERM; (while :; do echo x >> /tick; sleep 0.02; done) & wait; wait; sleep 1000"
	if r := d.run([]string{"--detach", "--memory-limit", "67108864", "--cpus", "0.5"}, root, "a", "/bin/sh", "-c", script); r.Code != 0 || r.Err != "" {
		t.Fatalf("ctr run: %+v", r)
	}
	if got := d.cgroupFile(path, "memory.limit_in_bytes", "memory.max"); got != "67108864" {
		t.Errorf("memory %s", got)
	}
	if r := d.ctr("tasks", "metrics", "a"); r.Code != 0 || !strings.Contains(r.Out, "67108864") && !strings.Contains(r.Out, "memory.usage") {
		t.Errorf("metrics: %+v", r)
	}
	size := func() int64 {
		st, err := os.Stat(filepath.Join(root, "tick"))
		if err != nil {
			return 0
		}
		return st.Size()
	}
	d.await("a tick", func() bool { return size() > 0 })
	if r := d.ctr("tasks", "pause", "a"); r.Code != 0 {
		t.Errorf("pause: %+v", r)
	}
	before := size()
	if r := d.ctr("tasks", "list"); !strings.Contains(r.Out, "PAUSED") {
		t.Errorf("list: %+v", r)
	}
	if now := size(); now != before {
		t.Errorf("paused, and %d bytes became %d", before, now)
	}
	if r := d.ctr("tasks", "resume", "a"); r.Code != 0 {
		t.Errorf("resume: %+v", r)
	}
	d.await("more ticks", func() bool { return size() > before })
	if r := d.ctr("tasks", "kill", "--all", "--signal", "KILL", "a"); r.Code != 0 {
		t.Errorf("kill --all: %+v", r)
	}
	d.await("its end", func() bool { return strings.Contains(d.ctr("tasks", "list").Out, "STOPPED") })
	if r := d.ctr("tasks", "delete", "a"); !strings.Contains(r.Err, "137") {
		t.Errorf("delete: %+v, want exit code 137", r)
	}
	d.ctr("containers", "delete", "a")
	if left := cgroups(path); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	d.nothingLeft()
}
