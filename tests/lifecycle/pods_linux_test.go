package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// pod is the labs of a pod's containers, all under one --root. The sandbox
// container's is named sb.
type pod struct {
	*lab
	members map[string]*lab
}

// newPod makes the bundles of a pod (K4). Each root has a file that names it, and
// lacks the mount points of the mounts that it has, read-only ones too (K3).
func newPod(t *testing.T, members ...string) *pod {
	t.Helper()
	p := &pod{lab: newLab(t, specs.PIDNamespace), members: map[string]*lab{}}
	p.members["sb"] = p.lab
	for _, id := range members {
		m := newLab(t, specs.PIDNamespace)
		m.root = p.root
		m.spec.Root.Readonly = id == "ro"
		p.members[id] = m
	}
	for id, m := range p.members {
		typ := "container"
		if id == "sb" {
			typ = "sandbox"
		}
		m.spec.Annotations = map[string]string{"io.kubernetes.cri.container-type": typ, "io.kubernetes.cri.sandbox-id": "sb"}
		m.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: allPowers(), Permitted: allPowers(), Effective: allPowers()}
		m.spec.Mounts = append(m.spec.Mounts, specs.Mount{Destination: "/own/" + id, Type: "tmpfs", Source: "tmpfs"})
		if err := os.WriteFile(m.path("rootfs/i-am-"+id), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		m.rootfs = m.list()
		m.save()
	}
	return p
}

// allPowers are the capabilities by which a process would get out, if it could.
func allPowers() []string {
	return []string{"CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_MKNOD", "CAP_KILL"}
}

// up creates and starts a member.
func (p *pod) up(ids ...string) {
	p.t.Helper()
	for _, id := range ids {
		p.good("create", "--bundle", p.members[id].bundle, id)
		p.good("start", id)
	}
}

// sees is what a container's process lists at a path.
func (p *pod) sees(id, path string) []string {
	p.t.Helper()
	return strings.Fields(p.good("exec", id, "ls", "-A", path).Out)
}

// table is the lines of a process's mount table that are at or below path.
func (p *pod) table(id, path string) (lines []string) {
	p.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", p.state(id).Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); f[4] == path || strings.HasPrefix(f[4], strings.TrimSuffix(path, "/")+"/") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestPod: the sandbox container sees its children, they see nothing but
// themselves, and what they hold is the same (K1, K2, K3).
func TestPod(t *testing.T) {
	p := newPod(t, "web", "ro")
	p.up("sb", "web", "ro")
	if got := p.sees("sb", "/__runsc_containers__"); !slices.Equal(got, []string{"ro", "web"}) {
		t.Errorf("the sandbox container sees %v", got)
	}
	for _, id := range []string{"web", "ro"} {
		if r := p.run("exec", id, "ls", "/__runsc_containers__"); r.Code == 0 {
			t.Errorf("%s has a /__runsc_containers__ (K2): %s", id, r.Out)
		}
		if got := p.sees("sb", "/__runsc_containers__/"+id); !slices.Contains(got, "i-am-"+id) || !slices.Contains(got, "proc") {
			t.Errorf("the sandbox container sees of %s: %v", id, got)
		}
		// A destination that the child's root lacks is there all the same (K3).
		p.good("exec", id, "sh", "-c", "echo "+id+" > /own/"+id+"/file")
		if r := p.good("exec", "sb", "cat", "/__runsc_containers__/"+id+"/own/"+id+"/file"); r.Out != id+"\n" {
			t.Errorf("the tmpfs of %s in the sandbox container: %q", id, r.Out)
		}
		if got := p.good("exec", "sb", "sh", "-c", "busybox stat -c %a /__runsc_containers__; busybox umount /__runsc_containers__/"+id+"/own/"+id).Out; got != "755\n" {
			t.Errorf("mode of /__runsc_containers__: %s", got)
		}
		if got := p.good("exec", id, "cat", "/own/"+id+"/file").Out; got != id+"\n" {
			t.Errorf("what the sandbox container unmounts is gone in %s too: %q", id, got)
		}
		p.good("verify", id)
	}
	p.good("verify", "sb")
	if r := p.run("exec", "ro", "sh", "-c", "echo > /file"); !strings.Contains(r.Err, "Read-only file system") {
		t.Errorf("writing to a read-only child: %+v", r)
	}
	if r := p.run("exec", "sb", "sh", "-c", "echo > /__runsc_containers__/ro/file"); !strings.Contains(r.Err, "Read-only file system") {
		t.Errorf("writing to a read-only child from the sandbox container: %+v", r)
	}
	p.good("delete", "--force", "sb")
}

// TestPodDestroy: a child goes without a trace, twice; the sandbox container goes
// after its children, or takes them along (K5).
func TestPodDestroy(t *testing.T) {
	p := newPod(t, "web", "db")
	p.up("sb", "web", "db")
	busy := filepath.Join(p.dir, "busy") // detached all the same
	p.good("exec", "--detach", "--pid-file", busy, "--cwd", "/__runsc_containers__/web/own/web", "sb", "sleep", "1000")
	p.bad(125, []string{"web is running"}, "delete", "web")
	p.good("delete", "--force", "web")
	if got := p.sees("sb", "/__runsc_containers__"); !slices.Equal(got, []string{"db"}) {
		t.Errorf("after delete the sandbox container sees %v", got)
	}
	if lines := p.table("sb", "/__runsc_containers__/web"); len(lines) > 0 {
		t.Errorf("mounts of a deleted child: %v", lines)
	}
	p.good("delete", "--force", "web")
	p.up("web") // the same ID again
	p.good("kill", "sb", "KILL")
	reap(t, busy)
	p.becomes("sb", specs.StateStopped)
	p.bad(125, []string{"sb is the sandbox of db, web", "hint: nsboot delete --force sb"}, "delete", "sb")
	p.bad(125, []string{"container sb is stopped"}, "create", "--bundle", p.members["web"].bundle, "more")
	p.good("kill", "db", "KILL")
	p.becomes("db", specs.StateStopped)
	p.good("delete", "db") // no sandbox process any more: success
	p.good("delete", "--force", "sb")
	for _, id := range []string{"sb", "web"} {
		p.bad(125, []string{"does not exist"}, "state", id)
	}
	p.bad(125, []string{"container sb: does not exist", "hint: create the sandbox container first"}, "create", "--bundle", p.members["web"].bundle, "web")
}

// reap waits for a process that was reparented to this one: until then its pid
// namespace cannot end.
func reap(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
}

// TestPodFailures: a child that fails to start leaves nothing in the sandbox
// container, an existing directory is an error and stays (K1, K5).
func TestPodFailures(t *testing.T) {
	p := newPod(t, "web")
	p.up("sb")
	web := p.members["web"]
	before := p.table("sb", "/")
	check := func(what string) {
		t.Helper()
		if now := p.table("sb", "/"); !slices.Equal(now, before) {
			t.Errorf("%s: mounts are left:\n%s", what, strings.Join(now, ""))
		}
		if got := p.sees("sb", "/__runsc_containers__"); len(got) > 0 {
			t.Errorf("%s: left: %v", what, got)
		}
	}
	web.spec.Process.Args = []string{"nothing-like-it"}
	web.save()
	p.bad(127, []string{"nothing-like-it"}, "create", "--bundle", web.bundle, "web")
	check("no such program")
	web.spec.Process.Args = []string{"sleep", "1000"}
	web.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1 << 40, Hard: 1 << 40}} // over the kernel's nr_open
	web.save()
	p.bad(125, []string{"RLIMIT_NOFILE"}, "create", "--bundle", web.bundle, "web")
	check("after the tree was published")
	web.spec.Process.Rlimits = nil
	web.save()
	p.bad(125, []string{"/nowhere/pid"}, "create", "--bundle", web.bundle, "--pid-file", "/nowhere/pid", "web")
	check("after the process was made")
	web.spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/false"}}}
	web.save()
	p.bad(125, []string{"createRuntime"}, "create", "--bundle", web.bundle, "web")
	check("a hook fails")
	web.spec.Hooks = nil
	web.spec.Mounts = append(web.spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: "/nowhere", Options: []string{"bind"}})
	web.save()
	p.bad(125, []string{"mounts[2] /data", "/nowhere"}, "create", "--bundle", web.bundle, "web")
	check("a mount fails")
	web.spec.Mounts = web.spec.Mounts[:2]
	web.save()
	p.bad(125, []string{"the pod of sb", "hint: nsboot run --detach"}, "run", "--bundle", web.bundle)

	p.good("exec", "sb", "sh", "-c", "busybox mkdir /__runsc_containers__/web; echo > /__runsc_containers__/web/mine")
	p.bad(125, []string{"/__runsc_containers__/web", "file exists", "(K1)"}, "create", "--bundle", web.bundle, "web")
	if got := p.sees("sb", "/__runsc_containers__/web"); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("the sandbox container's own directory: %v", got)
	}
	p.good("exec", "sb", "busybox", "rm", "-r", "/__runsc_containers__/web")
	check("its own directory removed")

	// A sandbox container that has made away with the directory, or put a link in
	// its place: nothing is mounted elsewhere.
	p.good("exec", "sb", "sh", "-c", "busybox umount /__runsc_containers__")
	p.bad(125, []string{"/__runsc_containers__", "(K1)"}, "create", "--bundle", web.bundle, "web")
	p.good("delete", "--force", "sb")
}

// TestPodAnnotations: what cannot be told apart is refused (K4).
func TestPodAnnotations(t *testing.T) {
	p := newPod(t, "web")
	web := p.members["web"]
	plain := newLab(t)
	plain.root = p.root
	p.good("run", "--detach", "--bundle", plain.bundle, "plain")
	web.spec.Annotations["io.kubernetes.cri.sandbox-id"] = "plain"
	web.save()
	p.bad(125, []string{"container plain", "(K4)"}, "create", "--bundle", web.bundle, "web")
	web.spec.Annotations["io.kubernetes.cri.sandbox-id"] = "../x"
	web.save()
	p.bad(125, []string{"../x"}, "create", "--bundle", web.bundle, "web")
	delete(web.spec.Annotations, "io.kubernetes.cri.sandbox-id")
	web.save()
	p.bad(125, []string{"io.kubernetes.cri.sandbox-id", "(K4)"}, "create", "--bundle", web.bundle, "web")
	web.spec.Annotations["io.kubernetes.cri.container-type"] = "pod"
	web.save()
	p.bad(125, []string{"io.kubernetes.cri.container-type", `"pod"`, "(K4)"}, "create", "--bundle", web.bundle, "web")
	p.spec.Mounts = append(p.spec.Mounts, specs.Mount{Destination: "/__runsc_containers__/x", Type: "tmpfs"})
	p.save()
	p.bad(125, []string{"mounts[2] /__runsc_containers__/x", "(K1)"}, "create", "--bundle", p.bundle, "sb")
	p.good("delete", "--force", "plain")
}

// TestPodPropagation: whatever the child's root is, the two views are apart.
func TestPodPropagation(t *testing.T) {
	for _, how := range []string{"shared", "rshared", "rslave", "unbindable"} {
		p := newPod(t, "web")
		p.members["web"].spec.Linux.RootfsPropagation = how
		p.members["web"].save()
		p.up("sb", "web")
		p.good("exec", "web", "busybox", "mount", "-t", "tmpfs", "x", "/bin")
		if got := p.sees("sb", "/__runsc_containers__/web/bin"); !slices.Contains(got, "busybox") {
			t.Errorf("%s: what the child mounts is in the sandbox container: %v", how, got)
		}
		p.good("exec", "sb", "busybox", "mount", "-t", "tmpfs", "x", "/__runsc_containers__/web/stub")
		if got := p.good("exec", "sb", "busybox", "umount", "/__runsc_containers__/web/stub"); got.Err != "" {
			t.Errorf("%s: %+v", how, got)
		}
		p.good("delete", "--force", "sb")
	}
}

// TestPodSourceFDs: a child's root and binds as descriptors; what is left over is
// an error for it as for any container (C15).
func TestPodSourceFDs(t *testing.T) {
	p := newPod(t, "web")
	p.up("sb")
	web := p.members["web"]
	data := filepath.Join(web.dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "here"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	web.spec.Mounts = append(web.spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: "/nowhere", Options: []string{"bind"}})
	web.save()
	create := func(fds string, open ...string) result {
		t.Helper()
		return p.runAs(func(cmd *exec.Cmd) {
			for _, name := range open {
				f, err := os.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { f.Close() })
				cmd.ExtraFiles = append(cmd.ExtraFiles, f)
			}
		}, "create", "--bundle", web.bundle, "--source-fds", fds, "web")
	}
	if r := create("3,4,5", web.path("rootfs"), data, data); r.Code != 125 || !strings.Contains(r.Err, "left over: 5 (C15)") {
		t.Errorf("one too many: %+v", r)
	}
	if r := create("3", web.path("rootfs")); r.Code != 125 || !strings.Contains(r.Err, "none is left for mounts[2] /data (C15)") {
		t.Errorf("one too few: %+v", r)
	}
	if got := p.sees("sb", "/__runsc_containers__"); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
	if r := create("3,4", web.path("rootfs"), data); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	p.good("start", "web")
	if got := p.sees("web", "/data"); !slices.Equal(got, []string{"here"}) {
		t.Errorf("in the child: %v", got)
	}
	if got := p.sees("sb", "/__runsc_containers__/web/data"); !slices.Equal(got, []string{"here"}) {
		t.Errorf("in the sandbox container: %v", got)
	}
	p.good("delete", "--force", "sb")
}

// TestPodKilled kills create and delete of a child at random moments: delete
// --force leaves nothing in the sandbox container.
func TestPodKilled(t *testing.T) {
	p := newPod(t, "web")
	p.up("sb")
	before := p.table("sb", "/")
	published := 0
	for range 60 {
		p.killed(8*time.Millisecond, "create", "--bundle", p.members["web"].bundle, "web")
		if len(p.table("sb", "/__runsc_containers__/web")) > 0 {
			published++
		}
		if rand.N(2) == 0 {
			p.killed(3*time.Millisecond, "delete", "--force", "web")
		}
		p.good("delete", "--force", "web")
		if now := p.table("sb", "/"); !slices.Equal(now, before) {
			t.Fatalf("mounts are left:\n%s", strings.Join(now, ""))
		}
		if got := p.sees("sb", "/__runsc_containers__"); len(got) > 0 {
			t.Fatalf("left: %v", got)
		}
	}
	if published == 0 || published == 60 {
		t.Errorf("%d of 60 were killed after the tree was published: not both kinds", published)
	}
	p.good("delete", "--force", "sb")
}

// TestPodCrowd: many children come at once while the sandbox container is deleted
// by force: each is either refused or taken along.
func TestPodCrowd(t *testing.T) {
	p := newPod(t, "web")
	for range 5 {
		p.up("sb")
		done := make(chan result)
		for i := range 12 {
			go func() {
				done <- p.run("create", "--bundle", p.members["web"].bundle, fmt.Sprint("web", i))
			}()
		}
		time.Sleep(rand.N(40 * time.Millisecond))
		p.good("delete", "--force", "sb")
		made := 0
		for range 12 {
			r := <-done
			if r.Code == 0 {
				made++
			} else if !strings.Contains(r.Err, "sandbox") && !strings.Contains(r.Err, "does not exist") && !strings.Contains(r.Err, "ended") {
				t.Errorf("%+v", r)
			}
		}
		t.Log(made, "made")
		for _, m := range p.members {
			if m.clean(); t.Failed() {
				t.Fatal("left")
			}
		}
	}
}
