package security

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// profiles are all that nsboot has: an attack must fail in each.
var profiles = []string{"runsc", "runsc-2019", "runsc-2018", "oci"}

// bootTimeout is how long one boot may take; nothing here waits for anything.
const bootTimeout = 30 * time.Second

// bundle is a bundle beside a victim: dir/b is the bundle, dir/victim what no
// boot may touch or show.
type bundle struct {
	t      *testing.T
	dir    string
	config map[string]any
	raw    []byte // written in place of config

	// Of the next boot:
	profile string
	flags   []string          // before the command
	command []string          // instead of `run --bundle ...`
	wrap    []string          // in front of nsboot
	attr    func(*exec.Cmd)   // last changes
	grows   func(string) bool // entries of the bundle that may appear
	gone    string            // entries that must go, with all below: the payload takes them away
	wants   []string          // what the payload of a traced boot is to say
}

type object = map[string]any
type array = []any

func newBundle(t *testing.T) *bundle {
	t.Helper()
	if theLab.missing != "" {
		skip(t, theLab.missing)
	}
	dir, err := os.MkdirTemp(theLab.dir, "test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) // nothing is mounted in it but by mountTmpfs, cleaned up before
	b := &bundle{t: t, dir: dir, profile: "runsc"}
	for _, d := range []string{"b/rootfs/bin", "b/rootfs/proc", "b/rootfs/sys", "b/rootfs/dev", "b/rootfs/tmp", "b/rootfs/etc", "b/src", "victim/empty", "victim/pts"} {
		b.mkdir(d)
	}
	b.write("victim/secret", "the host's\n")
	b.write("b/src/own", "the bundle's\n")
	b.link(theLab.payload, "b/rootfs/bin/payload")
	b.config = object{
		"ociVersion": "1.2.0",
		"root":       object{"path": "rootfs"},
		"process": object{
			"user": object{"uid": 0, "gid": 0}, "cwd": "/", "args": array{"/bin/payload"},
			// The payload's runtime is to open no file of its own.
			"env":             array{"PATH=/bin", "GODEBUG=containermaxprocs=0"},
			"noNewPrivileges": true,
		},
		"mounts": array{mount("proc", "/proc", "proc")},
		"linux":  object{"namespaces": array{object{"type": "pid"}, object{"type": "mount"}}},
	}
	return b
}

func (b *bundle) path(rel string) string { return filepath.Join(b.dir, rel) }

func (b *bundle) mkdir(rel string) { b.must(os.MkdirAll(b.path(rel), 0o755)) }
func (b *bundle) write(rel, text string) {
	b.must(os.WriteFile(b.path(rel), []byte(text), 0o644))
}
func (b *bundle) link(from, rel string)  { b.must(os.Link(from, b.path(rel))) }
func (b *bundle) remove(rel string)      { b.must(os.RemoveAll(b.path(rel))) }
func (b *bundle) symlink(to, rel string) { b.remove(rel); b.must(os.Symlink(to, b.path(rel))) }

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// process, linux and mounts are the sections of config.json.
func (b *bundle) process() object { return b.config["process"].(object) }
func (b *bundle) linux() object   { return b.config["linux"].(object) }
func (b *bundle) mounts(m ...any) {
	b.config["mounts"] = append(array{mount("proc", "/proc", "proc")}, m...)
}

// run sets what the payload does.
func (b *bundle) run(verbs ...string) {
	args := array{"/bin/payload"}
	for _, v := range verbs {
		args = append(args, v)
	}
	b.process()["args"] = args
}

func mount(source, destination, typ string, options ...any) object {
	m := object{"source": source, "destination": destination}
	if typ != "" {
		m["type"] = typ
	}
	if len(options) > 0 {
		m["options"] = options
	}
	return m
}

// result is how a boot ended. Its lines are the payload's, "verb: answer".
type result struct {
	code           int
	stdout, stderr string
	command        string
}

func (r result) lines() []string { return strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n") }

// refused reports that nsboot refused with a message that has each of the words in it.
func (r result) refused(t *testing.T, words ...string) {
	t.Helper()
	if r.code != 125 {
		t.Errorf("%s: exit code %d, want 125\nstdout: %sstderr: %s", r.command, r.code, r.stdout, r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("%s: the error does not say %q: %s", r.command, w, r.stderr)
		}
	}
}

// booted reports that the payload ran and answered exactly so.
func (r result) booted(t *testing.T, want ...string) {
	t.Helper()
	if r.code != 0 {
		t.Errorf("%s: exit code %d, want 0\nstderr: %s", r.command, r.code, r.stderr)
		return
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.TrimSuffix(r.stdout, "\n")); diff != "" {
		t.Errorf("%s: the payload says (-want +got):\n%s", r.command, diff)
	}
}

// boot verifies what would be mounted, boots the bundle and holds the world around it against what it was.
func (b *bundle) boot() result {
	b.t.Helper()
	b.writeConfig()
	before := b.world()
	b.verify()
	r := b.start()
	b.unharmed(before, r.command)
	return r
}

func (b *bundle) writeConfig() {
	b.t.Helper()
	data := b.raw
	if data == nil {
		var err error
		data, err = json.Marshal(b.config)
		b.must(err)
	}
	b.must(os.WriteFile(b.path("b/config.json"), data, 0o644))
}

// nsboot is the command line up to the command.
func (b *bundle) nsboot() []string {
	return append([]string{theLab.nsboot, "--profile=" + b.profile}, b.flags...)
}

// start runs nsboot once and kills it when its time is over.
func (b *bundle) start() result {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bootTimeout)
	defer cancel()
	argv := append(append([]string{}, b.wrap...), b.nsboot()...)
	if b.command != nil {
		argv = append(argv, b.command...)
	} else {
		argv = append(argv, "run", "--bundle", b.path("b"))
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = b.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if b.attr != nil {
		b.attr(cmd)
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		b.t.Fatalf("%q hangs; stderr: %s", argv, stderr.String())
	}
	if cmd.ProcessState == nil && cmd.SysProcAttr.Cloneflags != 0 && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC)) {
		skip(b.t, "no user namespace can be made here: "+err.Error())
	}
	if cmd.ProcessState == nil {
		b.t.Fatalf("%q: %v", argv, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), "profile " + b.profile}
}

func (b *bundle) mknod(rel string, major, minor uint32) {
	b.must(unix.Mknod(b.path(rel), unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))))
}
