package compare

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsboot/nsboot/internal/viewdiff"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/tests/testns"
)

// TestItself: nsboot and nsboot differ in nothing, twenty times running.
func TestItself(t *testing.T) {
	l := newLab(t)
	for i := range 20 {
		l.spec.Root.Readonly = i%2 == 0
		l.save()
		profile := []string{"runsc", "oci"}[i/2%2]
		c := l.report(0, "--profile="+profile, "compare", "--json", "--with", nsboot()+" --profile="+profile).Comparisons[0]
		if c.Counts.Known != 0 || c.Counts.Different != 0 || c.Counts.Same < 200 {
			t.Fatalf("round %d, %s: %+v", i, profile, c.Counts)
		}
	}
}

// unknown fails the test for each difference that no row explains, and returns
// the rows that were seen.
func unknown(t *testing.T, c *viewdiff.Comparison) (rows []string) {
	t.Helper()
	for _, m := range c.Mounts {
		for _, d := range m.Differences {
			if d.Class == viewdiff.Different {
				t.Errorf("%s: %s: %s", c.B, m.Path, d.String())
			}
			rows = append(rows, d.Row)
		}
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

func wantRows(t *testing.T, got []string, want ...string) {
	t.Helper()
	for _, row := range want {
		if !slices.Contains(got, row) {
			t.Errorf("the row %s was not seen; seen: %v", row, got)
		}
	}
}

// TestAgainstRunsc: each difference between nsboot and Debian's runsc is a row,
// and the rows that cite this test are seen.
func TestAgainstRunsc(t *testing.T) {
	runtime(t, "runsc")
	l := newLab(t)
	var rows []string
	for _, flags := range [][]string{nil, {"--overlay=all"}, {"--overlay=root"}} {
		for _, readonly := range []bool{true, false} {
			l.spec.Root.Readonly = readonly
			l.save()
			r := l.read(0, l.run(append(flags, "compare", "--json")...))
			rows = append(rows, unknown(t, r.Comparisons[0])...)
			if want := "runsc --network=none --overlay2="; !strings.HasPrefix(r.Comparisons[0].B, want) {
				t.Errorf("compared with %q, want %s", r.Comparisons[0].B, want)
			}
		}
	}
	wantRows(t, rows, "seen-fs-type", "seen-atime", "seen-statfs-flags", "seen-tmpfs-size", "seen-o-tmpfile", "seen-rename-flags", "seen-punch-hole",
		"seen-ofd-lock", "seen-xattrs", "seen-device-nodes", "seen-made-up-errno", "seen-made-up-modes", "seen-proc-files", "seen-dev-nodes",
		"seen-directory-links", "seen-no-new-privileges", "seen-descriptors", "D3-flags")
}

// TestAgainstRunscOptions: options that the sandbox takes and does not keep, and
// masked paths.
func TestAgainstRunscOptions(t *testing.T) {
	runtime(t, "runsc")
	l := newLab(t)
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/scratch", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "size=64k"}},
		specs.Mount{Destination: "/fixed", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro", "size=64k"}},
		specs.Mount{Destination: "/missing/dir/t", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=64k", "mode=1777"}},
		cgroupMount)
	l.spec.Linux.MaskedPaths, l.spec.Linux.ReadonlyPaths = []string{"/proc/keys", "/proc/acpi", "/sys/firmware", "/etc/hosts"}, []string{"/proc/sys", "/bin"}
	l.save()
	rows := unknown(t, l.report(0, "compare", "--json").Comparisons[0])
	l.spec.Process.User = specs.User{UID: 1000, GID: 1000}
	l.save()
	rows = append(rows, unknown(t, l.report(0, "compare", "--json").Comparisons[0])...)
	wantRows(t, rows, "seen-mount-flags", "masked-paths", "seen-stub-mode", "seen-read-only-tmpfs", "seen-errno-order", "seen-cgroups")
}

var cgroupMount = specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}}

// engineMounts are those of what `runc spec` writes.
func (l *lab) engineMounts() {
	l.spec.Mounts = append([]specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
	}, l.spec.Mounts[2:]...)
	l.spec.Linux.MaskedPaths, l.spec.Linux.ReadonlyPaths = []string{"/proc/keys", "/proc/acpi", "/sys/firmware"}, []string{"/proc/sys"}
	l.spec.Linux.Namespaces = append(l.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace}, specs.LinuxNamespace{Type: specs.IPCNamespace}, specs.LinuxNamespace{Type: specs.UTSNamespace})
	l.spec.Root.Readonly = false
	l.save()
}

// TestAgainstRunc: each difference between the oci profile and runc is a row.
func TestAgainstRunc(t *testing.T) {
	runtime(t, "runc")
	l := newLab(t)
	l.engineMounts()
	l.spec.Mounts = append(l.spec.Mounts, cgroupMount)
	l.save()
	rows := unknown(t, l.report(0, "--profile=oci", "compare", "--json", "--with", "runc --root="+l.tmp+"-runc").Comparisons[0])
	wantRows(t, rows, "seen-descriptors", "seen-masked", "seen-cgroups")
}

// TestAgainstCrun: and crun, which refuses hosts of hybrid cgroups.
func TestAgainstCrun(t *testing.T) {
	runtime(t, "crun")
	l := newLab(t)
	l.engineMounts()
	cmd := l.command("sh", "-c", `umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$0" "$@"`,
		nsboot(), "--profile=oci", "compare", "--json", "--with", "crun --cgroup-manager=disabled --root="+l.tmp+"-crun")
	cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	rows := unknown(t, l.read(0, l.wait(cmd)).Comparisons[0])
	wantRows(t, rows, "seen-descriptors", "seen-masked", "seen-dev-nodes")
}

// TestDifferent: a runtime that does something else is found out, and where.
func TestDifferent(t *testing.T) {
	l := newLab(t)
	other := l.script(`[ "$1" = run ] && sed -i 's/"noexec","size=1m"/"size=1m"/; s/"rw"/"ro"/' "$3/config.json"` + "\nexec " + nsboot() + ` "$@"` + "\n")
	r := l.run("compare", "--with", other)
	if r.Code != 1 {
		t.Errorf("exit %d, want 1: %s", r.Code, r.Err)
	}
	for _, want := range []string{
		"unknown differences\n", "\n/data (tmpfs, overlay): ", "  different  access: rw, there ro\n", "  different  mkdir: ok, there EROFS\n", "\n/data/cache (tmpfs): ",
		"  different  noexec: yes, there none\n", "  different  execute: EACCES, there ok\n",
	} {
		if !strings.Contains(r.Out, want) {
			t.Errorf("the text does not say %q:\n%s", want, r.Out)
		}
	}
	if strings.Contains(r.Out, "known  ") || strings.Contains(r.Out, "/app") {
		t.Errorf("the text says too much:\n%s", r.Out)
	}
}

// TestFailure: a runtime that fails is told of, with its words; the others are
// compared all the same.
func TestFailure(t *testing.T) {
	l := newLab(t)
	failing := l.script("echo out; echo 'no such luck' >&2; exit 3\n")
	silent := l.script("exit 0\n")
	r := l.run("compare", "--json", "--with", failing, "--with", silent, "--with", nsboot())
	report := l.read(2, r)
	if len(report.Comparisons) != 1 || report.Comparisons[0].Counts.Different != 0 || report.Verdict != "failed" {
		t.Errorf("%+v", report)
	}
	want := []viewdiff.Failure{{Name: failing, Reason: "exit code 3", Stderr: "no such luck"}, {Name: silent, Reason: "it came up with no view: empty: it is no view"}}
	if !slices.Equal(report.Failures, want) {
		t.Errorf("%+v, want %+v", report.Failures, want)
	}
	if !strings.Contains(r.Err, "failed: exit code 3\n  | no such luck\n") {
		t.Errorf("standard error: %s", r.Err)
	}
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/x", Type: "bind", Source: "nosuch", Options: []string{"bind"}})
	l.save()
	if report := l.report(2, "compare", "--json", "--with", nsboot()); len(report.Failures) != 2 || report.Failures[0].Name != "nsboot" {
		t.Errorf("a bundle that does not boot: %+v", report)
	}
}

// TestFailedSandbox: what runsc leaves when its sandbox does not start is taken
// away.
func TestFailedSandbox(t *testing.T) {
	runtime(t, "runsc")
	l := newLab(t)
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/x", Type: "bind", Source: "nosuch", Options: []string{"bind"}})
	l.save()
	cmd := l.command(nsboot(), "compare", "--json")
	if report := l.read(2, l.wait(cmd)); len(report.Failures) != 2 {
		t.Errorf("%+v", report.Failures)
	}
	id := fmt.Sprintf("nsboot-compare-%d-*", cmd.Process.Pid)
	for _, pattern := range []string{"/sys/fs/cgroup/" + id, "/sys/fs/cgroup/*/" + id} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// TestInterrupted: a signal ends the runtimes, and nothing is left.
func TestInterrupted(t *testing.T) {
	l := newLab(t)
	mark := filepath.Join(testns.Work(), "hangs")
	hangs := l.script(`[ "$1" = run ] || exit 0` + "\n" + nsboot() + ` "$@" > /dev/null; echo $$ > ` + mark + "\nexec sleep 1000\n")
	for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM} {
		cmd := l.command(nsboot(), "compare", "--with", hangs)
		must(t, cmd.Start())
		var pid int
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if data, err := os.ReadFile(mark); err == nil && strings.HasSuffix(string(data), "\n") {
				fmt.Sscan(string(data), &pid)
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("waited in vain for the runtime to hang")
			}
		}
		must(t, os.Remove(mark))
		told := time.Now()
		must(t, cmd.Process.Signal(sig))
		cmd.Wait()
		if waited := time.Since(told); waited > 8*time.Second {
			t.Errorf("%v: it took %v: the runtime was not told", sig, waited)
		}
		if code := cmd.ProcessState.ExitCode(); code != 128+int(sig) {
			t.Errorf("%v: exit %d", sig, code)
		}
		if err := unix.Kill(pid, 0); err != unix.ESRCH {
			t.Errorf("%v: the runtime is there: %v", sig, err)
		}
	}
}

// TestProgress: who waits longer than a second is told what for.
func TestProgress(t *testing.T) {
	l := newLab(t)
	slow := l.script(`[ "$1" = run ] && sleep 1.5` + "\nexec " + nsboot() + ` "$@"` + "\n")
	if r := l.run("compare", "--with", slow); r.Code != 0 || r.Err != "nsboot: "+slow+"\n" {
		t.Errorf("exit %d: %q", r.Code, r.Err)
	}
	if r := l.run("compare", "--with", nsboot()); r.Code != 0 || r.Err != "" && !strings.HasPrefix(r.Err, "nsboot: ") {
		t.Errorf("exit %d: %q", r.Code, r.Err)
	}
}

// TestUsage: a command line that makes no sense says what would.
func TestUsage(t *testing.T) {
	l := newLab(t)
	for want, args := range map[string][]string{
		"compare: 1 arguments": {"compare", "a"},
		"a ' without its end":  {"compare", "--with", "runc 'x"},
		`--with "": empty`:     {"compare", "--with", ""},
		"nosuchruntime":        {"compare", "--with", "nosuchruntime"},
		"need no bundle":       {"compare", "--bundle", ".", "a", "b"},
		"no such file":         {"compare", "nosuch.json", "nosuch.json"},
		"--bundle names":       {"compare", "--bundle", l.tmp, "--with", nsboot()},
	} {
		if r := l.run(args...); r.Code != 125 || !strings.Contains(r.Err, want) {
			t.Errorf("%v: exit %d, want 125 and %q: %s", args, r.Code, want, r.Err)
		}
	}
}
