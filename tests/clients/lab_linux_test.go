package clients

import (
	"archive/tar"
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

	"github.com/nsboot/nsboot/tests/testns"
)

// applets are the names that the root has for busybox.
var applets = []string{"sh", "cat", "echo", "true", "sleep", "ls", "id", "pwd", "touch", "hostname", "stat", "mkdir", "tty", "stty"}

// engine is podman, with the stores of all tests.
type engine struct {
	t       testing.TB
	dir     string // of the test
	runtime string
	driver  string // of the image store
	conf    string // of CONTAINERS_CONF
	names   int    // containers so far
}

// newEngine skips the test if something of podman's is missing.
func newEngine(t testing.TB) *engine {
	t.Helper()
	if os.Geteuid() != 0 {
		testns.Skip(t, "booting needs root")
	}
	work := os.Getenv(workEnv)
	if _, err := os.Stat(filepath.Join(work, "busybox")); err != nil {
		testns.Skip(t, "no /bin/busybox")
	}
	for _, tool := range []string{"podman", "conmon"} {
		if _, err := exec.LookPath(tool); err != nil {
			testns.Skip(t, "no "+tool)
		}
	}
	dir, err := os.MkdirTemp(work, "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(findingsFile()); err == nil {
			t.Errorf("nsboot verify: %s", text)
			os.Remove(findingsFile())
		}
	})
	return &engine{t: t, dir: dir, runtime: filepath.Join(work, "nsboot-oci"), driver: "vfs", conf: "/dev/null"}
}

// name is a new container's name, after the test. The container is removed at the
// end of it, whatever became of it.
func (e *engine) name() string {
	e.names++
	name := fmt.Sprintf("%s-%d", strings.ReplaceAll(e.t.Name(), "/", "-"), e.names)
	e.t.Cleanup(func() {
		if r := e.podman("rm", "--force", "--ignore", "--time", "0", name); r.Code != 0 {
			e.t.Errorf("podman rm: %+v", r)
		}
	})
	return name
}

// rootfs makes a root with busybox for the test alone.
func (e *engine) rootfs() string {
	e.t.Helper()
	root := filepath.Join(e.dir, "rootfs")
	err := errors.Join(os.MkdirAll(filepath.Join(root, "bin"), 0o755), os.Mkdir(filepath.Join(root, "etc"), 0o755),
		os.Link(filepath.Join(os.Getenv(workEnv), "busybox"), filepath.Join(root, "bin/busybox")))
	for _, name := range applets {
		err = errors.Join(err, os.Symlink("busybox", filepath.Join(root, "bin", name)))
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return root
}

// image is an image with busybox and a directory of its own at /data, imported
// once.
func (e *engine) image() string {
	e.t.Helper()
	const name = "localhost/box:latest"
	if e.podman("image", "exists", name).Code == 0 {
		return name
	}
	busybox, err := os.ReadFile(filepath.Join(os.Getenv(workEnv), "busybox"))
	if err != nil {
		e.t.Fatal(err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h tar.Header, data []byte) {
		h.Size = int64(len(data))
		err = errors.Join(err, w.WriteHeader(&h))
		_, werr := w.Write(data)
		err = errors.Join(err, werr)
	}
	add(tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	add(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, busybox)
	for _, name := range applets {
		add(tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil)
	}
	add(tar.Header{Name: "data/", Typeflag: tar.TypeDir, Mode: 0o750, Uid: 7, Gid: 8}, nil)
	add(tar.Header{Name: "data/note", Typeflag: tar.TypeReg, Mode: 0o640, Uid: 7, Gid: 8}, []byte("from the image\n"))
	add(tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil)
	if err = errors.Join(err, w.Close()); err != nil {
		e.t.Fatal(err)
	}
	if r := e.input(&buf, "import", "-", name); r.Code != 0 {
		e.t.Fatalf("podman import: %+v", r)
	}
	return name
}

// stores are the flags that keep podman to the tests' directories.
func (e *engine) stores() []string {
	store := filepath.Join(os.Getenv(workEnv), "podman")
	return []string{"--root", filepath.Join(store, e.driver), "--runroot", filepath.Join(store, "run", e.driver), "--tmpdir", filepath.Join(store, "tmp", e.driver),
		"--storage-driver=" + e.driver, "--events-backend=file"}
}

// environ is the environment of every podman.
func (e *engine) environ() []string {
	return []string{"PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "HOME=" + os.Getenv(workEnv), "CONTAINERS_REGISTRIES_CONF=/dev/null"}
}

// result is how a podman ended.
type result struct {
	Code     int
	Out, Err string
}

func (e *engine) podman(args ...string) result {
	e.t.Helper()
	return e.input(nil, args...)
}

// input runs podman with something on its standard input.
func (e *engine) input(in *bytes.Buffer, args ...string) result {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := e.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if in != nil {
		cmd.Stdin = in
	}
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.t.Fatalf("podman %v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// command is podman, not started yet.
func (e *engine) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"--cgroup-manager=cgroupfs", "--runtime", e.runtime}, args...)
	cmd := exec.CommandContext(ctx, "podman", append(e.stores(), args...)...)
	cmd.Dir, cmd.Env = e.dir, append(e.environ(), "CONTAINERS_CONF="+e.conf)
	return cmd
}

// limits is what podman must be told where its defaults need what nsboot does not
// do, or what the machine does not allow.
func limits() []string {
	return []string{"--network=none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
		"--cgroup-parent", cgroupParent(os.Getenv(workEnv))}
}

// run is podman run in the foreground.
func (e *engine) run(args ...string) result {
	e.t.Helper()
	return e.podman(append(append([]string{"run", "--rm", "--name", e.name()}, limits()...), args...)...)
}

// start is podman run --detach; it returns the container's name.
func (e *engine) start(args ...string) string {
	e.t.Helper()
	name := e.name()
	e.good(append(append([]string{"run", "--detach", "--name", name}, limits()...), args...)...)
	return name
}

// good runs podman, which must succeed without a word on standard error, and
// returns its output.
func (e *engine) good(args ...string) string {
	e.t.Helper()
	r := e.podman(args...)
	if r.Code != 0 || r.Err != "" {
		e.t.Fatalf("podman %v: %+v", args, r)
	}
	return r.Out
}

// bad holds a failure against its code and the words it must say.
func (e *engine) bad(r result, code int, words ...string) {
	e.t.Helper()
	if r.Code != code {
		e.t.Errorf("exit %d, want %d: %s%s", r.Code, code, r.Out, r.Err)
	}
	for _, w := range words {
		if !strings.Contains(r.Err, w) {
			e.t.Errorf("podman does not say %q: %s", w, r.Err)
		}
	}
}

// await waits for something that takes a moment.
func (e *engine) await(what string, ok func() bool) {
	e.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.t.Fatalf("waited in vain for %s", what)
		}
	}
}
