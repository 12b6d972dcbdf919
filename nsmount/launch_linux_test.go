package nsmount

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var pidNS = []Namespace{{Type: "pid"}, {Type: "mount"}}

// ways are the three ways a process is started.
var ways = []struct {
	name string
	set  func(*order)
}{
	{"in place", func(o *order) { o.InPlace = true }},
	{"forked", func(o *order) {}},
	{"pid namespace", func(o *order) { o.Process.Namespaces = pidNS; o.Proc = true }},
}

func TestLaunchExitCode(t *testing.T) {
	for _, way := range ways {
		for _, code := range []int{0, 1, 42, 127, 255} {
			o := order{Process: payload(t, "exit", strconv.Itoa(code))}
			way.set(&o)
			if out, got := boot(t, o); got != code {
				t.Errorf("%s: exit code %d, want %d: %s", way.name, got, code, out)
			}
		}
		o := order{Process: payload(t, "die", "9")}
		if way.set(&o); o.Process.Namespaces != nil {
			continue // pid 1 cannot kill itself
		}
		want := 128 + 9
		if o.InPlace {
			want = -9 // nobody is there to put it into an exit code
		}
		if out, got := boot(t, o); got != want {
			t.Errorf("%s: killed: exit code %d, want %d: %s", way.name, got, want, out)
		}
	}
}

// TestLaunchDescriptors leaves descriptors 3, 4 and 5 open without CLOEXEC,
// as a careless caller does (CVE-2024-21626).
func TestLaunchDescriptors(t *testing.T) {
	for _, way := range ways {
		for preserve := range 4 {
			o := order{Process: payload(t, "report"), Preserve: preserve}
			way.set(&o)
			cmd := bootCommand(t, o)
			for range 3 {
				f, err := os.Open(os.DevNull)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				cmd.ExtraFiles = append(cmd.ExtraFiles, f)
			}
			got := startReport(t, cmd).FDs
			if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5}[:3+preserve], got); diff != "" {
				t.Errorf("%s, preserve %d: open descriptors (-want +got):\n%s", way.name, preserve, diff)
			}
		}
	}
	if out, code := boot(t, order{Process: payload(t, "report"), Preserve: 1}); code != 99 || !strings.Contains(out, "preserve descriptor 3: bad file descriptor") {
		t.Errorf("a preserved descriptor that is not open: exit %d: %s", code, out)
	}
}

func TestLaunchCredentials(t *testing.T) {
	caps := &Capabilities{Bounding: 0x20_0000_0421, Effective: 0x401, Permitted: 0x421, Inheritable: 0x400, Ambient: 0x400}
	for _, way := range ways {
		for _, tt := range []struct {
			name string
			uid  uint32
			caps *Capabilities
			want map[string]string
		}{
			{"root, none given", 0, nil, map[string]string{"CapInh": "0", "CapPrm": "0", "CapEff": "0", "CapBnd": "0", "CapAmb": "0"}},
			{"user, none given", 1000, nil, map[string]string{"CapInh": "0", "CapPrm": "0", "CapEff": "0", "CapBnd": "0", "CapAmb": "0"}},
			// Exec gives root the bounding set, whatever is permitted: capabilities(7).
			{"root", 0, &Capabilities{Bounding: 0x421, Effective: 0x421, Permitted: 0x421}, map[string]string{"CapInh": "0", "CapPrm": "421", "CapEff": "421", "CapBnd": "421", "CapAmb": "0"}},
			// Exec leaves a user the ambient ones.
			{"user", 1000, caps, map[string]string{"CapInh": "400", "CapPrm": "400", "CapEff": "400", "CapBnd": "2000000421", "CapAmb": "400"}},
			{"user without ambient", 1000, &Capabilities{Bounding: 0x421, Permitted: 0x421, Effective: 0x421}, map[string]string{"CapInh": "0", "CapPrm": "0", "CapEff": "0", "CapBnd": "421", "CapAmb": "0"}},
		} {
			umask := uint32(0o027)
			o := order{Process: payload(t, "report")}
			o.Process.UID, o.Process.GID, o.Process.Groups, o.Process.Umask = tt.uid, tt.uid+7, []uint32{5, 70000}, &umask
			o.Process.Capabilities, o.Process.NoNewPrivileges = tt.caps, tt.uid != 0
			way.set(&o)
			public(t, &o)
			r := bootReport(t, o)
			got := map[string]string{}
			for name := range tt.want {
				got[name] = strings.TrimLeft(r.Status[name][:len(r.Status[name])-1], "0") + r.Status[name][len(r.Status[name])-1:]
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s, %s: (-want +got):\n%s", way.name, tt.name, diff)
			}
			u, g := int(tt.uid), int(tt.uid)+7
			if want := [6]int{u, u, u, g, g, g}; r.IDs != want {
				t.Errorf("%s, %s: ids %v, want %v", way.name, tt.name, r.IDs, want)
			}
			if diff := cmp.Diff([]int{5, 70000}, r.Groups); diff != "" {
				t.Errorf("%s, %s: groups (-want +got):\n%s", way.name, tt.name, diff)
			}
			if r.Umask != 0o027 {
				t.Errorf("%s, %s: umask %#o, want 027", way.name, tt.name, r.Umask)
			}
			if want := map[bool]string{false: "0", true: "1"}[tt.uid != 0]; r.Status["NoNewPrivs"] != want {
				t.Errorf("%s, %s: NoNewPrivs %s, want %s", way.name, tt.name, r.Status["NoNewPrivs"], want)
			}
		}
	}
}

// TestLaunchDropsGroups: a config without additionalGids has none, not the caller's.
func TestLaunchDropsGroups(t *testing.T) {
	for _, way := range ways {
		o := order{Process: payload(t, "report")}
		way.set(&o)
		cmd := bootCommand(t, o)
		cmd.SysProcAttr = &unix.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{4, 24}}}
		if r := startReport(t, cmd); len(r.Groups) != 0 {
			t.Errorf("%s: groups %v, want none", way.name, r.Groups)
		}
	}
}

func TestLaunchLimits(t *testing.T) {
	for _, way := range ways {
		o := order{Process: payload(t, "report")}
		way.set(&o)
		o.Process.OOMScoreAdj = new(321)
		// The caller's own soft limit, not the one the Go runtime raised it to.
		r := startReport(t, limited(bootCommand(t, o), "ulimit -Sn 777; ulimit -Hn 5000; ulimit -Sc 1; umask 031"))
		if r.Nofile != [2]uint64{777, 5000} || r.Core[0] != 512 && r.Core[0] != 1024 {
			t.Errorf("%s: nofile %v, core %v: want the caller's 777, 5000 and one block", way.name, r.Nofile, r.Core)
		}
		if r.Umask != 0o031 || r.OOM != "321" {
			t.Errorf("%s: umask %#o, oom_score_adj %s: want 031 and 321", way.name, r.Umask, r.OOM)
		}
		o.Process.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 99, 4000}, {unix.RLIMIT_CORE, 4096, 8192}}
		if r := bootReport(t, o); r.Nofile != [2]uint64{99, 4000} || r.Core != [2]uint64{4096, 8192} {
			t.Errorf("%s: nofile %v, core %v: want the config's", way.name, r.Nofile, r.Core)
		}
	}
}

// TestLaunchArguments: exe is not args[0], and the environment is the config's alone.
func TestLaunchArguments(t *testing.T) {
	for _, way := range ways {
		o := order{Process: payload(t, "report", "", "two words", "\xff\n")}
		o.Exe, o.Process.Args[0], o.Process.Cwd = o.Process.Args[0], "another name", t.TempDir()
		way.set(&o)
		r := bootReport(t, o)
		if diff := cmp.Diff([]string{"another name", "report", "", "two words", "\ufffd\n"}, r.Args); diff != "" {
			t.Errorf("%s: args (-want +got):\n%s", way.name, diff)
		}
		if diff := cmp.Diff(o.Process.Env, r.Env); diff != "" {
			t.Errorf("%s: env (-want +got):\n%s", way.name, diff)
		}
		if r.Cwd != o.Process.Cwd {
			t.Errorf("%s: cwd %s, want %s", way.name, r.Cwd, o.Process.Cwd)
		}
	}
}

// TestLaunchSignalState runs cat, which unlike a Go payload leaves dispositions
// and mask as it got them. SIGHUP is what nohup ignores.
func TestLaunchSignalState(t *testing.T) {
	for _, way := range ways {
		o := order{Process: Process{Args: []string{"/bin/cat", "/proc/self/status"}, Cwd: "/"}}
		way.set(&o)
		out, err := limited(bootCommand(t, o), "trap '' HUP").CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", way.name, err, out)
		}
		for name, want := range map[string]uint64{"SigBlk": 0, "SigIgn": 1, "SigCgt": 0, "SigPnd": 0} {
			if got := statusMask(t, string(out), name); got != want {
				t.Errorf("%s: %s is %x, want %x in:\n%s", way.name, name, got, want, out)
			}
		}
	}
}

// statusMask reads a mask of /proc/PID/status. Signals 32 and 33 are the C
// library's, and some callers of the tests have them ignored.
func statusMask(t *testing.T, status, name string) uint64 {
	t.Helper()
	_, rest, _ := strings.Cut(status, name+":\t")
	value, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(value, 16, 64)
	if err != nil {
		t.Fatalf("no %s in:\n%s", name, status)
	}
	return mask &^ (1<<31 | 1<<32)
}

// TestLaunchPivot: the root of the waiting child, which has an fs_struct of its
// own, follows the parent's pivot_root; its procfs is attached by the parent.
func TestLaunchPivot(t *testing.T) {
	for _, namespaces := range [][]Namespace{nil, pidNS} {
		o := order{Process: payload(t, "report"), Root: t.TempDir(), Proc: true}
		installPayload(t, &o)
		o.Process.Namespaces = namespaces
		r := bootReport(t, o)
		if diff := cmp.Diff([]string{"payload", "proc"}, r.Root); diff != "" {
			t.Errorf("the process's root (-want +got):\n%s", diff)
		}
		if namespaces != nil && (r.Pid != 1 || r.Ppid != 0 || r.ProcSelf != "1") {
			t.Errorf("pid %d, parent %d, /proc/self %s: want 1, 0, 1", r.Pid, r.Ppid, r.ProcSelf)
		}
		if r.Status["Seccomp"] == "" || r.Cwd != "/" {
			t.Errorf("no procfs of its own, or cwd %s is not /", r.Cwd)
		}
	}
}

func TestLaunchErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name string
		set  func(*order)
		want string
	}{
		{"missing interpreter", func(o *order) { o.Exe = write("script", "#!/no/such/sh\n", 0o755) }, "/script: no such file or directory (the file is there, but what it needs is not"},
		{"no program", func(o *order) { o.Exe = write("text", "hello", 0o755) }, "/text: exec format error (neither a program"},
		{"not executable", func(o *order) { o.Exe = write("plain", "hello", 0o644) }, "/plain: permission denied (not executable"},
		{"long name", func(o *order) { o.Exe = strings.Repeat("x", 5000) }, "file name too long"},
		{"hard limit over the kernel's", func(o *order) { o.Process.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 1, ^uint64(0)}} }, "set RLIMIT_NOFILE to 1, 18446744073709551615: operation not permitted (above"},
	} {
		for _, way := range ways {
			o := order{Process: payload(t, "exit", "0")}
			way.set(&o)
			tt.set(&o)
			if out, code := boot(t, o); code != 99 || !strings.Contains(out, tt.want) {
				t.Errorf("%s, %s: exit %d, want 99 and %q: %s", tt.name, way.name, code, tt.want, out)
			}
		}
	}
	// CVE-2024-21626: a current directory that is outside the new root.
	o := order{Process: payload(t, "exit", "0"), Root: t.TempDir(), Proc: true, CwdFrom: "host"}
	installPayload(t, &o)
	if out, code := boot(t, o); code != 99 || !strings.Contains(out, "check process.cwd /: invalid cross-device link (the directory is outside the root)") {
		t.Errorf("cwd outside the root: exit %d: %s", code, out)
	}
}

// TestLaunchMissingCapability: nsboot has lost CAP_SYS_TIME itself.
func TestLaunchMissingCapability(t *testing.T) {
	o := order{Process: payload(t, "exit", "0")}
	o.Process.Capabilities = &Capabilities{Bounding: 1 << 25, Permitted: 1<<25 | 1, Effective: 1}
	wrapped := order{Process: payload(t), InPlace: true}
	wrapped.Process.Env = bootCommand(t, o).Env
	all := ownCapabilities(t) &^ (1 << 25)
	wrapped.Process.Capabilities = &Capabilities{Bounding: all, Permitted: all, Effective: all}
	out, code := boot(t, wrapped)
	if want := "set process.capabilities: operation not permitted (nsboot itself does not have CAP_SYS_TIME)"; code != 99 || !strings.Contains(out, want) {
		t.Errorf("exit %d, want 99 and %q: %s", code, want, out)
	}
}

// ownCapabilities are those of the test: in a container not all there are.
func ownCapabilities(t *testing.T) uint64 {
	t.Helper()
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		t.Fatal(err)
	}
	return uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32
}

func TestLaunchKillAndMemory(t *testing.T) {
	for _, namespaces := range [][]Namespace{nil, pidNS} {
		o := order{Process: payload(t, "exit", "3"), Kill: true, Memory: true}
		o.Process.Namespaces = namespaces
		out, code := boot(t, o)
		if code != 0 {
			t.Fatalf("exit %d: %s", code, out)
		}
		_, rest, _ := strings.Cut(out, "Private_Dirty:")
		kb, err := strconv.Atoi(strings.Fields(rest + " x")[0])
		if err != nil || kb >= 1024 {
			t.Errorf("private dirty memory of the waiting child: %d kB (%v), want under 1024\n%s", kb, err, out)
		}
		t.Logf("private dirty: %d kB", kb)
	}
}

// BenchmarkLaunch prints the parts of a launch of /bin/true beside os/exec's.
func BenchmarkLaunch(b *testing.B) {
	for _, namespaces := range [][]Namespace{nil, pidNS} {
		o := order{Process: Process{Args: []string{"/bin/true"}, Cwd: "/"}, Times: 300, Proc: namespaces != nil}
		o.Process.Namespaces = namespaces
		out, code := boot(b, o)
		if code != 0 {
			b.Fatalf("exit %d: %s", code, out)
		}
		b.Logf("namespaces %v\n%s", namespaces, out)
	}
}
