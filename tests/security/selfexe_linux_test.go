package security

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// elfWithInterpreter is the least program that asks for a loader.
func elfWithInterpreter(interp string) []byte {
	const header, segment = 64, 56
	var out bytes.Buffer
	w := func(v any) { binary.Write(&out, binary.LittleEndian, v) }
	out.Write([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	size := uint64(header + 2*segment + len(interp) + 1)
	w([]uint16{2, elfMachine()})
	w(uint32(1))
	w([]uint64{0x400000 + header, header, 0})
	w(uint32(0))
	w([]uint16{header, segment, 2, 0, 0, 0})
	w([]uint32{3, 4}) // PT_INTERP
	w([]uint64{header + 2*segment, 0x400000 + header + 2*segment, 0, uint64(len(interp) + 1), uint64(len(interp) + 1), 1})
	w([]uint32{1, 5}) // PT_LOAD
	w([]uint64{0, 0x400000, 0, size, size, 0x1000})
	out.WriteString(interp + "\x00")
	return out.Bytes()
}

// elfMachine is that of this test binary.
func elfMachine() uint16 {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return 0
	}
	defer f.Close()
	var head [20]byte
	f.Read(head[:])
	return binary.LittleEndian.Uint16(head[18:])
}

// TestSelfExe: a root whose program is /proc/self/exe has nsboot's own binary
// executed in the container, from where it can be opened and, once no nsboot is
// running any more, overwritten on the host (CVE-2019-5736).
func TestSelfExe(t *testing.T) {
	attacks := map[string]func(*bundle) string{
		"args":               func(b *bundle) string { return "/proc/self/exe" },
		"args thread":        func(b *bundle) string { return "/proc/thread-self/exe" },
		"args of pid 1":      func(b *bundle) string { return "/proc/1/exe" },
		"descriptor":         func(b *bundle) string { return "/proc/self/fd/3" },
		"link":               func(b *bundle) string { b.symlink("/proc/self/exe", "b/rootfs/bin/x"); return "/bin/x" },
		"PATH":               func(b *bundle) string { b.symlink("/proc/self/exe", "b/rootfs/bin/x"); return "x" },
		"script":             func(b *bundle) string { return b.program("#!/proc/self/exe\n") },
		"script with blanks": func(b *bundle) string { return b.program("#! \t/proc/self/exe version\n") },
		"script thread":      func(b *bundle) string { return b.program("#!/proc/thread-self/exe\n") },
		"script to a link": func(b *bundle) string {
			b.symlink("/proc/self/exe", "b/rootfs/bin/l")
			return b.program("#!/bin/l\n")
		},
		"script of a script": func(b *bundle) string {
			b.write("b/rootfs/bin/inner", "#!/proc/self/exe\n")
			b.must(os.Chmod(b.path("b/rootfs/bin/inner"), 0o755))
			return b.program("#!/bin/inner\n")
		},
		"loader": func(b *bundle) string { return b.program(string(elfWithInterpreter("/proc/self/exe"))) },
		"loader to a link": func(b *bundle) string {
			b.symlink("/proc/thread-self/exe", "b/rootfs/bin/l")
			return b.program(string(elfWithInterpreter("/bin/l")))
		},
		"script with a loader": func(b *bundle) string {
			b.write("b/rootfs/bin/inner", string(elfWithInterpreter("/proc/self/exe")))
			b.must(os.Chmod(b.path("b/rootfs/bin/inner"), 0o755))
			return b.program("#!/bin/inner\n")
		},
	}
	before, err := os.ReadFile(theLab.nsboot)
	if err != nil {
		newBundle(t) // which skips
		t.Fatal(err)
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			for _, p := range profiles {
				for _, shared := range []bool{false, true} {
					b := newBundle(t)
					b.profile = p
					if shared {
						b.sharedPID()
					}
					b.process()["args"] = array{attack(b), "version"}
					checkNoSelf(t, b.boot())
				}
			}
		})
	}
	if after, err := os.ReadFile(theLab.nsboot); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the nsboot binary has changed (%v)", err)
	}
}

// program writes an executable file into the root.
func (b *bundle) program(text string) string {
	b.write("b/rootfs/bin/x", text)
	b.must(os.Chmod(b.path("b/rootfs/bin/x"), 0o755))
	return "/bin/x"
}

// checkNoSelf: nsboot said that there is nothing to execute, and that it was not
// nsboot in the container that said so.
func checkNoSelf(t *testing.T, r result) {
	t.Helper()
	if r.code != 126 && r.code != 127 && r.code != 125 || r.stdout != "" {
		t.Errorf("%s: exit code %d: something was executed\nstdout: %s\nstderr: %s", r.command, r.code, r.stdout, r.stderr)
	}
	if !strings.Contains(r.stderr, "args[0]") && !strings.Contains(r.stderr, "exec /") {
		t.Errorf("%s: the error does not name process.args[0]: %s", r.command, r.stderr)
	}
}

// TestExeOfCallers: a process that shares the caller's pid namespace sees nsboot
// and the test; it can open neither for writing.
func TestExeOfCallers(t *testing.T) {
	for _, p := range profiles {
		b := newBundle(t)
		b.profile = p
		b.sharedPID()
		b.mounts(mount("tmpfs", "/new", "tmpfs")) // a stub, so that nsboot stays as the parent
		b.run("openparent")
		r := b.boot()
		if r.code != 0 || !strings.HasPrefix(r.stdout, "openparent: error") {
			t.Errorf("%s: %+v", r.command, r)
		}
	}
}

// TestExeOfJoiner: where a container joins the pid namespace of another, the
// other's processes see nsboot's child until it is the payload. They may not
// open what it was started from, even with the same capabilities.
func TestExeOfJoiner(t *testing.T) {
	host := newBundle(t)
	host.run("cwd", ",", "watchexe", "/stop")
	host.writeConfig()
	cmd := exec.Command(theLab.nsboot, "run", "--bundle", host.path("b"))
	out, err := cmd.StdoutPipe()
	host.must(err)
	host.must(cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Scan() // it runs
	joiner := newBundle(t)
	joiner.linux()["namespaces"] = array{object{"type": "pid", "path": fmt.Sprintf("/proc/%d/ns/pid", childOf(t, cmd.Process.Pid))}, object{"type": "mount"}}
	joiner.writeConfig()
	for range 200 {
		joiner.start().booted(t, "")
	}
	host.write("b/rootfs/stop", "")
	lines.Scan()
	if got := lines.Text(); got != "watchexe: saw none" {
		t.Errorf("the first container's process: %q", got)
	}
	host.must(cmd.Wait())
}

// childOf finds the one child of a process.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		var pid, ppid int
		var name, state string
		data, _ := os.ReadFile(file)
		if n, _ := fmt.Sscan(string(data), &pid, &name, &state, &ppid); n == 4 && ppid == parent {
			return pid
		}
	}
	t.Fatalf("process %d has no child", parent)
	return 0
}
