package rootless

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// both runs a test as either user.
func both(t *testing.T, f func(t *testing.T, p *person)) {
	t.Run("granted ids", func(t *testing.T) {
		if _, err := exec.LookPath("newuidmap"); err != nil {
			testns.Skip(t, "no newuidmap")
		}
		f(t, newPerson(t, granted))
	})
	t.Run("one id", func(t *testing.T) { f(t, newPerson(t, alone)) })
}

// TestRun: run simply works, the process is root of a user namespace, and --debug
// says whose ids it has.
func TestRun(t *testing.T) {
	both(t, func(t *testing.T, p *person) {
		r := p.good("--debug", "run", "--", "sh", "-c", "id -u; cat /proc/self/uid_map; cat /proc/1/stat | cut -d' ' -f1; ls /; echo > /stub/dir/file; exit 0")
		for _, dir := range []string{"dev", "proc", "sys", "tmp", "stub"} {
			if !slices.Contains(strings.Fields(r.Out), dir) {
				t.Errorf("no /%s: %s", dir, r.Out)
			}
		}
		maps, says := []string{"0 3001 1", "1 200000 65536"}, "uid 3001 is root, and the ids granted by /etc/subuid follow"
		if p.uid == alone {
			maps, says = []string{"0 3002 1"}, "uid 3002 is root, and there is no other id"
		}
		out := strings.Join(strings.Fields(r.Out), " ")
		for _, m := range maps {
			if !strings.Contains(out, m) {
				t.Errorf("no map %q: %s", m, r.Out)
			}
		}
		if !strings.HasPrefix(r.Out, "0\n") || !strings.Contains(r.Err, says) {
			t.Errorf("%+v", r)
		}
		if r := p.nsboot("run", "--", "sh", "-c", "exit 7"); r.Code != 7 || r.Err != "" {
			t.Errorf("exit code: %+v", r)
		}
		if r := p.nsboot("run", "--", "nosuch"); r.Code != 127 || strings.Count(r.Err, "nosuch") == 0 {
			t.Errorf("no such program: %+v", r)
		}
		if r := p.nsboot("--rootless=false", "run"); r.Code != 125 || !strings.Contains(r.Err, "needs root") {
			t.Errorf("--rootless=false: %+v", r)
		}
	})
}

// TestUser: another user than root needs more ids than one's own.
func TestUser(t *testing.T) {
	both(t, func(t *testing.T, p *person) {
		p.spec.Process.User = specs.User{UID: 5, GID: 6}
		p.save()
		r := p.nsboot("run", "--", "id")
		if p.uid == granted && (r.Code != 0 || r.Out != "uid=5 gid=6\n") {
			t.Errorf("%+v", r)
		}
		if p.uid == alone && (r.Code != 125 || !strings.Contains(r.Err, "no such id") || !strings.Contains(r.Err, "/etc/subuid")) {
			t.Errorf("%+v", r)
		}
	})
}

// TestLifecycle: containers outlive the command, and the other commands find them.
func TestLifecycle(t *testing.T) {
	both(t, func(t *testing.T, p *person) {
		p.good("create", "web")
		if r := p.good("state", "web"); !strings.Contains(r.Out, `"created"`) {
			t.Errorf("%+v", r)
		}
		p.good("start", "web")
		if r := p.good("list", "-q"); r.Out != "web\n" {
			t.Errorf("%+v", r)
		}
		if r := p.good("exec", "web", "sh", "-c", "id -u; ls /stub"); r.Out != "0\ndir\n" {
			t.Errorf("exec: %+v", r)
		}
		if r := p.nsboot("exec", "web", "sh", "-c", "exit 9"); r.Code != 9 {
			t.Errorf("exec: %+v", r)
		}
		if r := p.good("verify", "web"); r.Out != "" {
			t.Errorf("verify: %+v", r)
		}
		if r := p.good("ps", "web"); !strings.Contains(r.Out, "sleep 1000") {
			t.Errorf("ps: %+v", r)
		}
		p.good("kill", "web", "KILL")
		for deadline := time.Now().Add(5 * time.Second); !strings.Contains(p.good("state", "web").Out, `"stopped"`); {
			if time.Now().After(deadline) {
				t.Fatal("it is not stopped")
			}
		}
		p.good("delete", "web")
		p.good("run", "--detach", "web")
		p.good("delete", "--force", "web")
		p.good("delete", "--force", "web")
	})
}

// TestDo: a throwaway copy of this machine's root, in which much can be written
// and nothing of it reaches the disk.
func TestDo(t *testing.T) {
	both(t, func(t *testing.T, p *person) {
		if err := os.WriteFile(p.path("mine"), []byte("old\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(p.path("mine"), p.uid, p.uid); err != nil {
			t.Fatal(err)
		}
		script := "id -u; echo new > /etc/of-nsboot && cat /etc/of-nsboot; test -x /bin/sh && test -d /usr/bin && echo system; " +
			"echo new > " + p.path("mine") + "; cat " + p.path("mine") + "; echo kept > " + p.path("run/kept")
		r := p.good("do", "--rw", p.path("run"), "--", "sh", "-c", script)
		if r.Out != "0\nnew\nsystem\nnew\n" {
			t.Errorf("%+v", r)
		}
		if data, err := os.ReadFile(p.path("mine")); err != nil || string(data) != "old\n" {
			t.Errorf("on the host: %q %v", data, err)
		}
		if _, err := os.Stat("/etc/of-nsboot"); err == nil {
			t.Error("/etc/of-nsboot is on the host")
		}
		if data, err := os.ReadFile(p.path("run/kept")); err != nil || string(data) != "kept\n" {
			t.Errorf("--rw: %q %v", data, err)
		}
		os.Remove(p.path("run/kept"))
	})
}

// TestSignals: what is sent to nsboot reaches the process, and its end is told.
func TestSignals(t *testing.T) {
	p := newPerson(t, alone)
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		cmd := p.command(filepath.Join(testns.Work(), "nsboot"), "run", "--", "sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); len(p.processes()) < 2 && time.Now().Before(deadline); {
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		cmd.Process.Signal(sig)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); sig == unix.SIGTERM && code != 143 {
			t.Errorf("exit code %d, want 143", code)
		}
		if sig == unix.SIGKILL { // the mount points stay until the next boot
			p.good("run", "--", "sh", "-c", "exit 0")
		}
	}
}

// TestOff: where there are no user namespaces to be had, the error names the switch.
func TestOff(t *testing.T) {
	p := newPerson(t, alone)
	if _, err := exec.LookPath("setpriv"); err != nil {
		testns.Skip(t, "no setpriv")
	}
	// The limit is that of the user namespace in which it is written.
	nsboot := filepath.Join(testns.Work(), "nsboot")
	cmd := p.command("sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --reuid 3002 --regid 3002 --clear-groups "+nsboot+" run -- id")
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: alone, HostID: alone, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true}
	r := p.result(cmd)
	if r.Code != 125 || !strings.Contains(r.Err, "the sysctl user.max_user_namespaces is 0") {
		t.Errorf("%+v", r)
	}
}

// TestMappings: config.json says which ids the user namespace has, as runc spec
// --rootless writes it.
func TestMappings(t *testing.T) {
	both(t, func(t *testing.T, p *person) {
		p.spec.Linux.Namespaces = append(p.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		p.spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(p.uid), Size: 1}}
		p.spec.Linux.GIDMappings = p.spec.Linux.UIDMappings
		p.save()
		if r := p.good("run", "--", "cat", "/proc/self/uid_map"); strings.Join(strings.Fields(r.Out), " ") != strings.TrimSpace("0 "+map[int]string{granted: "3001", alone: "3002"}[p.uid]+" 1") {
			t.Errorf("%+v", r)
		}
		p.spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}}
		p.save()
		if r := p.nsboot("run", "--", "id"); r.Code != 125 || !strings.Contains(r.Err, "uid") {
			t.Errorf("somebody else's id: %+v", r)
		}
	})
}

// TestDevices: where no device can be made the host's are bound, the config's too.
func TestDevices(t *testing.T) {
	for _, profile := range []string{"runsc", "oci"} {
		p := newPerson(t, alone)
		p.spec.Mounts = append(p.spec.Mounts, specs.Mount{Destination: "/dev", Type: "tmpfs", Options: []string{"mode=755"}})
		p.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/full", Type: "c", Major: 1, Minor: 7}}
		p.save()
		r := p.nsboot("--profile="+profile, "run", "--", "sh", "-c", "echo > /dev/null; busybox stat -c %t:%T /dev/null /dev/full; echo > /dev/full")
		if r.Out != "1:3\n1:7\n" || !strings.Contains(r.Err, "No space left") {
			t.Errorf("%s: %+v", profile, r)
		}
		p.spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/zero2", Type: "c", Major: 1, Minor: 5}}
		p.save()
		if r := p.nsboot("--profile="+profile, "run"); r.Code != 125 || !strings.Contains(r.Err, "linux.devices[0] /dev/zero2") || !strings.Contains(r.Err, "none can be made here") {
			t.Errorf("%s: a device that the host does not have there: %+v", profile, r)
		}
	}
}
