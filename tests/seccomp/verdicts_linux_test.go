package seccomp

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	moby "github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

// podmanProfile is where Debian has it.
const podmanProfile = "/usr/share/containers/seccomp.json"

// tooNew are calls of moby's profile that libseccomp of Debian 12 does not know:
// under it runc's filter ends before them.
var tooNew = []string{
	"cachestat", "fchmodat2", "map_shadow_stack", "futex_wake", "futex_wait", "futex_requeue", "statmount", "listmount",
	"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal", "setxattrat", "getxattrat", "listxattrat",
	"removexattrat", "open_tree_attr", "file_getattr", "file_setattr", "listns", "rseq_slice_yield", "uretprobe", "uprobe",
	"riscv_hwprobe", "riscv_flush_icache",
}

// profiles are the filters that the two engines make of their default profiles
// for the lab's process.
func profiles(t testing.TB, l *lab) map[string]*specs.LinuxSeccomp {
	t.Helper()
	text, err := os.ReadFile(podmanProfile)
	if err != nil {
		testns.Skip(t, "podman's profile: "+err.Error())
	}
	out := make(map[string]*specs.LinuxSeccomp)
	if out["podman"], err = moby.LoadProfile(string(text), l.spec); err != nil {
		t.Fatal(err)
	}
	if out["moby"], err = moby.GetDefaultProfile(l.spec); err != nil {
		t.Fatal(err)
	}
	for _, p := range out {
		for i := range p.Syscalls {
			p.Syscalls[i].Names = slices.DeleteFunc(p.Syscalls[i].Names, func(n string) bool { return slices.Contains(tooNew, n) })
		}
		p.Syscalls = slices.DeleteFunc(p.Syscalls, func(s specs.LinuxSyscall) bool { return len(s.Names) == 0 })
	}
	return out
}

// TestVerdicts tries every system call under nsboot and under runc.
func TestVerdicts(t *testing.T) {
	l := newLab(t)
	runc, err := exec.LookPath("runc")
	if err != nil {
		testns.Skip(t, "no runc")
	}
	strict := &specs.LinuxSeccomp{ // 386 and x32 are not in it; everything else ends the process
		DefaultAction: specs.ActKillProcess, Architectures: []specs.Arch{specs.ArchX86_64}, // runc 1.1 gives no ENOSYS to an architecture that is not listed
		Syscalls: []specs.LinuxSyscall{{Action: specs.ActAllow}, {Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: new(uint(95))}},
	}
	all := profiles(t, l)
	strict.Syscalls[0].Names = append([]string{"arch_prctl", "clone"}, all["podman"].Syscalls[1].Names...)
	all["strict"] = strict
	for name, p := range all {
		for _, nnp := range []bool{true, false} {
			l.spec.Linux.Seccomp, l.spec.Process.NoNewPrivileges = p, nnp
			l.spec.Process.Args = []string{"probe"}
			want := l.good(l.run(runc, "--root", l.path("runc"), "run", "nsboot-seccomp-"+name))
			got := l.good(l.nsboot("run"))
			if d := cmp.Diff(strings.Split(want.Out, "\n"), strings.Split(got.Out, "\n")); d != "" {
				t.Errorf("%s, noNewPrivileges %v: (-runc +nsboot)\n%s", name, nnp, d)
			}
			if n := strings.Count(got.Out, "\n"); n < 590 {
				t.Errorf("%s: only %d calls were tried", name, n)
			}
		}
	}
}
