package lifecycle

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// verifyLab is a container with a mount of each kind.
func verifyLab(t *testing.T, profile string) *lab {
	l := newLab(t, specs.PIDNamespace)
	l.spec.Mounts = append(l.spec.Mounts,
		specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		specs.Mount{Destination: "/data", Type: "bind", Source: l.path("rootfs/bin"), Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"}},
		specs.Mount{Destination: "/scratch", Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec"}},
		specs.Mount{Destination: "/scratch/in", Type: "tmpfs", Source: "tmpfs"},
		specs.Mount{Destination: "/heard", Type: "bind", Source: l.path("rootfs/bin"), Options: []string{"rbind"}})
	if profile == "oci" { // the others say that they ignore these
		l.spec.Mounts[len(l.spec.Mounts)-1].Options = []string{"rbind", "rslave"}
		l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid"}})
	}
	l.spec.Linux.MaskedPaths = []string{"/proc/version", "/proc/nosuch", "/proc/irq"}
	l.spec.Linux.ReadonlyPaths = []string{"/proc/sys"}
	l.save()
	l.good("--profile="+profile, "create", "c")
	t.Cleanup(func() { l.good("delete", "--force", "c") })
	return l
}

// mounts are system calls of somebody in the container's mount namespace.
type mounts []func() error

func mountOn(dir, source, typ string, flags uintptr) func() error {
	return func() error { return unix.Mount(source, dir, typ, flags, "") }
}

func remount(dir string, flags uintptr) func() error {
	return mountOn(dir, "", "", unix.MS_REMOUNT|unix.MS_BIND|flags)
}

func detach(dir string) func() error {
	return func() error { return unix.Unmount(dir, unix.MNT_DETACH) }
}

// TestVerify changes a container's mounts in one way at a time: each is found and
// named, and nothing else is.
func TestVerify(t *testing.T) {
	const strict = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	for name, c := range map[string]struct {
		calls mounts
		want  string // lines, a ! for ": " and what follows in any words
	}{
		"nothing":           {nil, ""},
		"missing":           {mounts{detach("/scratch/in")}, "missing /scratch/in: nothing of the plan's is mounted there (mounts[4])"},
		"missing with more": {mounts{detach("/scratch")}, "missing /scratch!(mounts[3])\nmissing /scratch/in!(mounts[4])"},
		"missing mask":      {mounts{detach("/proc/irq")}, "missing /proc/irq!(linux.maskedPaths[2])"},
		"missing readonly":  {mounts{detach("/proc/sys")}, "missing /proc/sys!(linux.readonlyPaths[0])"},
		"extra":             {mounts{mountOn("/bin", "tmpfs", "tmpfs", 0)}, "extra /bin: a tmpfs that the plan does not have"},
		"extra in /dev":     {mounts{func() error { return os.Mkdir("/dev/x", 0o755) }, mountOn("/dev/x", "/bin", "", unix.MS_BIND)}, "extra /dev/x!"},
		"extra on a node":   {mounts{mountOn("/dev/full", "/dev/zero", "", unix.MS_BIND)}, "extra /dev/full!"},
		"extra in a bind":   {mounts{mountOn("/heard", "tmpfs", "tmpfs", 0)}, "extra /heard!\nhidden /heard: a tmpfs on /heard, which the plan does not have, is over it (mounts[5])"},
		"extra bind":        {mounts{mountOn("/bin", "/data", "", unix.MS_BIND)}, "extra /bin!"},
		"rw":                {mounts{remount("/data", strict&^unix.MS_RDONLY)}, "looser /data: ro is planned, and is not there (mounts[2])"},
		"suid":              {mounts{remount("/data", strict&^unix.MS_NOSUID)}, "looser /data: nosuid is planned, and is not there (mounts[2])"},
		"dev":               {mounts{remount("/data", strict&^unix.MS_NODEV)}, "looser /data: nodev is planned, and is not there (mounts[2])"},
		"exec":              {mounts{remount("/data", strict&^unix.MS_NOEXEC)}, "looser /data: noexec is planned, and is not there (mounts[2])"},
		"all":               {mounts{remount("/data", 0)}, "looser /data: nodev!\nlooser /data: noexec!\nlooser /data: nosuid!\nlooser /data: ro!"},
		"proc":              {mounts{remount("/proc", unix.MS_NOSUID|unix.MS_NODEV)}, "looser /proc: noexec!"},
		"readonly path":     {mounts{remount("/proc/sys", 0)}, "looser /proc/sys: ro is planned!(linux.readonlyPaths[0])"},
		"mask":              {mounts{detach("/proc/irq"), mountOn("/proc/irq", "tmpfs", "tmpfs", 0)}, "other /proc/irq: a mask is planned, a tmpfs is there (linux.maskedPaths[2])"},
		"mask of a file":    {mounts{detach("/proc/version"), mountOn("/proc/version", "/dev/zero", "", unix.MS_BIND)}, "other /proc/version!"},
		"shared":            {mounts{mountOn("/scratch", "", "", unix.MS_SHARED)}, "looser /scratch: private is planned, shared:!"},
		"shared slave":      {mounts{mountOn("/heard", "", "", unix.MS_SHARED)}, "looser /heard: slave is planned, shared:!"},
		"another type":      {mounts{detach("/scratch/in"), mountOn("/scratch/in", "proc", "proc", 0)}, "other /scratch/in: a tmpfs is planned, a proc is there (mounts[4])"},
		"another source":    {mounts{detach("/data"), mountOn("/data", "tmpfs", "tmpfs", strict)}, "other /data: a bind of !is planned, a tmpfs is there (mounts[2])"},
		"hidden":            {mounts{mountOn("/data", "tmpfs", "tmpfs", strict)}, "extra /data: a tmpfs!\nhidden /data: a tmpfs on /data, which the plan does not have, is over it (mounts[2])"},
		"hidden below":      {mounts{mountOn("/scratch", "tmpfs", "tmpfs", 0)}, "extra /scratch!\nhidden /scratch!\nhidden /scratch/in: a tmpfs on /scratch, which!(mounts[4])"},
		"stricter":          {mounts{remount("/scratch", unix.MS_NOEXEC|unix.MS_RDONLY|unix.MS_NOSUID)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := verifyLab(t, "oci")
			l.inside("c", c.calls)
			r := l.run("verify", "c")
			code := 0
			if c.want != "" {
				code = 1
			}
			if r.Code != code || r.Err != "" {
				t.Errorf("%+v", r)
			}
			l.findings(r.Out, c.want)
			var list []nsmount.Finding
			if r := l.run("verify", "--format=json", "c"); r.Code != code || json.Unmarshal([]byte(r.Out), &list) != nil || list == nil || len(list) != strings.Count(r.Out, `"kind"`) {
				t.Errorf("json: %+v", r)
			}
		})
	}
}

// inside makes system calls in a container's mount namespace.
func (l *lab) inside(id string, calls mounts) {
	l.t.Helper()
	change(l.t.(*testing.T), l.state(id).Pid, func() error {
		for _, call := range calls {
			if err := call(); err != nil {
				return err
			}
		}
		return nil
	})
}

// findings compares lines: what stands between ! and ! or the end is not looked at.
func (l *lab) findings(got, want string) {
	l.t.Helper()
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	wants := strings.Split(want, "\n")
	if len(lines) != len(wants) {
		l.t.Errorf("got:\n%swant:\n%s", got, want)
		return
	}
	for i, w := range wants {
		start, end, _ := strings.Cut(w, "!")
		if !strings.HasPrefix(lines[i], start) || !strings.HasSuffix(lines[i], end) || w == "" && lines[i] != "" {
			l.t.Errorf("got %q, want %q", lines[i], w)
		}
	}
}

// TestVerifyOrder: what is mounted in another order than planned is there, and
// verify says that it is not where it belongs.
func TestVerifyOrder(t *testing.T) {
	l := verifyLab(t, "oci")
	l.inside("c", mounts{detach("/scratch"), mountOn("/stub", "tmpfs", "tmpfs", 0)})
	l.inside("c", mounts{
		detach("/stub"), // the host's directory again, where two more are mounted the wrong way round
		func() error { return os.MkdirAll("/scratch/in", 0o755) },
		mountOn("/scratch/in", "tmpfs", "tmpfs", 0), mountOn("/scratch", "tmpfs", "tmpfs", unix.MS_NOEXEC),
	})
	l.findings(l.run("verify", "c").Out, "other /scratch/in: mounted in another order: it is on the mount of /, the plan has it on that of /scratch (mounts[4])")
	l.good("delete", "--force", "c")
	if err := os.Remove(l.path("rootfs/scratch/in")); err != nil {
		t.Error(err)
	}
	os.Remove(l.path("rootfs/scratch"))
}

// TestVerifyProfiles: as it was made nothing is found, and the recorded plan is
// that of nsboot plan.
func TestVerifyProfiles(t *testing.T) {
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		l := verifyLab(t, profile)
		if r := l.run("verify", "c"); r.Code != 0 || r.Out != "" {
			t.Errorf("%s: as it was made: %+v", profile, r)
		}
		plan := l.good("--profile="+profile, "plan", "--format", "json").Out
		if diff := cmp.Diff(plan, l.good("state", "--plan", "c").Out); diff != "" {
			t.Errorf("%s: the recorded plan (-compiled +recorded): %s", profile, diff)
		}
		l.inside("c", mounts{detach("/data")})
		if r := l.run("verify", "c"); r.Code != 1 || !strings.HasPrefix(r.Out, "missing /data: ") {
			t.Errorf("%s: %+v", profile, r)
		}
		l.good("delete", "--force", "c")
		l.bad(125, []string{"does not exist"}, "verify", "c")
	}
}

// TestVerifyHost: a mount that comes along with a recursive bind, or by way of a
// slave, is the host's, not extra; what looks like it and is not, is.
func TestVerifyHost(t *testing.T) {
	l := newLab(t)
	for _, dir := range []string{"src/along", "src/later", "src/forged", "src/taken"} {
		if err := os.MkdirAll(l.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	host := func(dir string, change func(dir string) error) {
		t.Helper()
		if err := change(l.path(dir)); err != nil {
			t.Fatal(err)
		}
	}
	tmpfs := func(dir string) error {
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		return unix.Mount("host", dir, "tmpfs", 0, "")
	}
	host("src", func(dir string) error {
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		return unix.Mount("", dir, "", unix.MS_SHARED, "")
	})
	host("src/along", tmpfs)
	host("src/along/in", func(dir string) error { return os.Mkdir(dir, 0o755) })
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/src", Type: "bind", Source: l.path("src"), Options: []string{"rbind", "rslave", "rro"}},
		specs.Mount{Destination: "/src/taken", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid"}},
		specs.Mount{Destination: "/src/along/in", Type: "tmpfs", Source: "tmpfs"})
	l.save()
	l.good("--profile=oci", "run", "--detach", "c")
	l.inside("c", mounts{remount("/src/along", 0)})
	l.findings(l.run("verify", "c").Out, "looser /src/along: ro is planned, and is not there (mounts[1])")
	l.inside("c", mounts{remount("/src/along", unix.MS_RDONLY)})
	host("src/taken", tmpfs) // goes below what the plan has there
	l.findings(l.run("verify", "c").Out, "looser /src/taken: ro is planned, and is not there (mounts[1])")
	host("src/taken", func(dir string) error { return unix.Unmount(dir, 0) })
	l.verify()
	host("src/later", tmpfs)
	l.findings(l.run("verify", "c").Out, "looser /src/later: ro is planned, and is not there (mounts[1])")
	l.inside("c", mounts{mountOn("/src/forged", "tmpfs", "tmpfs", unix.MS_RDONLY), remount("/src/later", unix.MS_RDONLY)})
	l.findings(l.run("verify", "c").Out, "extra /src/forged: a tmpfs that the plan does not have")
	l.good("delete", "--force", "c")
}

// TestVerifyDescriptors: where the sources were descriptors, the paths in the
// plan are not what is mounted, and are not looked at.
func TestVerifyDescriptors(t *testing.T) {
	l := newLab(t)
	other := l.dir + "/other"
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("other", other, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(other, unix.MNT_DETACH) })
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: l.path("rootfs/bin"), Options: []string{"bind"}})
	l.save()
	r := l.runAs(func(cmd *exec.Cmd) {
		for _, dir := range []string{l.path("rootfs"), other} {
			f, err := os.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
	}, "create", "--source-fds=3,4", "c")
	if r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	l.verify()
	l.good("delete", "--force", "c")
}
