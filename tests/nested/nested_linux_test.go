package nested

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

// What --debug says where something stands in for what the kernel does not give.
const (
	boundDevices = "/dev: the kernel lets no devices be made here: 6 are binds of the host's"
	boundNull    = "/dev/null: the kernel lets no device be made here: a bind of the host's /dev/null"
	boundProc    = "the kernel refuses a new proc (operation not permitted): a recursive bind of /proc stands in"
	ownProc      = "/proc is of another pid namespace: this command has mounted one for itself"
	noTTYGroup   = "the user namespace does not have the group of the terminals"
)

func sh(script string) []string { return []string{"sh", "-c", script, "sh"} }

// TestUnshare: root of a user namespace that somebody else has made, with no id but
// one, and setgroups given up.
func TestUnshare(t *testing.T) {
	t.Run("its own proc", func(t *testing.T) {
		newLab(t).judged([]string{"unshare", "-Urmpf", "--mount-proc"}, boundDevices, boundNull, noTTYGroup)
	})
	t.Run("the outer proc", func(t *testing.T) { newLab(t).judged([]string{"unshare", "-Urmpf"}, ownProc, boundDevices) })
	t.Run("as root", func(t *testing.T) { newLab(t).judged([]string{"unshare", "-mpf"}, ownProc) })
}

// TestMaskedProc: in a container whose /proc is masked the kernel lets a user
// namespace mount no other.
func TestMaskedProc(t *testing.T) {
	const masked = `mount --bind /dev/null /proc/keys && exec "$@"`
	t.Run("bound", func(t *testing.T) {
		newLab(t).judged(append([]string{"unshare", "-mpf", "--mount-proc"}, append(sh(masked), "unshare", "-Urm")...), boundProc)
	})
	t.Run("and foreign", func(t *testing.T) {
		l := newLab(t)
		l.bad(append([]string{"unshare", "-mpf", "--mount-proc"}, append(sh(masked), "unshare", "-Urmpf", l.nsboot, "list")...),
			"/proc is of another pid namespace, and mounting another for this command: mount procfs on /proc: operation not permitted", "unshare has --mount-proc")
	})
}

// TestFewCapabilities: root of a container that may do little is root of a user
// namespace of its own, as an ordinary user is.
func TestFewCapabilities(t *testing.T) {
	without := func(caps string) []string {
		return []string{"unshare", "-mpf", "--mount-proc", "setpriv", "--bounding-set=" + caps, "--inh-caps=" + caps}
	}
	t.Run("without mounting", func(t *testing.T) {
		newLab(t).judged(without("-sys_admin"), "root has no CAP_SYS_ADMIN here: it has it in one where every id is itself", boundDevices)
	})
	t.Run("without ids", func(t *testing.T) {
		newLab(t).judged(without("-sys_admin,-setuid,-setgid"), "root has no CAP_SYS_ADMIN here: it has it in one without any other id")
	})
	l := newLab(t)
	l.bundle(nil)
	l.bad(append(without("-all"), l.nsboot, "run"), "user namespace: map user ids: operation not permitted", "CAP_SETFCAP")
	l.bad(append(without("-net_admin"), l.nsboot, "run"), "linux.namespaces network: bring up lo: operation not permitted", "--cap-add NET_ADMIN")
	out, code := l.output(append(without("-kill,-audit_write"), l.nsboot, "run", "--", "busybox", "grep", "CapPrm", "/proc/self/status")...)
	if want := "nsboot: warning: process.capabilities: CAP_KILL, CAP_AUDIT_WRITE: nsboot itself does not have it; left out\nCapPrm:\t0000000000000400\n"; code != 0 || out != want {
		t.Errorf("exit %d: %q, want %q", code, out, want)
	}
}

// TestReadOnlyFileSystem: nothing can be made in the bundle, whatever its config
// says of the root.
func TestReadOnlyFileSystem(t *testing.T) {
	for _, flags := range []string{"--profile=runsc", "--profile=runsc-2019", "--profile=runsc-2018", "--profile=oci", "--overlay=all"} {
		for _, readonly := range []bool{true, false} {
			l := newLab(t)
			l.bundle(func(s *specs.Spec) { s.Root.Readonly = readonly })
			script := `mount --bind "$DIR" "$DIR" && mount -o remount,bind,ro "$DIR" && cd "$DIR" || exit 1
n() { "$NSBOOT" --root "$STATE" ` + flags + ` "$@" 2>&1 | grep -v warning; }
n run -- sh -c 'echo > /dev/null && ls /proc/self > /dev/null && echo good; echo 2> /dev/null > /file && echo writable'
"$NSBOOT" --root "$STATE" ` + flags + ` run --detach c -- busybox sleep 1000 > /dev/null 2>&1; n verify c; n delete --force c`
			out, _ := l.output("unshare", "-mpf", "--mount-proc", "--kill-child", "env", "STATE="+l.dir+".state", "sh", "-c", script)
			want := "good\n"
			if strings.Contains(flags, "overlay") && !readonly {
				want += "writable\n"
			}
			if out != want {
				t.Errorf("%s, read-only %v: %q, want %q", flags, readonly, out, want)
			}
		}
	}
}

// bundle makes a bundle of the config that nsboot spec writes, without a terminal,
// in the test's directory.
func (l *lab) bundle(change func(*specs.Spec)) {
	l.t.Helper()
	l.root(filepath.Join(l.dir, "rootfs"))
	if out, code := l.output(l.nsboot, "spec"); code != 0 {
		l.t.Fatalf("nsboot spec: %s", out)
	}
	l.edit(l.dir, change)
}

func (l *lab) edit(dir string, change func(*specs.Spec)) {
	l.t.Helper()
	var spec specs.Spec
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err == nil {
		err = json.Unmarshal(data, &spec)
	}
	spec.Process.Terminal = false
	if change != nil {
		change(&spec)
	}
	if err == nil {
		data, err = json.Marshal(&spec)
	}
	if err = errors.Join(err, os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644)); err != nil {
		l.t.Fatal(err)
	}
}

// root makes a root with busybox alone.
func (l *lab) root(dir string) {
	l.t.Helper()
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "bin"), 0o755), testns.Copy(filepath.Join(dir, "bin/busybox"), filepath.Join(l.dir, "busybox")))
	for _, name := range []string{"sh", "ls", "cat"} {
		err = errors.Join(err, os.Symlink("busybox", filepath.Join(dir, "bin", name)))
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// TestRefusals: what the kernel refuses without a reason is said with one.
func TestRefusals(t *testing.T) {
	in := func(l *lab) []string { return []string{"unshare", "-Urmpf", "--mount-proc", l.nsboot, "run"} }
	t.Run("setgroups", func(t *testing.T) {
		l := newLab(t)
		l.bundle(func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{0, 7} })
		l.bad(in(l), "setgroups [0 7]: operation not permitted (process.user.additionalGids: /proc/self/setgroups says deny")
	})
	t.Run("cgroups", func(t *testing.T) {
		l := newLab(t)
		l.bundle(func(s *specs.Spec) {
			s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: new(int64(64 << 20))}}
		})
		script := `for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mountpoint -q $d && mount -o remount,bind,ro $d; done; exec "$@"`
		l.bad(append([]string{"unshare", "-m"}, append(sh(script), in(l)...)...), "cgroup", "read-only file system", "--cgroup-manager=disabled boots without a cgroup")
	})
}
