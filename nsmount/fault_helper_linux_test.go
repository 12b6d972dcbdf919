package nsmount

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// errInjected is no errno, so that no code takes it for one it knows a way around.
var errInjected = errors.New("injected failure")

// faultCase is a plan in which every call fails once.
type faultCase struct {
	name    string
	profile string
	overlay string
	mounts  []specs.Mount // SRC in a source stands for a host directory beside the root
	change  func(*specs.Spec)
	stubs   bool // the host's tree holds mount points while it is mounted
}

func bindMount(src, dst string, options ...string) specs.Mount {
	return specs.Mount{Source: src, Destination: dst, Type: "bind", Options: append([]string{"rbind"}, options...)}
}

func tmpfsAt(dst string, options ...string) specs.Mount {
	return specs.Mount{Source: "tmpfs", Destination: dst, Type: "tmpfs", Options: options}
}

func idMapped(m specs.Mount) specs.Mount {
	m.UIDMappings = []specs.LinuxIDMapping{{HostID: uint32(1000 * len(m.Options)), Size: 10}}
	m.GIDMappings = []specs.LinuxIDMapping{{HostID: 2000, Size: 10}}
	return m
}

func faultCases() []faultCase {
	readonly := func(s *specs.Spec) { s.Root.Readonly = true }
	paths := func(s *specs.Spec) {
		s.Linux.MaskedPaths = []string{"/proc/kcore", "/sys/firmware", "/proc/scsi", "/etc", "/nowhere"}
		s.Linux.ReadonlyPaths = []string{"/proc/sys", "/etc"}
		mode, id := os.FileMode(0o640), uint32(7)
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/sub/fuse", Type: "c", Major: 10, Minor: 229, FileMode: &mode, UID: &id, GID: &id}}
	}
	nested := []specs.Mount{bindMount("SRC/dir", "/data/in"), bindMount("SRC/file", "/file"), tmpfsAt("/data/in/sub/tmp")}
	return []faultCase{
		{name: "bind root", mounts: nested[:0]},
		{name: "writable with stubs", mounts: nested, stubs: true},
		{name: "read-only with stubs", mounts: append([]specs.Mount{bindMount("SRC/dir", "/ro", "ro"), tmpfsAt("/ro/in")}, nested[1]), change: readonly},
		{name: "overlay root", overlay: "root", mounts: nested[1:2]},
		{name: "overlay all", overlay: "all", mounts: nested},
		{name: "masks and devices", mounts: nested[:0], change: paths},
		{name: "cgroup", mounts: []specs.Mount{{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}}}},
		{name: "oci", profile: "oci", stubs: true, mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc"}, {Destination: "/sys", Type: "sysfs", Options: []string{"ro"}},
			tmpfsAt("/dev", "mode=755"), {Destination: "/dev/mqueue", Type: "mqueue"}, bindMount("SRC/dir", "/new", "rslave")}},
		{name: "oci nodes in the root", profile: "oci", stubs: true},
		{name: "terminal", mounts: nested[:0], change: func(s *specs.Spec) { s.Process.Terminal = true }},
		{name: "copy up", profile: "oci", stubs: true, mounts: []specs.Mount{
			tmpfsAt("/dev", "mode=755"), tmpfsAt("/etc", "tmpcopyup", "ro"), tmpfsAt("/etc/in/new", "tmpcopyup")}},
		{name: "idmap", mounts: []specs.Mount{idMapped(bindMount("SRC/dir", "/mnt")), idMapped(bindMount("SRC/dir", "/data", "ro", "ridmap")), tmpfsAt("/data/in")},
			change: func(s *specs.Spec) { s.Linux.RootfsPropagation = "rshared" }},
		{name: "idmap and overlay", overlay: "all", mounts: []specs.Mount{idMapped(bindMount("SRC/dir", "/mnt")), idMapped(bindMount("SRC/file", "/etc/hosts"))}},
		{name: "overlay mount", profile: "oci", stubs: true, mounts: []specs.Mount{
			tmpfsAt("/dev", "mode=755"), {Destination: "/mnt", Type: "overlay", Options: []string{"lowerdir=SRC/dir:SRC/empty"}}, tmpfsAt("/mnt/stub/deep"),
			idMapped(specs.Mount{Destination: "/data", Type: "overlay", Options: []string{"lowerdir=SRC/dir", "upperdir=SRC/up/upper", "workdir=SRC/up/work"}})}},
		{name: "remount", mounts: []specs.Mount{tmpfsAt("/mnt", "nosuid"), tmpfsAt("/mnt", "remount", "size=1m", "ro")}},
		{name: "stub in sysfs", mounts: []specs.Mount{tmpfsAt("/sys/not-there")}},
		{name: "sealed", mounts: []specs.Mount{tmpfsAt("/mnt", "ro"), tmpfsAt("/mnt/a", "nosymfollow")}},
	}
}

// faultBundle builds a case's bundle below dir and compiles its plan.
func faultBundle(t testing.TB, dir string, c faultCase) (*Plan, *specs.Spec) {
	t.Helper()
	for _, d := range []string{"rootfs/bin", "rootfs/proc", "rootfs/sys", "rootfs/tmp", "rootfs/etc", "rootfs/mnt", "rootfs/data", "src/dir/sub", "src/empty", "src/up/upper", "src/up/work"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if c.profile != "oci" {
		if err := os.Mkdir(filepath.Join(dir, "rootfs/dev"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"rootfs/etc/hosts", "src/file", "src/dir/own"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte(f), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spec := &specs.Spec{Version: specs.Version, Root: &specs.Root{Path: "rootfs"}, Linux: &specs.Linux{},
		Process: &specs.Process{Args: []string{"/bin/payload", "exit", "7"}, Cwd: "/work", Env: []string{launchEnv + "=payload"}}}
	spec.Mounts = slices.Clone(c.mounts)
	for i := range spec.Mounts {
		spec.Mounts[i].Source = strings.Replace(spec.Mounts[i].Source, "SRC", filepath.Join(dir, "src"), 1)
		spec.Mounts[i].Options = slices.Clone(spec.Mounts[i].Options)
		for j, o := range spec.Mounts[i].Options {
			spec.Mounts[i].Options[j] = strings.ReplaceAll(o, "SRC", filepath.Join(dir, "src"))
		}
	}
	if c.change != nil {
		c.change(spec)
	}
	if spec.Root.Readonly || !c.stubs {
		spec.Process.Cwd = "/"
	}
	overlay, err := ParseOverlay(c.overlay)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Compile(spec, Options{Profile: c.profile, Bundle: dir, Overlay: overlay})
	if err != nil {
		t.Fatal(err)
	}
	return plan, spec
}

// ownNamespace takes the test's goroutine, for good, into a mount namespace of
// its own.
func ownNamespace(t testing.TB) {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
}

// worldState is what a boot that failed must leave as it was.
type worldState struct {
	Mounts []string
	FDs    []int
	Files  []string
}

func readState(t testing.TB, dir string) worldState {
	t.Helper()
	return worldState{Mounts: threadMounts(t), FDs: openDescriptors(0), Files: listTree(t, dir)}
}

func threadMounts(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return mountLines(string(data))
}

// mountLines is a mount table without the ids, which differ between namespaces.
func mountLines(table string) []string {
	var out []string
	for line := range strings.Lines(table) {
		out = append(out, strings.Join(strings.Fields(line)[2:], " "))
	}
	return out
}

// listTree lists all below dir that a boot could change, on one file system.
func listTree(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%s %o %d:%d %x", p[len(dir):], st.Mode, st.Uid, st.Gid, st.Rdev)
		if st.Mode&unix.S_IFMT == unix.S_IFREG {
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		if p != filepath.Join(dir, "state") { // a journal in it counts, it itself does not
			out = append(out, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func explainFDs() string {
	var out []string
	for _, fd := range openDescriptors(0) {
		link, _ := os.Readlink(fdPath(fd))
		out = append(out, fmt.Sprintf("%d %s", fd, link))
	}
	return strings.Join(out, "; ")
}

func checkState(t *testing.T, dir string, before worldState, at string) {
	t.Helper()
	after := readState(t, dir)
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("%s: left behind (-before +after):\n%s%s", at, d, explainFDs())
		for len(after.Mounts) > len(before.Mounts) && unix.Unmount(filepath.Join(dir, "rootfs"), unix.MNT_DETACH) == nil {
			after.Mounts = after.Mounts[1:] // so that the next call is judged for itself
		}
	}
}
