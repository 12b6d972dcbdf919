package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const paused = specs.ContainerState("paused")

// TestFreezer: a paused container stands still, is known as paused, and can be
// killed and deleted.
func TestFreezer(t *testing.T) {
	each(t, freezer)
}

func freezer(l *lab) {
	file := filepath.Join(l.bundle, "rootfs/tick")
	l.sh("while :; do echo x >> /tick; sleep 0.01; done")
	l.good("run", "--detach", "web")
	size := func() int64 {
		st, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return st.Size()
	}
	await(l.t, "a tick", func() bool { return size() > 0 })
	l.bad("web is running", "resume", "web")
	l.good("pause", "web")
	if got := l.state("web").Status; got != paused {
		l.t.Errorf("status %s", got)
	}
	before := size()
	time.Sleep(100 * time.Millisecond)
	if now := size(); now != before {
		l.t.Errorf("paused, and %d bytes became %d", before, now)
	}
	l.bad("web is paused", "pause", "web")
	l.bad("web is paused", "exec", "web", "true")
	l.bad("web is paused", "delete", "web")
	l.good("resume", "web")
	await(l.t, "more ticks", func() bool { return size() > before })
	l.good("pause", "web")
	l.good("kill", "web", "KILL")
	await(l.t, "the end", func() bool { return l.state("web").Status == specs.StateStopped })
	l.good("delete", "web")
	l.good("run", "--detach", "web")
	l.good("pause", "web")
	l.good("kill", "--all", "web", "9")
	await(l.t, "the end", func() bool { return l.state("web").Status == specs.StateStopped })
	l.good("delete", "web")
	l.good("run", "--detach", "web")
	l.good("pause", "web")
	l.good("delete", "--force", "web")
	if left := l.groups("/c"); len(left) > 0 {
		l.t.Errorf("left: %v", left)
	}
}

// TestExecJoins: an executed process is in the cgroup, a hook inside too.
func TestExecJoins(t *testing.T) {
	each(t, func(l *lab) {
		l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"})
		l.spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat /proc/self/cgroup > /hook"}, Env: []string{"PATH=/bin"}}}}
		l.good("run", "--detach", "web")
		want, err := os.ReadFile("/proc/" + strconv.Itoa(l.state("web").Pid) + "/cgroup")
		if err != nil || !strings.Contains(string(want), l.top+"/c\n") {
			l.t.Fatalf("%q, %v", want, err)
		}
		inside := l.good("exec", "web", "cat", "/proc/1/cgroup").Out
		if len(l.spec.Linux.Namespaces) == 1 { // without a pid namespace 1 is the machine's
			inside = string(want)
		}
		if got := l.good("exec", "web", "cat", "/proc/self/cgroup").Out; got != inside {
			l.t.Errorf("exec: %q, want %q", got, inside)
		}
		if got, err := os.ReadFile(filepath.Join(l.bundle, "rootfs/hook")); err != nil || string(got) != inside {
			l.t.Errorf("hook: %q, %v, want %q", got, err, inside)
		}
		l.good("exec", "--detach", "web", "sleep", "1001")
		l.good("verify", "web")
		l.good("delete", "--force", "web")
	})
}

// TestUpdate changes limits of a running container, from a file and from
// standard input, and leaves the rest.
func TestUpdate(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.needV1("memory", "pids", "cpu")
	l.spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(30))}
	l.good("create", "web")
	file := filepath.Join(l.dir, "limits.json")
	if err := os.WriteFile(file, []byte(`{"memory": {"limit": 67108864}, "cpu": {"shares": 256}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	l.good("update", "--resources="+file, "web")
	if got := l.file("memory", "memory.limit_in_bytes") + " " + l.file("cpu", "cpu.shares") + " " + l.file("pids", "pids.max"); got != "67108864 256 30" {
		t.Errorf("limits %s", got)
	}
	cmd := l.command("update", "--resources", "-", "web")
	cmd.Stdin = strings.NewReader(`{"pids": {"limit": 40}}`)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 || l.file("pids", "pids.max") != "40" {
		t.Errorf("from standard input: %v %s", err, out)
	}
	for _, c := range [][2]string{{`{"unified": {"memory.max": "1"}}`, "linux.resources.unified is set"}, {`{"pids": 1}`, "--resources"}, {`{`, "--resources"}} {
		if err := os.WriteFile(file, []byte(c[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		l.bad(c[1], "update", "--resources", file, "web")
	}
	l.bad("no --resources", "update", "web")
	l.needV1("devices")
	if got := l.file("devices", "devices.list"); got != "a *:* rwm" {
		t.Errorf("devices before: %q", got)
	}
	if err := os.WriteFile(file, []byte(`{"devices": [{"access": "rwm"}, {"type": "c", "major": 1, "minor": 5, "access": "rm"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // from all devices to some, and to the same
		l.good("update", "--resources", file, "web")
		if got := l.file("devices", "devices.list"); !strings.Contains(got, "c 1:3 rwm") || !strings.Contains(got, "c 1:5 w\n") || strings.Contains(got, "a *") {
			t.Errorf("devices after: %q", got)
		}
	}
	if got := l.state("web").Status; got != specs.StateCreated {
		t.Errorf("after the updates it is %s", got)
	}
	l.good("delete", "--force", "web")
	l.spec.Linux.CgroupsPath, l.spec.Linux.Resources = "", nil
	l.good("create", "web")
	for _, command := range [][]string{{"pause", "web"}, {"resume", "web"}, {"update", "--resources", "/dev/null", "web"}} {
		if command[0] != "update" {
			l.bad("no cgroup of its own", command...)
		}
	}
	l.good("delete", "--force", "web")
}

// TestKilledCreate: whenever create is killed, delete --force removes the cgroup.
func TestKilledCreate(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	for delay := range 12 {
		cmd := l.command("create", "web")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(delay) * 500 * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		l.good("delete", "--force", "web")
		if left := l.groups("/c"); len(left) > 0 {
			t.Fatalf("killed after %d half milliseconds: left %v", delay, left)
		}
	}
}

// TestKilledAnywhere: whenever a run in the foreground is killed, another nsboot
// removes the cgroup, once the process is gone, and the journal.
func TestKilledAnywhere(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	for delay := range 16 {
		cmd := l.command("run")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(delay) * 500 * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		await(t, "an end without a trace", func() bool {
			l.good("delete", "--force", "nobody")
			journals, _ := filepath.Glob(filepath.Join(l.root, "cgroups/*"))
			return len(l.groups("/c")) == 0 && len(journals) == 0
		})
	}
}

// TestFrozenInside: a container that may write to its cgroups cannot keep itself
// from being deleted by freezing a part of itself.
func TestFrozenInside(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.needV1("freezer")
	l.spec.Mounts[0].Options = []string{"rw"}
	l.sh("mkdir /sys/fs/cgroup/freezer/a /sys/fs/cgroup/freezer/a/b; sleep 1000 & echo $! > /sys/fs/cgroup/freezer/a/b/cgroup.procs; " +
		"echo FROZEN > /sys/fs/cgroup/freezer/a/b/freezer.state; echo > /frozen; wait")
	l.good("run", "--detach", "web")
	await(t, "the frost", func() bool { _, err := os.Stat(filepath.Join(l.bundle, "rootfs/frozen")); return err == nil })
	l.good("delete", "--force", "web")
	if left := l.groups("/c"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestPod: each container of a pod has its own cgroup, and a sandbox container
// that is deleted takes its children's along, paused or not.
func TestPod(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.needV1("pids")
	l.spec.Annotations = map[string]string{"io.kubernetes.cri.container-type": "sandbox"}
	l.good("run", "--detach", "pause")
	l.spec.Annotations = map[string]string{"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "pause"}
	l.spec.Linux.CgroupsPath, l.spec.Linux.Resources.Pids = l.top+"/d", &specs.LinuxPids{Limit: ptr(int64(21))}
	l.good("run", "--detach", "web")
	if got := l.file("pids", "pids.max"); got != "21" {
		t.Errorf("the child's limit is %s", got)
	}
	l.spec.Linux.CgroupsPath = l.top + "/c"
	if got := l.file("pids", "pids.max"); got != "max" {
		t.Errorf("the sandbox container's limit is %s", got)
	}
	l.good("pause", "web")
	if got := l.state("pause").Status; got != specs.StateRunning {
		t.Errorf("the sandbox container is %s", got)
	}
	l.good("delete", "--force", "pause")
	if left := l.groups("/*/cgroup.procs"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
