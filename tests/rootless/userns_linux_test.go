package rootless

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

const inner = 100000 // root of the containers below, outside

// newMapped is root with a bundle whose config asks for a user namespace, and whose
// files belong to its ids.
func newMapped(t *testing.T) *person {
	t.Helper()
	p := newPerson(t, 0)
	err := filepath.WalkDir(p.path("bundle/rootfs"), func(name string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(name, inner, inner)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []specs.LinuxNamespaceType{specs.UserNamespace, specs.NetworkNamespace, specs.UTSNamespace, specs.IPCNamespace, specs.CgroupNamespace} {
		p.spec.Linux.Namespaces = append(p.spec.Linux.Namespaces, specs.LinuxNamespace{Type: typ})
	}
	p.spec.Hostname = "inner"
	p.spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: inner, Size: 65536}}
	p.spec.Linux.GIDMappings = p.spec.Linux.UIDMappings
	p.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/of-seven", Type: "c", Major: 1, Minor: 3, UID: new(uint32(7)), GID: new(uint32(8))}}
	p.spec.Mounts = append(p.spec.Mounts,
		specs.Mount{Destination: "/owned", Type: "tmpfs", Source: "tmpfs", Options: []string{"uid=5", "gid=6", "mode=0770"}},
		specs.Mount{Destination: "/sealed", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro"}},
		specs.Mount{Destination: "/half", Type: "tmpfs", Source: "tmpfs", Options: []string{"uid=5"}})
	p.spec.Linux.MaskedPaths = []string{"/proc/acpi", "/proc/kcore", "/sys/firmware"}
	p.spec.Linux.ReadonlyPaths = []string{"/proc/sys", "/proc/bus"}
	caps := []string{"CAP_SYS_ADMIN", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_NET_ADMIN"}
	p.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Permitted: caps, Effective: caps}
	p.save()
	return p
}

// as puts the directory of states, and other flags, in front of a command.
func (p *person) as(flags string, args ...string) []string {
	return append(append([]string{"--root", p.path("run/nsboot")}, strings.Fields(flags)...), args...)
}

// TestUserNamespace: the container is root in namespaces of its own, what was made
// for it is its own, and nothing more than that.
func TestUserNamespace(t *testing.T) {
	for _, flags := range []string{"", "--profile=runsc-2019", "--profile=runsc-2018", "--profile=oci", "--overlay=all"} {
		t.Run("flags "+flags, func(t *testing.T) {
			p := newMapped(t)
			if strings.Contains(flags, "oci") {
				p.spec.Mounts = append([]specs.Mount{{Destination: "/proc", Type: "proc"}, {Destination: "/dev", Type: "tmpfs", Options: []string{"mode=755"}}, {Destination: "/dev/pts", Type: "devpts"},
					{Destination: "/dev/mqueue", Type: "mqueue"}, {Destination: "/sys", Type: "sysfs"}}, p.spec.Mounts...)
				p.save()
			}
			r := p.good(p.as(flags, "run", "--", "sh", "-c", `id -u; cat /proc/self/uid_map; busybox hostname
busybox stat -c '%n %u:%g' / /dev /dev/null /dev/pts /dev/ptmx /dev/fd /dev/of-seven /owned /half /sealed /stub /stub/dir
echo > /dev/null && echo > /dev/pts/../null && echo > /stub/dir/f && busybox mount -t tmpfs x /stub/dir && busybox ip link set lo down && echo good`)...)
			out := strings.Join(strings.Fields(r.Out), " ")
			want := "0 0 100000 65536 inner / 0:0 /dev 0:0 /dev/null 0:0 /dev/pts 0:0 /dev/ptmx 0:0 /dev/fd 0:0 /dev/of-seven 7:8 /owned 5:6 /half 5:0 /sealed 0:0 /stub 0:0 /stub/dir 0:0 good"
			if out != want {
				t.Errorf("got  %s\nwant %s\n%s", out, want, r.Err)
			}
		})
	}
}

// TestUserNamespaceBounds: a tree that is the host root's is not the container
// root's, whatever its capabilities.
func TestUserNamespaceBounds(t *testing.T) {
	p := newMapped(t)
	secret := p.path("secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.spec.Linux.ReadonlyPaths = nil
	p.spec.Mounts = append(p.spec.Mounts, specs.Mount{Destination: "/secret", Type: "bind", Source: secret, Options: []string{"bind"}})
	p.save()
	r := p.nsboot(p.as("", "run", "--", "sh", "-c", "cat /secret; echo x > /secret; busybox mknod /stub/dir/sda b 8 0; echo 1 > /proc/sys/vm/drop_caches")...)
	if strings.Contains(r.Out, "secret") || strings.Count(r.Err, "Permission denied") < 3 || !strings.Contains(r.Err, "mknod: /stub/dir/sda: Operation not permitted") {
		t.Errorf("%+v", r)
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "secret\n" {
		t.Errorf("%q %v", text, err)
	}
}

// TestUserNamespaceCapabilities: the bounding set is the config's, although a new
// user namespace comes with all there is, of which nsboot may lack some; and a
// seccomp filter is loaded by the right that the process has there.
func TestUserNamespaceCapabilities(t *testing.T) {
	p := newMapped(t)
	p.spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActErrno}}}
	p.save()
	look := []string{"busybox", "grep", "-E", "^(CapBnd|Seccomp):", "/proc/self/status"}
	const want = "CapBnd:\t0000000000201003\nSeccomp:\t2\n"
	if r := p.good(p.as("", append([]string{"run", "--"}, look...)...)...); r.Out != want {
		t.Errorf("run: %q, want %q", r.Out, want)
	}
	p.good(p.as("", "run", "--detach", "web")...)
	if r := p.good(p.as("", append([]string{"exec", "web"}, look...)...)...); r.Out != want {
		t.Errorf("exec: %q, want %q", r.Out, want)
	}
	p.good(p.as("", "delete", "--force", "web")...)
}

// TestUserNamespaceLifecycle: exec joins the user namespace, another container too.
func TestUserNamespaceLifecycle(t *testing.T) {
	p := newMapped(t)
	p.good(p.as("", "run", "--detach", "web")...)
	if r := p.good(p.as("", "exec", "web", "sh", "-c", "id -u; cat /proc/self/uid_map; busybox hostname")...); strings.Join(strings.Fields(r.Out), " ") != "0 0 100000 65536 inner" {
		t.Errorf("exec: %+v", r)
	}
	if r := p.good(p.as("", "exec", "--user", "5:6", "web", "id")...); r.Out != "uid=5 gid=6\n" {
		t.Errorf("exec: %+v", r)
	}
	p.good(p.as("", "verify", "web")...)
	var state specs.State
	if err := json.Unmarshal([]byte(p.good(p.as("", "state", "web")...).Out), &state); err != nil {
		t.Fatal(err)
	}
	link := func(pid int, ns string) string {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, ns))
		if err != nil {
			t.Fatal(err)
		}
		return to
	}
	p.spec.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace},
		{Type: specs.UserNamespace, Path: fmt.Sprintf("/proc/%d/ns/user", state.Pid)}}
	p.spec.Hostname, p.spec.Linux.UIDMappings, p.spec.Linux.GIDMappings = "", nil, nil
	p.save()
	p.good(p.as("", "run", "--detach", "--pid-file", p.path("pid"), "joins")...)
	text, err := os.ReadFile(p.path("pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	fmt.Sscan(string(text), &pid)
	if link(pid, "user") != link(state.Pid, "user") || link(pid, "mnt") == link(state.Pid, "mnt") || link(pid, "net") == link(state.Pid, "net") {
		t.Error("the one that joins: not the user namespace alone")
	}
	if r := p.good(p.as("", "exec", "joins", "sh", "-c", "id -u; busybox stat -c %u /dev/null; busybox ip link set lo down && busybox mount -t tmpfs x /stub/dir && echo good")...); r.Out != "0\n0\ngood\n" {
		t.Errorf("%+v", r)
	}
	p.good(p.as("", "verify", "web")...)
	p.good(p.as("", "delete", "--force", "joins")...)
	p.good(p.as("", "delete", "--force", "web")...)
}

// TestBadMappings: what the kernel would answer with EINVAL is said, and changes
// nothing.
func TestBadMappings(t *testing.T) {
	p := newMapped(t)
	maps := func(list ...uint32) (out []specs.LinuxIDMapping) {
		for i := 0; i < len(list); i += 3 {
			out = append(out, specs.LinuxIDMapping{ContainerID: list[i], HostID: list[i+1], Size: list[i+2]})
		}
		return out
	}
	for _, tc := range []struct {
		uids []specs.LinuxIDMapping
		want string
	}{
		{maps(0, inner, 10, 9, 5, 1), "linux.uidMappings[1]: 1 ids from 9 on, outside from 5 on overlaps [0]"},
		{maps(0, inner, 10, 20, inner+9, 1), "linux.uidMappings[1]"},
		{maps(0, 4294967290, 10), "linux.uidMappings[0]: 10 ids from 0 on, outside from 4294967290 on goes beyond the last id"},
		{maps(0, inner, 0), "linux.uidMappings[0]: its size is 0"},
		{nil, "linux.namespaces[2]: a user namespace without ids"},
	} {
		p.spec.Linux.UIDMappings = tc.uids
		p.save()
		if r := p.nsboot(p.as("", "run")...); r.Code != 125 || !strings.Contains(r.Err, tc.want) {
			t.Errorf("want %q: %+v", tc.want, r)
		}
	}
	p.spec.Linux.UIDMappings = maps(0, inner, 10)
	p.spec.Mounts[1].Options = []string{"uid=500"}
	p.save()
	if r := p.nsboot(p.as("", "run")...); r.Code != 125 || !strings.Contains(r.Err, `mounts[1] /owned`) || !strings.Contains(r.Err, `option "uid=500": the user namespace has no such id`) {
		t.Errorf("%+v", r)
	}
	p.spec.Linux.Namespaces = p.spec.Linux.Namespaces[:2]
	p.spec.Hostname = ""
	p.save()
	if r := p.nsboot(p.as("", "run")...); r.Code != 125 || !strings.Contains(r.Err, "there is no user namespace") {
		t.Errorf("%+v", r)
	}
}

// TestUserNamespaceRestricted: a user namespace begins with all capabilities in
// its bounding set, those that nsboot's own lacks too (CAP_SYS_RESOURCE on some
// machines). The container has the config's.
func TestUserNamespaceRestricted(t *testing.T) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		testns.Skip(t, "no setpriv")
	}
	p := newMapped(t)
	const status = "busybox grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status"
	restricted := func(args ...string) result {
		nsboot := filepath.Join(testns.Work(), "nsboot")
		return p.result(p.command(append([]string{setpriv, "--bounding-set=-sys_resource,-sys_time", nsboot}, p.as("", args...)...)...))
	}
	const want = "CapPrm: 0000000000201003 CapEff: 0000000000201003 CapBnd: 0000000000201003"
	if r := restricted("run", "--", "sh", "-c", status); strings.Join(strings.Fields(r.Out), " ") != want {
		t.Errorf("run: %+v", r)
	}
	p.good(p.as("", "run", "--detach", "web")...)
	if r := restricted("exec", "web", "sh", "-c", status); strings.Join(strings.Fields(r.Out), " ") != want {
		t.Errorf("exec: %+v", r)
	}
	p.good(p.as("", "delete", "--force", "web")...)
}
