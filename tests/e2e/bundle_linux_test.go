package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// bundle is one bundle on disk and the config that is written before each boot.
type bundle struct {
	t    testing.TB
	dir  string
	spec *specs.Spec
	mark string // in the environment of all its processes

	// writes says that the process writes to the host's tree: the test looks at
	// it itself.
	writes bool

	// overlaid says that every boot has an overlay on all: the host is not touched.
	overlaid bool
}

const shellPath = "PATH=/bin"

// allCaps are enough for a probe; the tests' own caller may lack some others.
var allCaps = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE", "CAP_FSETID"}

// newBundle makes a bundle with busybox and the usual empty directories, so that
// the default mounts need no stubs.
func newBundle(t testing.TB) *bundle {
	t.Helper()
	b := bareBundle(t)
	for _, d := range []string{"proc", "sys", "dev", "tmp", "etc", "mnt"} {
		b.mkdir("rootfs/" + d)
	}
	b.write("rootfs/etc/hosts", "the root's own\n")
	return b
}

// bareBundle makes a bundle whose root holds /bin and nothing else: every
// default mount needs a stub.
func bareBundle(t testing.TB) *bundle {
	t.Helper()
	dir := workDir(t)
	b := &bundle{t: t, dir: dir, mark: "E2E=" + dir}
	b.mkdir("rootfs/bin")
	if err := os.Link(busyboxFile(t), b.path("rootfs/bin/busybox")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "cat", "ls", "echo", "id", "true", "sleep", "stat", "readlink", "touch", "mkdir", "rm",
		"rmdir", "ln", "grep", "hostname", "head", "tail", "wc", "kill", "mknod", "test", "pwd", "env", "dd", "printf", "od", "sort", "tty", "stty", "ip", "seq"} {
		if err := os.Symlink("busybox", b.path("rootfs/bin/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	b.spec = &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: []string{"true"}, Env: []string{shellPath, b.mark}, Cwd: "/",
			Capabilities: &specs.LinuxCapabilities{Bounding: allCaps, Effective: allCaps, Permitted: allCaps}},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
	}
	return b
}

func (b *bundle) path(rel string) string { return filepath.Join(b.dir, rel) }

func (b *bundle) mkdir(rel string) string {
	b.t.Helper()
	if err := os.MkdirAll(b.path(rel), 0o755); err != nil {
		b.t.Fatal(err)
	}
	return b.path(rel)
}

func (b *bundle) write(rel, text string) string {
	b.t.Helper()
	b.mkdir(filepath.Dir(rel))
	if err := os.WriteFile(b.path(rel), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return b.path(rel)
}

func (b *bundle) read(rel string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.path(rel))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

func (b *bundle) exists(rel string) bool {
	_, err := os.Lstat(b.path(rel))
	return err == nil
}

func (b *bundle) sh(script string) *bundle {
	b.spec.Process.Args = []string{"sh", "-c", script}
	return b
}

func (b *bundle) readonly() *bundle { b.spec.Root.Readonly = true; return b }

func (b *bundle) namespaces(types ...specs.LinuxNamespaceType) *bundle {
	for _, typ := range types {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: typ})
	}
	return b
}

// bind adds a bind mount; a relative source starts at the bundle (C14).
func (b *bundle) bind(src, dst string, options ...string) *bundle {
	if !slices.Contains(options, "rbind") {
		options = append([]string{"bind"}, options...)
	}
	return b.mount("bind", src, dst, options...)
}

func (b *bundle) tmpfs(dst string, options ...string) *bundle {
	return b.mount("tmpfs", "tmpfs", dst, options...)
}

func (b *bundle) mount(typ, src, dst string, options ...string) *bundle {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Type: typ, Source: src, Destination: dst, Options: options})
	return b
}

// save writes config.json.
func (b *bundle) save() {
	b.t.Helper()
	data, err := json.MarshalIndent(b.spec, "", "  ")
	if err == nil {
		err = os.WriteFile(b.path("config.json"), data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// ociMounts gives the bundle what `runc spec` lists, for the profile oci.
func (b *bundle) ociMounts() *bundle {
	return b.mount("proc", "proc", "/proc").
		mount("tmpfs", "tmpfs", "/dev", "nosuid", "strictatime", "mode=755", "size=65536k").
		mount("devpts", "devpts", "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620").
		mount("mqueue", "mqueue", "/dev/mqueue", "nosuid", "noexec", "nodev").
		mount("sysfs", "sysfs", "/sys", "nosuid", "noexec", "nodev", "ro")
}

// fields reads "name value" lines into a map.
func fields(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		out[name] = value
	}
	return out
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
