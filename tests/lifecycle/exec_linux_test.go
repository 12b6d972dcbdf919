package lifecycle

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// running is a lab with a started container named c in namespaces of its own.
func running(t *testing.T, change func(*lab)) *lab {
	t.Helper()
	l := newLab(t, specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.NetworkNamespace)
	l.spec.Hostname = "box"
	if change != nil {
		change(l)
	}
	l.save()
	l.good("create", "c")
	l.good("start", "c")
	t.Cleanup(func() { l.good("delete", "--force", "c") })
	return l
}

// Exec is in the container: its namespaces, its root, its process's rights.
func TestExec(t *testing.T) {
	l := running(t, func(l *lab) {
		l.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL"}, Effective: []string{"CAP_KILL"}}
	})
	if r := l.run("exec", "c", "sh", "-c", "exit 7"); r.Code != 7 {
		t.Errorf("exit code: %+v, want 7", r)
	}
	if r := l.run("exec", "c", "sh", "-c", "kill -9 $$"); r.Code != 137 {
		t.Errorf("ended by signal 9: %+v, want 137", r)
	}
	look := `cat /proc/sys/kernel/hostname; cat /proc/self/status | while read k v; do case $k in Uid:|Gid:|CapInh:|CapEff:|CapBnd:) echo $k $v;; esac; done; pwd; echo $K $PATH`
	r := l.good("exec", "--user", "7:8", "--cwd", "/stub/dir", "--env", "K=v", "c", "sh", "-c", look)
	for _, want := range []string{"box\n", "Uid: 7 7 7 7", "Gid: 8 8 8 8", "CapInh: 0000000000000000", "CapBnd: 0000000000000020", "/stub/dir\n", "v /bin"} {
		if !strings.Contains(strings.ReplaceAll(r.Out, "\t", " "), want) {
			t.Errorf("no %q in %q", want, r.Out)
		}
	}
	pid := l.state("c").Pid
	out := l.good("exec", "--detach", "--pid-file", filepath.Join(l.dir, "pid"), "c", "sleep", "1000")
	text, err := os.ReadFile(filepath.Join(l.dir, "pid"))
	if err != nil || out.Out != "" {
		t.Fatalf("pid file: %v, output %q", err, out.Out)
	}
	for _, ns := range []string{"mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		a, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/" + ns)
		b, _ := os.Readlink("/proc/" + string(text) + "/ns/" + ns)
		if a == "" || a != b {
			t.Errorf("%s namespace: %s, the container's is %s", ns, b, a)
		}
	}
	detached, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { // it was reparented to this process: until it is reaped, its pid namespace cannot end
		unix.Kill(detached, unix.SIGKILL)
		unix.Wait4(detached, nil, 0, nil)
	}()
	if r := l.good("ps", "--format", "json", "c"); !strings.Contains(r.Out, string(text)) {
		t.Errorf("ps does not list the detached process %s: %s", text, r.Out)
	}
}

// Exactly 0, 1 and 2 are open in it, whatever nsboot has open (CVE-2024-21626).
func TestExecDescriptors(t *testing.T) {
	l := running(t, nil)
	r := l.good("exec", "c", "sh", "-c", `for fd in /proc/self/fd/*; do echo ${fd##*/}; done`)
	// The shell opens the directory itself for the pattern.
	if got := strings.Fields(r.Out); len(got) > 4 || strings.Join(got[:3], " ") != "0 1 2" {
		t.Errorf("descriptors %q, want 0 1 2 and the shell's own", got)
	}
}

// What cannot be executed is said with 126 and 127, and what is no container
// with 125.
func TestExecRefusals(t *testing.T) {
	l := running(t, nil)
	l.bad(127, []string{"nosuch"}, "exec", "c", "nosuch")
	l.bad(126, []string{"/stub"}, "exec", "c", "/stub")
	l.bad(125, []string{"does not exist"}, "exec", "other", "true")
	l.bad(125, []string{"no command", "hint:"}, "exec", "c")
	l.bad(125, []string{"not absolute"}, "exec", "--cwd", "x", "c", "true")
	l.bad(125, []string{"no such capability"}, "exec", "--cap", "CAP_X", "c", "true")
	l.bad(125, []string{"--detach"}, "exec", "--pid-file", "x", "c", "true")
	l.good("kill", "c", "KILL")
	l.becomes("c", specs.StateStopped)
	l.bad(125, []string{"is stopped"}, "exec", "c", "true")
}

// --process takes a whole process, and refuses what this build does not honour.
func TestExecProcess(t *testing.T) {
	l := running(t, nil)
	file := filepath.Join(l.dir, "process.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"args":["sh","-c","echo $A; pwd"],"env":["PATH=/bin","A=b"],"cwd":"/bin"}`)
	if r := l.good("exec", "--process", file, "c"); r.Out != "b\n/bin\n" {
		t.Errorf("got %q", r.Out)
	}
	write(`{"args":["true"],"cwd":"/","apparmorProfile":"x"}`)
	l.bad(125, []string{"process.apparmorProfile"}, "exec", "--process", file, "c")
	write(`{"args":["true"],"cwd":"/"`)
	l.bad(125, []string{"--process"}, "exec", "--process", file, "c")
	write(`{"args":["true"],"cwd":"/"},"hostname":"x"`)
	l.bad(125, []string{"--process"}, "exec", "--process", file, "c")
}

// A recycled pid is not joined: the record's start time is not its.
func TestExecRecycledPid(t *testing.T) {
	l := running(t, nil)
	name := filepath.Join(l.root, "containers", "c", "state.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.Index(string(text), `"startTime":`) + len(`"startTime":`)
	other := string(text[:i]) + "9" + string(text[i:])
	if err := os.WriteFile(name, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	l.bad(125, []string{"is stopped"}, "exec", "c", "true")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// While it waits, a created process is raw system calls only: little memory,
// and no descriptor of nsboot's but the two it waits by.
func TestHeldMemory(t *testing.T) {
	l := newLab(t, specs.PIDNamespace)
	l.good("create", "c")
	defer l.good("delete", "--force", "c")
	if kb := privateMemory(t, l.state("c").Pid); kb == 0 || kb >= 1024 {
		t.Errorf("%d kB of its own, want under 1024", kb)
	}
}

// privateMemory is what a process does not share, in kilobytes.
func privateMemory(t *testing.T, pid int) (kb int) {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && (f[0] == "Private_Dirty:" || f[0] == "Private_Clean:") {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			kb += n
		}
	}
	return kb
}
