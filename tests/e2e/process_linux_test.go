package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestProcessFields: what config.json's process says is what the process sees.
func TestProcessFields(t *testing.T) {
	for _, pid := range []bool{false, true} {
		b := newBundle(t).namespaces(specs.UTSNamespace)
		if pid {
			b.namespaces(specs.PIDNamespace)
		}
		p := b.spec.Process
		umask, oom := uint32(0o027), 321
		p.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{7, 1002}, Umask: &umask}
		p.Env = append(p.Env, "A=1", "EMPTY=", "A=2")
		p.Cwd, p.NoNewPrivileges, p.OOMScoreAdj = "/etc", true, &oom
		p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 123, Hard: 456}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}}
		// Only what is ambient survives the exec of a user that is not root.
		caps := []string{"CAP_CHOWN", "CAP_KILL"}
		p.Capabilities = &specs.LinuxCapabilities{Bounding: append(caps, "CAP_SETUID"), Permitted: caps, Effective: caps,
			Inheritable: caps[:1], Ambient: caps[:1]}
		b.spec.Hostname = "e2e-host"
		b.sh(`echo args $0 "$@"; echo env $A "[$EMPTY]" $HOME; echo cwd $(pwd); echo id $(id -u) $(id -g) $(id -G)
echo umask $(umask); echo nofile $(ulimit -Sn) $(ulimit -Hn); echo core $(ulimit -c); echo host $(hostname)
echo oom $(cat /proc/self/oom_score_adj); while read k v; do case $k in Cap*|NoNew*) echo $k $v;; esac; done </proc/self/status`)
		p.Args = append(p.Args, "zero", "one two", "")
		got := fields(b.good())
		want := map[string]string{
			"args": "zero one two ", "env": "2 [] ", "cwd": "/etc", "id": "1000 1001 1001 7 1002", "umask": "0027",
			"nofile": "123 456", "core": "0", "host": "e2e-host", "oom": "321", "NoNewPrivs:": "1",
			"CapInh:": "0000000000000001", "CapPrm:": "0000000000000001", "CapEff:": "0000000000000001",
			"CapBnd:": "00000000000000a1", "CapAmb:": "0000000000000001",
		}
		for k := range want {
			want[k] = strings.TrimSpace(want[k])
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("pid namespace %v (-want +got):\n%s", pid, d)
		}
	}
}

// TestNamespaces: those listed are new, the others the caller's.
func TestNamespaces(t *testing.T) {
	words := map[specs.LinuxNamespaceType]string{specs.PIDNamespace: "pid", specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc",
		specs.UTSNamespace: "uts", specs.CgroupNamespace: "cgroup"}
	all := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace}
	sets := [][]specs.LinuxNamespaceType{{}, all}
	for i := range all {
		sets = append(sets, all[i:i+1])
	}
	for _, set := range sets {
		b := newBundle(t).namespaces(set...).sh("for n in mnt pid net ipc uts cgroup; do echo $n $(readlink /proc/self/ns/$n); done; echo pid1 $$; echo lo $(ip -o link show up 2>/dev/null | head -1)")
		got := fields(b.good())
		listed := map[string]bool{"mnt": true}
		for _, typ := range set {
			listed[words[typ]] = true
		}
		for _, n := range []string{"mnt", "pid", "net", "ipc", "uts", "cgroup"} {
			host, err := os.Readlink("/proc/self/ns/" + n)
			if err != nil {
				t.Fatal(err)
			}
			if (got[n] != host) != listed[n] {
				t.Errorf("%v: %s is %s, the host's %s", set, n, got[n], host)
			}
		}
		if listed["pid"] != (got["pid1"] == "1") {
			t.Errorf("%v: the process is %s", set, got["pid1"])
		}
		if listed["net"] && !strings.Contains(got["lo"], "UP") {
			t.Errorf("%v: lo is not up: %q", set, got["lo"])
		}
	}
}

// TestJoinedNamespaces: by path, the namespaces of another container.
func TestJoinedNamespaces(t *testing.T) {
	first := newBundle(t).namespaces(specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace)
	first.spec.Hostname = "joined"
	first.sh(await)
	c := first.command().ready()
	first.awaitComm("cat")
	var child string
	for _, p := range first.processes() {
		if p != strconv.Itoa(c.cmd.Process.Pid) {
			child = p
			break
		}
	}
	b := newBundle(t).sh("for n in pid net ipc uts; do echo $n $(readlink /proc/self/ns/$n); done; hostname")
	for typ, n := range map[specs.LinuxNamespaceType]string{specs.PIDNamespace: "pid", specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts"} {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: typ, Path: "/proc/" + child + "/ns/" + n})
	}
	got := fields(b.good())
	for _, n := range []string{"pid", "net", "ipc", "uts"} {
		if want, _ := os.Readlink("/proc/" + child + "/ns/" + n); got[n] != want || want == "" {
			t.Errorf("%s is %q, want %q", n, got[n], want)
		}
	}
	if _, ok := got["joined"]; !ok {
		t.Errorf("the hostname is not the joined namespace's: %v", got)
	}
	b.spec.Linux.Namespaces[1].Path = b.path("rootfs/etc/hosts")
	r := b.boot()
	if r.Code != 125 || !strings.Contains(r.Err, "linux.namespaces[1]") || !strings.Contains(r.Err, "namespace") {
		t.Errorf("a path that is no namespace: %+v", r)
	}
	if r := c.finish(); r.Code != 0 {
		t.Errorf("%+v", r)
	}
}

// TestDescriptors: exactly 0, 1, 2 are open, and those of --preserve-fds
// (CVE-2024-21626).
func TestDescriptors(t *testing.T) {
	for _, b := range killBundles(t) {
		b.sh("ls /proc/$$/fd; true") // its shell waits, with nothing open of its own
		extra := func(cmd *exec.Cmd) {
			for i := range 3 {
				f, err := os.Open(b.write(fmt.Sprintf("unlisted%d", i), "x"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { f.Close() })
				cmd.ExtraFiles = append(cmd.ExtraFiles, f)
			}
		}
		r := b.bootWith(extra)
		if got := strings.Join(sorted(fields(r.Out)), " "); got != "0 1 2" {
			t.Errorf("%s: open are %s: %s %s", b.dir, got, r.Out, r.Err)
		}
		r = b.bootWith(extra, "run", "--preserve-fds", "2")
		if got := strings.Join(sorted(fields(r.Out)), " "); got != "0 1 2 3 4" {
			t.Errorf("%s: with --preserve-fds 2, open are %s: %s %s", b.dir, got, r.Out, r.Err)
		}
		if r := b.bootWith(extra, "run", "--preserve-fds", "4"); r.Code != 125 || !strings.Contains(r.Err, "descriptor 6") {
			t.Errorf("--preserve-fds 4 with three open: %+v", r)
		}
	}
}

// TestExitCodes pass through; nsboot's own are 125, 126 and 127.
func TestExitCodes(t *testing.T) {
	for _, b := range killBundles(t) {
		for _, code := range []int{0, 1, 42, 125, 255} {
			if r := b.sh(fmt.Sprintf("exit %d", code)).boot(); r.Code != code || r.Err != "" {
				t.Errorf("exit %d: %+v", code, r)
			}
		}
		if r := b.sh("kill -9 $$").boot(); r.Code != -9 && r.Code != 137 && b.spec.Linux.Namespaces[0].Type == specs.MountNamespace && !b.hasPID() {
			t.Errorf("killed: %+v", r)
		}
		for _, c := range []struct {
			args  []string
			code  int
			words []string
		}{
			{[]string{"nosuch"}, 127, []string{"process.args[0]", "nosuch", "/bin"}}, // E9
			{[]string{"/nosuch/prog"}, 127, []string{"process.args[0]", "/nosuch/prog"}},
			{[]string{"/plain"}, 126, []string{"process.args[0]", "/plain", "permission denied"}},
			{[]string{"/script"}, 127, []string{"exec /script", "interpreter"}},
			{[]string{"/garbage"}, 126, []string{"exec /garbage", "neither a program"}},
		} {
			b.write("rootfs/plain", "text")
			for name, text := range map[string]string{"script": "#!/no/such/shell\n", "garbage": "\x00\x01"} {
				if err := os.Chmod(b.write("rootfs/"+name, text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			b.spec.Process.Args = c.args
			b.bad(c.code, c.words)
		}
		b.sh("true")
		b.spec.Process.Cwd = "/bin/busybox"
		b.bad(125, []string{"process.cwd", "/bin/busybox"})
	}
}

func (b *bundle) hasPID() bool {
	for _, ns := range b.spec.Linux.Namespaces {
		if ns.Type == specs.PIDNamespace {
			return true
		}
	}
	return false
}

// TestPipes: standard input and output are the caller's.
func TestPipes(t *testing.T) {
	for _, b := range killBundles(t) {
		big := strings.Repeat("0123456789abcdef", 1<<14)
		b.sh("cat; echo err >&2")
		r := b.bootWith(func(cmd *exec.Cmd) { cmd.Stdin = strings.NewReader(big) })
		if r.Out != big || r.Err != "err\n" || r.Code != 0 {
			t.Errorf("%d bytes came through, %q, exit %d", len(r.Out), r.Err, r.Code)
		}
	}
}

// TestParent: where nothing is left to do the process is the caller's child;
// else one nsboot stands in between.
func TestParent(t *testing.T) {
	for name, b := range killBundles(t) {
		supervised := b.supervised() // while no stub is there
		b.sh(await)
		c := b.command().ready()
		pid := strconv.Itoa(c.cmd.Process.Pid)
		comm, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil {
			t.Fatal(err)
		}
		if isNsboot := string(comm) == filepath.Base(nsboot)[:15]+"\n"; isNsboot != supervised {
			t.Errorf("%s: the started process is %q, supervised %v", name, comm, supervised)
		}
		others := 0
		for _, p := range b.processes() {
			if comm, _ := os.ReadFile("/proc/" + p + "/comm"); strings.HasPrefix(string(comm), "nsboot") {
				others++
			}
		}
		if (others == 1) != supervised || others > 1 {
			t.Errorf("%s: %d processes of nsboot", name, others)
		}
		if r := c.finish(); r.Code != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestHostIsOutOfReach: the old root is gone, and what is inherited is inside.
func TestHostIsOutOfReach(t *testing.T) {
	b := newBundle(t).namespaces(specs.PIDNamespace)
	b.sh("ls -d /../../" + b.dir[1:] + " /proc/1/root/home 2>&1; ls /proc/1/root/; wc -l < /proc/self/mountinfo")
	out := b.boot().Out
	if strings.Count(out, "No such file") != 2 || strings.Contains(out, "usr") {
		t.Errorf("%q", out)
	}
	n, _ := strconv.Atoi(strings.Fields(out)[len(strings.Fields(out))-1])
	if n != 6 { // the root, dev, dev/pts, proc, sys, tmp
		t.Errorf("%d mounts are seen: %q", n, out)
	}
}
