package lifecycle

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// foreground starts nsboot run and waits until the container is there.
func (l *lab) foreground(args ...string) *exec.Cmd {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l.t.Cleanup(cancel)
	cmd := l.command(ctx, append([]string{"run"}, args...)...)
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	await(l.t, "the container", func() bool {
		r := l.run("state", "web")
		return r.Code == 0 && strings.Contains(r.Out, `"running"`)
	})
	return cmd
}

// TestForeground: a run with an ID is a container as others are while it lasts,
// and is forgotten with its end; without an ID nothing is recorded.
func TestForeground(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		file := filepath.Join(l.dir, "pid")
		cmd := l.foreground("--pid-file", file, "web")
		if text, err := os.ReadFile(file); err != nil || string(text) != strconv.Itoa(l.state("web").Pid) {
			t.Errorf("pid file: %q %v", text, err)
		}
		l.verify()
		l.bad(7, nil, "exec", "web", "sh", "-c", "exit 7")
		l.bad(125, []string{"web", "already exists"}, "run", "web")
		l.bad(125, []string{"web is running"}, "delete", "web")
		l.good("kill", "web", "KILL")
		if r := l.wait(cmd); r.Code != 137 || r.Err != "" {
			t.Errorf("%+v", r)
		}
		l.clean()
		for _, id := range []string{"", "web"} {
			args := append([]string{"run"}, strings.Fields(id)...)
			l.bad(3, nil, append(args, "--", "sh", "-c", "exit 3")...)
			l.bad(127, []string{"nowhere"}, append(args, "--", "nowhere")...)
			if r := l.run(append(args, "--", "ls", "/stub")...); r.Out != "dir\n" {
				t.Errorf("%+v", r)
			}
			if list := l.good("list", "-q").Out; list != "" {
				t.Errorf("recorded: %q", list)
			}
			l.clean()
		}
	})
}

// TestForegroundDeleted: whoever deletes it by force ends the run.
func TestForegroundDeleted(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		cmd := l.foreground("--keep", "web")
		l.good("delete", "--force", "web")
		if r := l.wait(cmd); r.Code != 137 || r.Err != "" {
			t.Errorf("%+v", r)
		}
		l.clean()
	})
}

// TestForegroundKept: with --keep it stays, stopped, unless it could not be started.
func TestForegroundKept(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.bad(5, nil, "run", "--keep", "web", "--", "sh", "-c", "exit 5")
		l.is("web", specs.StateStopped)
		l.bad(125, []string{"already exists"}, "run", "--keep", "web")
		l.good("delete", "web")
		l.bad(127, []string{"nowhere"}, "run", "--keep", "web", "--", "nowhere")
		l.clean()
	})
}

// TestForegroundKilled: what SIGKILL of nsboot leaves is stopped, and goes.
func TestForegroundKilled(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		cmd := l.foreground("web")
		if err := cmd.Process.Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l.wait(cmd)
		l.becomes("web", specs.StateStopped)
		l.good("delete", "web")
		l.clean()
	})
}

// TestForegroundHooks: poststop runs once, whoever it is that ends the container.
func TestForegroundHooks(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	log := filepath.Join(l.dir, "log")
	l.spec.Hooks = &specs.Hooks{
		CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo runtime >> " + log}}},
		Poststart:     []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo start >> " + log}}},
		Poststop:      []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "echo stop >> " + log}}},
	}
	l.save()
	ran := func(what string) {
		t.Helper()
		text, err := os.ReadFile(log)
		if err != nil || string(text) != "runtime\nstart\nstop\n" {
			t.Errorf("%s: %q %v", what, text, err)
		}
		os.Remove(log)
	}
	l.good("run", "web", "--", "true")
	ran("at its end")
	cmd := l.foreground("web")
	await(t, "poststart", func() bool { text, _ := os.ReadFile(log); return strings.HasSuffix(string(text), "start\n") })
	l.good("delete", "--force", "web")
	l.wait(cmd)
	ran("deleted")
	l.good("run", "--keep", "web", "--", "true")
	l.good("delete", "web")
	ran("kept")
}
