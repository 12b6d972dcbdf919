package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestMaskedAndReadonlyPaths: a file reads as /dev/null, a directory as an empty
// read-only one, what is missing needs nothing; readonlyPaths read and do not
// write.
func TestMaskedAndReadonlyPaths(t *testing.T) {
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		b := newBundle(t).namespaces(specs.PIDNamespace)
		b.write("rootfs/etc/dir/secret", "s")
		b.write("rootfs/etc/dir2/secret", "s")
		b.write("rootfs/mnt/ro/f", "f\n")
		if err := os.Symlink("/etc/dir2", b.path("rootfs/etc/link")); err != nil {
			t.Fatal(err)
		}
		if profile == "oci" {
			b.ociMounts()
		}
		b.spec.Linux.MaskedPaths = []string{"/etc/hosts", "/etc/dir", "/etc/link", "/etc/missing", "/proc/kcore", "/proc/keys", "/sys/firmware", "/etc/hosts/below"}
		b.spec.Linux.ReadonlyPaths = []string{"/mnt/ro", "/proc/sys", "/missing", "/etc/hosts/below"}
		b.sh(`cat /etc/hosts /proc/keys | wc -c; ls -A /etc/dir /etc/dir2 /sys/firmware | grep -v : | wc -w; cat /mnt/ro/f
for f in /etc/dir/x /etc/dir2/x /mnt/ro/x /mnt/ro/f /proc/sys/kernel/hostname; do (echo x > $f) 2>&1 | grep -c 'Read-only'; done; echo rw > /mnt/y && cat /mnt/y; rm /mnt/y`)
		if got, want := b.boot("--profile", profile).Out, "0\n0\nf\n1\n1\n1\n1\n1\nrw\n"; got != want {
			t.Errorf("%s: %q, want %q", profile, got, want)
		}
	}
}

// TestFakeNull: what stands in the place of /dev/null is not mounted over a
// masked file (CVE-2025-31133).
func TestFakeNull(t *testing.T) {
	b := newBundle(t)
	b.write("evil/null", "evil")
	b.bind("evil", "/dev")
	b.spec.Linux.MaskedPaths = []string{"/etc/hosts"}
	if r := b.sh("cat /etc/hosts; cat /dev/null").boot(); r.Out != "evil" {
		t.Errorf("%+v", r)
	}
}

// TestDevices: the private /dev holds the default nodes and links, all working,
// and linux.devices as they were asked for (D1).
func TestDevices(t *testing.T) {
	for profile, want := range map[string]string{
		"runsc": "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero", "runsc-2019": "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero",
		"oci": "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero",
	} {
		b := newBundle(t).namespaces(specs.IPCNamespace)
		if profile == "oci" {
			b.ociMounts().mount("tmpfs", "shm", "/dev/shm", "mode=1777", "size=64k")
		}
		mode, id := os.FileMode(0o640), uint32(33)
		b.spec.Linux.Devices = []specs.LinuxDevice{
			{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5, FileMode: &mode, UID: &id, GID: &id},
			{Path: "/dev/sub/blk", Type: "b", Major: 7, Minor: 200}, {Path: "/dev/fifo", Type: "p"}, {Path: "/dev/null", Type: "c", Major: 1, Minor: 3},
		}
		b.sh(`echo $(ls /dev | grep -v -e mine -e sub -e fifo)
stat -c '%n %F %a %u:%g %t:%T' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/mine /dev/sub/blk /dev/fifo
head -c 3 /dev/zero | od -An -tx1; head -c 4 /dev/urandom | wc -c; echo x > /dev/null && cat /dev/null; (echo x > /dev/full) 2>&1 | grep -c 'No space'
readlink /dev/fd; readlink /dev/stdin; readlink /dev/ptmx; echo through > /dev/stdout; head -c 2 /dev/mine | wc -c; stat -f -c %T /dev /dev/pts`)
		r := b.boot("--profile", profile)
		lines := strings.Split(r.Out, "\n")
		wantLines := []string{want,
			"/dev/null character special file 666 0:0 1:3", "/dev/zero character special file 666 0:0 1:5", "/dev/full character special file 666 0:0 1:7",
			"/dev/random character special file 666 0:0 1:8", "/dev/urandom character special file 666 0:0 1:9",
			"/dev/mine character special file 640 33:33 1:5", "/dev/sub/blk block special file 666 0:0 7:c8", "/dev/fifo fifo 666 0:0 0:0",
			" 00 00 00", "4", "1", "/proc/self/fd", "/proc/self/fd/0", "pts/ptmx", "through", "2", "tmpfs", "devpts", ""}
		if d := cmp.Diff(wantLines, lines); d != "" {
			t.Errorf("%s (-want +got):\n%s%s", profile, d, r.Err)
		}
	}
}

// TestPseudoTerminals: /dev/ptmx opens a terminal of the container's own devpts.
func TestPseudoTerminals(t *testing.T) {
	for _, profile := range []string{"runsc", "runsc-2018", "oci"} {
		b := newBundle(t)
		if profile == "oci" {
			b.ociMounts()
		}
		b.sh("exec 5<>/dev/ptmx && ls /dev/pts && stat -c '%a %u' /dev/pts/0; stat -c %a /dev/pts/ptmx; test -c /dev/pts/0 && ls /dev/pts | wc -l")
		if r := b.boot("--profile", profile); r.Out != "0\nptmx\n620 0\n666\n2\n" {
			t.Errorf("%s: %+v", profile, r)
		}
	}
}

// TestHostDeviceNotShown: a spec devtmpfs is a private /dev all the same (D1).
func TestHostDeviceNotShown(t *testing.T) {
	for _, profile := range []string{"runsc", "oci"} {
		b := newBundle(t).mount("devtmpfs", "devtmpfs", "/dev").sh("ls /dev | wc -l; ls /dev/kmsg /dev/mem /dev/vda 2>/dev/null; true")
		if r := b.boot("--profile", profile); r.Code != 0 || !slices.Contains([]string{"13\n", "12\n"}, r.Out) {
			t.Errorf("%s: %+v", profile, r)
		}
	}
}

// TestQueuesAndCgroups: mqueue, and the process's own cgroups with and without a
// cgroup namespace.
func TestQueuesAndCgroups(t *testing.T) {
	for _, types := range [][]specs.LinuxNamespaceType{nil, {specs.CgroupNamespace}} {
		for _, options := range [][]string{{"ro"}, {"rw"}} {
			b := newBundle(t).namespaces(append(types, specs.IPCNamespace)...).ociMounts().
				mount("cgroup", "cgroup", "/sys/fs/cgroup", append(options, "nosuid", "noexec", "nodev")...)
			got, order := b.mountsIn("--profile=oci")
			if !strings.HasSuffix(got["/dev/mqueue"], " mqueue") {
				t.Errorf("/dev/mqueue is %q", got["/dev/mqueue"])
			}
			n := 0
			for _, p := range order {
				if !strings.HasPrefix(p, "/sys/fs/cgroup") {
					continue
				}
				n++
				if !strings.HasPrefix(got[p], options[0]+",nosuid,nodev,noexec") {
					t.Errorf("%v: %s is %q", options, p, got[p])
				}
			}
			if n == 0 {
				t.Error("no cgroup is mounted")
			}
			b.sh("for d in /sys/fs/cgroup/*; do test -e $d/cgroup.procs && echo ok; test -L $d && echo ok; done; test -e /sys/fs/cgroup/cgroup.procs && echo ok; cat /proc/self/cgroup | grep -c -v ':/$'")
			r := b.boot("--profile=oci")
			lines := strings.Fields(r.Out)
			if len(lines) < 2 || lines[0] != "ok" {
				t.Errorf("%v %v: %+v", types, options, r)
			}
			if types != nil && lines[len(lines)-1] != "0" {
				t.Errorf("a cgroup namespace shows the host's paths: %q", r.Out)
			}
		}
	}
}

// TestKernelFileSystems: /proc is the pid namespace's, /sys read-only, both with
// nosuid,nodev,noexec (D3).
func TestKernelFileSystems(t *testing.T) {
	b := newBundle(t).namespaces(specs.PIDNamespace, specs.NetworkNamespace)
	got, _ := b.mountsIn()
	for p, want := range map[string]string{"/proc": "rw,nosuid,nodev,noexec,relatime proc", "/sys": "ro,nosuid,nodev,noexec,relatime sysfs"} {
		if got[p] != want {
			t.Errorf("%s is %q, want %q", p, got[p], want)
		}
	}
	b.sh("ls /proc | grep -c '^[0-9]'; echo $(ls /sys/class/net)")
	if out := b.good(); !strings.HasPrefix(out, "3\nlo\n") && !strings.HasPrefix(out, "2\nlo\n") {
		t.Errorf("%q", out)
	}
	var st unix.Statfs_t
	if err := unix.Statfs("/sys", &st); err != nil || st.Type != unix.SYSFS_MAGIC {
		t.Errorf("the host's /sys is not one any more: %v", err)
	}
}
