package nsmount

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNamespaces(t *testing.T) {
	host := namespaceLinks()
	for _, ns := range []struct{ typ, link string }{{"network", "net"}, {"ipc", "ipc"}, {"uts", "uts"}, {"cgroup", "cgroup"}, {"pid", "pid"}, {"mount", "mnt"}} {
		o := order{Process: payload(t, "report"), Proc: ns.typ == "pid"}
		o.Process.Namespaces = []Namespace{{Type: ns.typ}}
		if ns.typ == "uts" {
			o.Process.Hostname = "inside"
		}
		r := bootReport(t, o)
		for link, id := range r.Namespaces {
			// The mount namespace is new in any case.
			if want := link == ns.link || link == "mnt"; (id != host[link]) != want {
				t.Errorf("%s asked for: %s is %s, the caller's %s", ns.typ, link, id, host[link])
			}
		}
		if ns.typ == "uts" && r.Hostname != "inside" {
			t.Errorf("hostname %q, want inside", r.Hostname)
		}
		if ns.typ == "mount" {
			continue
		}
		// Join the namespace of a living process.
		cmd, out, pid := inNamespace(t, ns.typ)
		path := fmt.Sprintf("/proc/%d/ns/%s", pid, ns.link)
		o.Process.Namespaces[0].Path, o.Proc = path, false
		if want, err := os.Readlink(path); err != nil {
			t.Error(err)
		} else if r := bootReport(t, o); ns.typ != "pid" && r.Namespaces[ns.link] != want {
			t.Errorf("%s: joined %s, is in %s", ns.typ, want, r.Namespaces[ns.link])
		} else if ns.typ == "pid" && (r.Pid < 2 || r.Pid > 100) {
			t.Errorf("pid %d: not the second or so of the joined pid namespace", r.Pid)
		} else if ns.typ == "uts" && r.Hostname != "inside" {
			t.Errorf("joined: hostname %q, want inside", r.Hostname)
		}
		cmd.Process.Kill()
		ends(out)
		cmd.Wait()
	}
	if name, err := os.Hostname(); err != nil || name == "inside" {
		t.Errorf("the host's name is %q (%v)", name, err)
	}
}

func TestNamespaceErrors(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		list     []Namespace
		hostname string
		want     string
	}{
		{[]Namespace{{"pid", ""}, {"network", "/proc/self/ns/uts"}}, "", "linux.namespaces[1] network: /proc/self/ns/uts is not a network namespace"},
		{[]Namespace{{"ipc", "/etc/passwd"}}, "", "linux.namespaces[0] ipc: /etc/passwd is not a ipc namespace"},
		{[]Namespace{{"ipc", fifo}}, "", "is not a ipc namespace"},
		{[]Namespace{{"ipc", "/no/such"}}, "", "linux.namespaces[0] ipc: open /no/such: no such file or directory"},
		{[]Namespace{{"uts", "/proc/self/ns/uts"}}, "mine", "joins the caller's own uts namespace; setting it would rename the host"},
	} {
		o := order{Process: payload(t, "exit", "0")}
		o.Process.Namespaces, o.Process.Hostname = tt.list, tt.hostname
		if out, code := boot(t, o); code != 99 || !strings.Contains(out, tt.want) {
			t.Errorf("%v: exit %d, want 99 and %q: %s", tt.list, code, tt.want, out)
		}
	}
}

// TestNamespacesUnprivileged: one hint, and nothing entered.
func TestNamespacesUnprivileged(t *testing.T) {
	o := order{Process: payload(t, "exit", "0")}
	wrapped := order{Process: payload(t), InPlace: true}
	wrapped.Process.Env, wrapped.Process.UID = bootCommand(t, o).Env, 65534
	public(t, &wrapped)
	out, code := boot(t, wrapped)
	if want := "boot: make the namespaces of linux.namespaces: operation not permitted\n"; code != 99 || out != want {
		t.Errorf("exit %d: got %q, want %q", code, out, want)
	}
	var e error = &privilegeError{unix.EPERM}
	if h, ok := e.(interface{ Hint() string }); !ok || !strings.Contains(h.Hint(), "as root") {
		t.Error("no hint")
	}
}

func TestNewNetworkHasLoopback(t *testing.T) {
	o := order{Process: Process{Args: []string{"/bin/cat", "/proc/self/net/if_inet6", "/proc/self/net/fib_trie"}, Cwd: "/"}}
	o.Process.Namespaces = []Namespace{{Type: "network"}}
	if out, _ := boot(t, o); !strings.Contains(out, "127.0.0.1") {
		t.Errorf("lo has no address: %s", out)
	}
}

// TestJoinedPIDNamespaceHidesChild: /proc shows a process that is not dumpable
// as root's, whatever its own group is (CVE-2019-5736).
func TestJoinedPIDNamespaceHidesChild(t *testing.T) {
	o := order{Process: payload(t, "exit", "0"), Owner: true, Kill: true}
	if out, code := boot(t, o); code != 0 || out != "group 1234\n" {
		t.Errorf("not joined: exit %d, %q, want group 1234", code, out)
	}
	o.Process.Namespaces = []Namespace{{"pid", "/proc/self/ns/pid"}}
	if out, code := boot(t, o); code != 0 || out != "group 0\n" {
		t.Errorf("joined: exit %d, %q, want group 0", code, out)
	}
}

// inNamespace starts a process in a new namespace and returns its pid here.
func inNamespace(t *testing.T, typ string) (*exec.Cmd, *bufio.Reader, int) {
	t.Helper()
	flags := map[string]uintptr{"network": unix.CLONE_NEWNET, "ipc": unix.CLONE_NEWIPC, "uts": unix.CLONE_NEWUTS, "cgroup": unix.CLONE_NEWCGROUP, "pid": unix.CLONE_NEWPID}
	p := payload(t, "sleep")
	cmd := exec.Command(p.Args[0], "sleep")
	cmd.Env = p.Env
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: flags[typ]}
	cmd, out := start(t, cmd)
	expect(t, out, "ready")
	return cmd, out, cmd.Process.Pid
}
