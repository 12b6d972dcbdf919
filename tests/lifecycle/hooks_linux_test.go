package lifecycle

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// change makes calls in a process's mount namespace, on a thread that ends
// with them.
func change(t *testing.T, pid int, calls func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		ns, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Unshare(unix.CLONE_FS)
		}
		if err == nil {
			err = unix.Setns(ns, unix.CLONE_NEWNS)
			unix.Close(ns)
		}
		if err == nil {
			err = calls()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// hooked is a lab whose six kinds of hooks write a line each to the file log:
// the kind, the status, whether it sees the container's root.
func hooked(t *testing.T) (l *lab, log func() []string) {
	t.Helper()
	l = newLab(t, specs.PIDNamespace)
	file := filepath.Join(l.dir, "log")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/log", Type: "bind", Source: file, Options: []string{"bind"}})
	script := func(kind, to string) string {
		return `s=$(cat); s=${s#*\"status\":\"}; where=host; [ -e /stub/dir ] && where=container; echo ` + kind + ` ${s%%\"*} $where >>` + to
	}
	hook := func(kind string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script(kind, file)}, Env: []string{"PATH=/usr/bin:/bin"}}}
	}
	l.spec.Hooks = &specs.Hooks{
		//lint:ignore SA1019 deprecated, and honoured
		Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"),
		Poststart: hook("poststart"), Poststop: hook("poststop"),
		StartContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script("startContainer", "/log")}, Env: []string{"PATH=/bin"}}},
	}
	l.save()
	return l, func() []string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
}

var (
	atCreate = []string{"prestart creating host", "createRuntime creating host", "createContainer creating host"}
	atStart  = []string{"startContainer created container", "poststart running host"}
	atDelete = []string{"poststop stopped host"}
)

func join(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Each kind of hook runs at its moment, told the status of that moment, where
// runtime-spec says it is found.
func TestHooks(t *testing.T) {
	l, log := hooked(t)
	for _, step := range []struct {
		args []string
		want []string
	}{
		{[]string{"create", "c"}, atCreate},
		{[]string{"start", "c"}, join(atCreate, atStart)},
		{[]string{"delete", "--force", "c"}, join(atCreate, atStart, atDelete)},
	} {
		l.good(step.args...)
		if d := cmp.Diff(step.want, log()); d != "" {
			t.Errorf("after %v (-want +got):\n%s", step.args, d)
		}
	}
}

// A foreground run has them too.
func TestHooksOfRun(t *testing.T) {
	l, log := hooked(t)
	l.sh("exit 3")
	if r := l.run("run"); r.Code != 3 {
		t.Errorf("%+v, want the process's exit code 3", r)
	}
	if d := cmp.Diff(join(atCreate, atStart, atDelete), log()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// createContainer is in the container's mount namespace, with the host's root.
func TestCreateContainerNamespace(t *testing.T) {
	l, _ := hooked(t)
	out := filepath.Join(l.dir, "ns")
	l.spec.Hooks.CreateContainer[0].Args[2] = "readlink /proc/self/ns/mnt >" + out
	l.save()
	l.good("create", "c")
	defer l.good("delete", "--force", "c")
	got, err := os.ReadFile(out)
	want, _ := os.Readlink("/proc/" + strconv.Itoa(l.state("c").Pid) + "/ns/mnt")
	if err != nil || strings.TrimSpace(string(got)) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

// A hook that fails or takes too long ends the container, if it comes before
// the process runs; its words are in the error.
func TestFailingHooks(t *testing.T) {
	one := 1
	for _, kind := range []string{"prestart", "createRuntime", "createContainer"} {
		l, _ := hooked(t)
		//lint:ignore SA1019 deprecated, and honoured
		list := map[string][]specs.Hook{"prestart": l.spec.Hooks.Prestart, "createRuntime": l.spec.Hooks.CreateRuntime, "createContainer": l.spec.Hooks.CreateContainer}[kind]
		list[0].Args[2] = "echo because; exit 3"
		l.save()
		l.bad(125, []string{"hooks." + kind + "[0] /bin/sh", "exit status 3: because"}, "create", "c")
		l.bad(125, []string{"because"}, "run")
		list[0].Args[2], list[0].Timeout = "exec sleep 100", &one
		l.save()
		began := time.Now()
		l.bad(125, []string{"killed after its timeout of 1s"}, "create", "c")
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: took %v", kind, took)
		}
	}
}

func TestFailingStartContainer(t *testing.T) {
	l, log := hooked(t)
	l.spec.Hooks.StartContainer[0].Args[2] = "exit 4"
	l.save()
	l.good("create", "c")
	l.bad(125, []string{"hooks.startContainer[0] /bin/sh: exit status 4"}, "start", "c")
	l.becomes("c", specs.StateStopped)
	l.good("delete", "c")
	if d := cmp.Diff(join(atCreate, atDelete), log()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	l.bad(125, []string{"hooks.startContainer[0]"}, "run")
}

// poststart and poststop only warn, and those after a failed one still run.
func TestFailingLateHooks(t *testing.T) {
	l, log := hooked(t)
	fails := specs.Hook{Path: "/nosuch"}
	l.spec.Hooks.Poststart = append([]specs.Hook{fails}, l.spec.Hooks.Poststart...)
	l.spec.Hooks.Poststop = append([]specs.Hook{fails}, l.spec.Hooks.Poststop...)
	l.save()
	l.good("create", "c")
	for _, args := range [][]string{{"start", "c"}, {"delete", "--force", "c"}} {
		if r := l.run(args...); r.Code != 0 || !strings.Contains(r.Err, "warning: hooks.post") || !strings.Contains(r.Err, "/nosuch") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if d := cmp.Diff(join(atCreate, atStart, atDelete), log()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestBadHooks(t *testing.T) {
	l, _ := hooked(t)
	zero := 0
	l.spec.Hooks.Poststop[0].Timeout = &zero
	l.save()
	l.bad(125, []string{"hooks.poststop[0].timeout"}, "run")
	l.spec.Hooks.Poststop[0] = specs.Hook{Path: "bin/sh"}
	l.save()
	l.bad(125, []string{"hooks.poststop[0].path", "not absolute"}, "create", "c")
}
