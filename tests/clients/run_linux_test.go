package clients

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRun: the process's exit code, output and input are podman's own.
func TestRun(t *testing.T) {
	e := newEngine(t)
	root := e.rootfs()
	if diff := cmp.Diff(result{3, "out\n", "err\n"}, e.run("--rootfs", root, "sh", "-c", "echo out; echo err >&2; exit 3")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	args := append(append([]string{"run", "--rm", "--interactive", "--name", e.name()}, limits()...), e.image(), "cat")
	if diff := cmp.Diff(result{0, "typed\n", ""}, e.input(bytes.NewBufferString("typed\n"), args...)); diff != "" {
		t.Errorf("input: -want +got:\n%s", diff)
	}
}

// TestRunProcess: user, environment, directory and host name.
func TestRunProcess(t *testing.T) {
	e := newEngine(t)
	r := e.run("--user", "7:8", "--env", "KEY=value", "--workdir", "/data", "--hostname", "box", e.image(),
		"sh", "-c", "id -u; id -g; echo $KEY; pwd; hostname; cat note")
	if diff := cmp.Diff(result{0, "7\n8\nvalue\n/data\nbox\nfrom the image\n", ""}, r); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRunVolumes: a volume is written through to the host unless it is read-only.
func TestRunVolumes(t *testing.T) {
	e := newEngine(t)
	for _, dir := range []string{"rw", "ro"} {
		if err := os.Mkdir(filepath.Join(e.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(e.dir, dir, "there"), []byte(dir+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	volumes := []string{"--volume", filepath.Join(e.dir, "rw") + ":/mnt/rw", "--volume", filepath.Join(e.dir, "ro") + ":/mnt/ro:ro"}
	r := e.run(append(volumes, "--rootfs", e.rootfs(), "sh", "-c", "cat /mnt/*/there; echo new > /mnt/rw/new; echo new > /mnt/ro/new")...)
	if r.Code == 0 || r.Out != "ro\nrw\n" || !strings.Contains(r.Err, "Read-only file system") {
		t.Errorf("got %+v", r)
	}
	if text, err := os.ReadFile(filepath.Join(e.dir, "rw/new")); string(text) != "new\n" {
		t.Errorf("the volume has %q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(e.dir, "ro/new")); err == nil {
		t.Error("the read-only volume was written to")
	}
}

// TestRunReadonly: the root is not to be written to, and what podman then puts on
// /tmp is.
func TestRunReadonly(t *testing.T) {
	e := newEngine(t)
	r := e.run("--read-only", e.image(), "sh", "-c", "touch /tmp/x && stat -c %a /tmp && touch /x")
	if r.Code != 1 || r.Out != "1777\n" || !strings.Contains(r.Err, "/x: Read-only file system") {
		t.Errorf("got %+v", r)
	}
}

// TestRunTmpfs: podman asks for what the image has there to be copied up.
func TestRunTmpfs(t *testing.T) {
	e := newEngine(t)
	script := "cat /data/note; stat -c '%u:%g %a' /data /data/note; stat -f -c %T /data; ls /data/missing; echo gone > /data/note"
	r := e.run("--tmpfs", "/data", e.image(), "sh", "-c", script)
	if want := "from the image\n7:8 750\n7:8 640\ntmpfs\n"; r.Out != want || r.Code != 0 {
		t.Errorf("got %+v, want %q", r, want)
	}
	if r := e.run(e.image(), "cat", "/data/note"); r.Out != "from the image\n" {
		t.Errorf("the image has changed: %+v", r)
	}
}

// TestRunNotExecutable: podman recognises what nsboot says and exits as a shell
// does.
func TestRunNotExecutable(t *testing.T) {
	e := newEngine(t)
	e.bad(e.run(e.image(), "nosuch"), 127, "executable file not found in $PATH", "nosuch")
	e.bad(e.run(e.image(), "/bin/nosuch"), 127, "/bin/nosuch")
	e.bad(e.run(e.image(), "/data"), 126, "/data", "directory")
	e.bad(e.run(e.image(), "/data/note"), 126, "/data/note", "permission denied")
}

// TestRunLogged: to a runtime of a name that it knows, runsc's among them, podman
// gives --log with --log-format=json; it still shows why.
func TestRunLogged(t *testing.T) {
	e := newEngine(t)
	e.conf = filepath.Join(e.dir, "conf")
	if err := os.WriteFile(e.conf, []byte("[engine]\nruntime_supports_json = [\"nsboot-oci\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e.bad(e.run(e.image(), "nosuch"), 127, "executable file not found in $PATH", "nosuch")
	e.bad(e.run("--security-opt", "seccomp="+e.notifying(), e.image(), "true"), 126, "linux.seccomp.listenerPath is not set")
	if r := e.run(e.image(), "echo", "fine"); r != (result{0, "fine\n", ""}) {
		t.Errorf("%+v", r)
	}
}

// TestRunSeccomp: podman's default filter is there, in an exec too, and so is one
// that is given.
func TestRunSeccomp(t *testing.T) {
	e := newEngine(t)
	image := e.image()
	look := []string{"busybox", "grep", "^Seccomp:", "/proc/self/status"}
	if r := e.run(append([]string{image}, look...)...); r != (result{0, "Seccomp:\t2\n", ""}) {
		t.Errorf("podman's own filter: %+v", r)
	}
	filter := `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":117}]}`
	file := filepath.Join(e.dir, "filter.json")
	if err := os.WriteFile(file, []byte(filter), 0o644); err != nil {
		t.Fatal(err)
	}
	name := e.start("--security-opt", "seccomp="+file, image, "busybox", "sleep", "1000")
	for _, args := range [][]string{{"run", "--rm", "--security-opt", "seccomp=" + file, image}, {"exec", name}} {
		if args[0] == "run" {
			args = append(append([]string{"run", "--rm"}, limits()...), args[2:]...)
		}
		if r := e.podman(append(args, "busybox", "mkdir", "/tmp/x")...); r.Code != 1 || !strings.Contains(r.Err, "Structure needs cleaning") {
			t.Errorf("%s: a filter that is given: %+v", args[0], r)
		}
	}
	e.good("rm", "--force", "--time", "0", name)
}

// TestRunRefused: what nsboot does not do is not done silently: whoever typed
// podman reads why.
func TestRunRefused(t *testing.T) {
	e := newEngine(t)
	image := e.image()
	e.bad(e.run("--security-opt", "seccomp="+filepath.Join(e.dir, "filter.json"), image, "true"), 125, "filter.json") // podman's own
	e.bad(e.run("--security-opt", "seccomp="+e.notifying(), image, "true"), 126, "linux.seccomp.listenerPath is not set")
}

// notifying is the name of a filter that asks somebody who is not there.
func (e *engine) notifying() string {
	e.t.Helper()
	name := filepath.Join(e.dir, "filter.json")
	filter := `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["ioctl"],"action":"SCMP_ACT_NOTIFY"}]}`
	if err := os.WriteFile(name, []byte(filter), 0o644); err != nil {
		e.t.Fatal(err)
	}
	return name
}

// TestRunUserNamespace: podman has the container in a user namespace, with its
// masked paths, devices and /dev/shm, and executes in it.
func TestRunUserNamespace(t *testing.T) {
	e := newEngine(t)
	name := e.start("--uidmap", "0:100000:65536", "--rootfs", e.rootfs(), "busybox", "sleep", "1000")
	look := []string{"busybox", "sh", "-c", "busybox id -u; busybox cat /proc/self/uid_map; echo x > /dev/null && echo x > /dev/shm/f && busybox stat -c %u /dev/null /dev/shm/f"}
	r := e.podman(append([]string{"exec", name}, look...)...)
	if got := strings.Join(strings.Fields(r.Out), " "); r.Code != 0 || got != "0 0 100000 65536 0 0" {
		t.Errorf("%+v", r)
	}
	e.good("rm", "--force", "--time", "0", name)
}

// TestRunProfile: the link's name is the profile. In runsc's an empty /tmp is a
// tmpfs, so that what is written there is not in an image made of the container.
func TestRunProfile(t *testing.T) {
	e := newEngine(t)
	look := []string{e.image(), "sh", "-c", "stat -f -c %T /tmp"}
	if r := e.run(look...); r.Code != 0 || strings.TrimSpace(r.Out) == "tmpfs" && !tmpfsRoot(e) {
		t.Errorf("oci: %+v", r)
	}
	e.runtime = filepath.Join(os.Getenv(workEnv), "nsboot-runsc")
	if r := e.run(look...); r.Code != 0 || r.Out != "tmpfs\n" {
		t.Errorf("runsc: %+v", r)
	}
}

// tmpfsRoot: the containers' roots are themselves on a tmpfs here, as the whole
// work directory is.
func tmpfsRoot(e *engine) bool {
	return e.run(e.image(), "stat", "-f", "-c", "%T", "/").Out == "tmpfs\n"
}
