package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mountsIn boots the bundle with a process that prints its mount table, and
// returns it by mount point: the options of the mount, the type, and the optional
// fields (propagation) in brackets. The last mount on a point counts.
func (b *bundle) mountsIn(flags ...string) (map[string]string, []string) {
	b.t.Helper()
	b.spec.Process.Args = []string{"cat", "/proc/self/mountinfo"}
	r := b.boot(flags...)
	if r.Code != 0 {
		b.t.Fatalf("%v: exit %d: %s", flags, r.Code, r.Err)
	}
	return parseMounts(r.Out)
}

func parseMounts(table string) (byPoint map[string]string, order []string) {
	byPoint = map[string]string{}
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		byPoint[f[4]] = strings.Join(append([]string{f[5], f[dash+1]}, f[6:dash]...), " ")
		order = append(order, f[4])
	}
	return byPoint, order
}

// TestMountFlags: each flag of a bind is what mountinfo shows (C9).
func TestMountFlags(t *testing.T) {
	b := newBundle(t).readonly()
	b.write("src/file", "x")
	cases := map[string]string{ // options -> flags in mountinfo
		"":                               "rw,relatime",
		"ro":                             "ro,relatime",
		"nosuid,nodev,noexec":            "rw,nosuid,nodev,noexec,relatime",
		"ro,nosuid,nodev,noexec,noatime": "ro,nosuid,nodev,noexec,noatime",
		"nodiratime":                     "rw,nodiratime,relatime",
		"strictatime":                    "rw",
		"nosymfollow":                    "rw,relatime,nosymfollow",
		"rw,ro":                          "ro,relatime",
		"ro,rw":                          "ro,relatime", // runsc: ro wins wherever it stands
		"rro":                            "ro,relatime",
	}
	options := map[string]string{} // by destination
	for i, opts := range sorted(cases) {
		for _, kind := range []string{"dir", "file"} {
			dst, src := "/"+kind+string(rune('a'+i)), "src"
			if kind == "file" {
				src = "src/file"
			}
			b.bind(src, dst, strings.FieldsFunc(opts, func(r rune) bool { return r == ',' })...)
			options[dst] = opts
		}
	}
	for _, profile := range []string{"runsc", "oci"} {
		if profile == "oci" {
			b.mount("proc", "proc", "/proc")
			cases["ro,rw"] = "rw,relatime" // the later wins
		}
		got, _ := b.mountsIn("--profile", profile)
		for dst, opts := range options {
			if g, _, _ := strings.Cut(got[dst], " "); g != cases[opts] {
				t.Errorf("%s: %s with options %q: %q, want %q", profile, dst, opts, g, cases[opts])
			}
		}
	}
}

// TestOldProfilesKeepWhatTightens: options that runsc-2018 and -2019 drop but
// that tighten are applied (the standing rule), the last of ro and rw wins (C9).
func TestOldProfilesKeepWhatTightens(t *testing.T) {
	for _, profile := range []string{"runsc-2018", "runsc-2019"} {
		b := newBundle(t)
		b.mkdir("src")
		b.bind("src", "/a", "nosuid", "nodev", "noexec").bind("src", "/b", "rw", "ro").bind("src", "/c", "ro", "rw").tmpfs("/d", "noexec", "noatime", "size=64k")
		got, _ := b.mountsIn("--profile", profile)
		for dst, want := range map[string]string{"/a": "rw,nosuid,nodev,noexec", "/b": "ro", "/c": "rw", "/d": "rw,noexec,noatime"} {
			if !strings.HasPrefix(got[dst], want) {
				t.Errorf("%s: %s is %q, want %q", profile, dst, got[dst], want)
			}
		}
	}
}

// TestRecursiveBinds: rbind takes submounts along, bind does not; ro is for the
// mount itself, rro for all below it.
func TestRecursiveBinds(t *testing.T) {
	b := newBundle(t)
	b.mkdir("src/sub")
	unmountAtEnd(t, b.path("src/sub"), "e2e-sub", "tmpfs", 0, "mode=755")
	b.write("src/sub/f", "deep")
	b.bind("src", "/plain").bind("src", "/rec", "rbind").bind("src", "/rro", "rbind", "rro").bind("src", "/ro", "rbind", "ro")
	got, _ := b.mountsIn()
	for dst, want := range map[string]string{"/rec/sub": "rw", "/rro": "ro", "/rro/sub": "ro", "/ro": "ro", "/ro/sub": "rw"} {
		if !strings.HasPrefix(got[dst], want+",") {
			t.Errorf("%s is %q, want %s", dst, got[dst], want)
		}
	}
	if _, ok := got["/plain/sub"]; ok {
		t.Error("bind took a submount along")
	}
	b.sh("ls /plain/sub; cat /rec/sub/f; echo x > /rro/sub/g")
	if r := b.boot(); r.Out != "deep" || !strings.Contains(r.Err, "Read-only file system") {
		t.Errorf("%+v", r)
	}
}

// TestReadOnlyRootAllOver: a read-only root is read-only in what is mounted
// below it on the host.
func TestReadOnlyRootAllOver(t *testing.T) {
	b := newBundle(t).readonly()
	b.mkdir("rootfs/vol")
	unmountAtEnd(t, b.path("rootfs/vol"), "e2e-vol", "tmpfs", 0, "mode=755")
	got, _ := b.mountsIn()
	if !strings.HasPrefix(got["/vol"], "ro,") || !strings.HasPrefix(got["/"], "ro,") {
		t.Errorf("/ is %q, /vol %q", got["/"], got["/vol"])
	}
}

// TestPropagation: private unless asked for; a slave hears of the host's mounts
// and the host never of the container's.
func TestPropagation(t *testing.T) {
	b := newBundle(t)
	src := b.mkdir("src")
	unmountAtEnd(t, src, "e2e-src", "tmpfs", 0, "mode=755")
	if err := unix.Mount("", src, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	b.mkdir("src/later")
	b.bind("src", "/private", "rbind").bind("src", "/slave", "rbind", "rslave").bind("src", "/shared", "rbind", "rshared")
	b.sh("echo ready; read x; cat /proc/self/mountinfo")
	c := b.command().ready()
	if err := unix.Mount("e2e-later", b.path("src/later"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	c.stdin.Write([]byte("go\n"))
	r := c.wait()
	unix.Unmount(b.path("src/later"), unix.MNT_DETACH)
	b.checkHost(c.host)
	got, _ := parseMounts(strings.TrimPrefix(r.Out, "ready\n"))
	if _, ok := got["/slave/later"]; !ok {
		t.Errorf("/slave does not hear of the host's mount: %s %s", r.Out, r.Err)
	}
	if _, ok := got["/private/later"]; ok {
		t.Error("/private hears of the host's mount")
	}
	if !strings.Contains(got["/slave"], "master:") || !strings.Contains(got["/shared"], "shared:") || strings.Contains(got["/private"], ":") {
		t.Errorf("propagation: slave %q, shared %q, private %q", got["/slave"], got["/shared"], got["/private"])
	}
}

// TestTmpfsOptions (C10).
func TestTmpfsOptions(t *testing.T) {
	b := newBundle(t)
	b.tmpfs("/a").tmpfs("/b", "mode=0700", "uid=3", "gid=4", "size=64k").tmpfs("/c", "mode=700", "mode=1750")
	b.sh("stat -c '%a %u:%g' /a /b /c; dd if=/dev/zero of=/b/f bs=1024 count=128 2>&1 | grep -c 'No space'")
	for profile, mode := range map[string]string{"runsc": "1777", "runsc-2019": "777", "runsc-2018": "777"} {
		if out, want := b.boot("--profile", profile).Out, mode+" 0:0\n700 3:4\n1750 0:0\n1\n"; out != want {
			t.Errorf("%s: %q, want %q", profile, out, want)
		}
	}
	b.spec.Mounts[0].Options = []string{"mode=a=b"}
	b.bad(125, []string{"mounts[0] /a", "mode=a=b"})
	b.spec.Mounts[0].Options = []string{"mode=2777"}
	b.bad(125, []string{"mounts[0] /a", "01777"})
}

// TestOrderAndDuplicates: parents before children in runsc (C7), spec order
// elsewhere, the later of two on top (C8), destinations cleaned (C13).
func TestOrderAndDuplicates(t *testing.T) {
	b := newBundle(t)
	b.write("one/f", "1")
	b.write("two/f", "2")
	b.bind("two", "/mnt//./sub/").bind("one", "/mnt").bind("one", "/dup").bind("two", "/dup/")
	b.sh("cat /dup/f; ls /mnt; cat /mnt/sub/f")
	if out := b.good(); out != "2f\nsub\n2" {
		t.Errorf("runsc: %q", out)
	}
	b.ociMounts()
	if r := b.boot("--profile=oci"); r.Out != "2f\n" || r.Code == 0 {
		t.Errorf("oci, the child hidden by its parent: %+v", r)
	}
	if r := b.boot("--profile=runsc-2019"); r.Code != 125 {
		t.Errorf("runsc-2019, a bind hidden by a later one: %+v", r)
	}
}

// TestLinksInDestinations: followed inside the root (P2), whatever they say;
// refused for what is no bind in runsc-2019 (P1); loops are errors (P3).
func TestLinksInDestinations(t *testing.T) {
	b := newBundle(t)
	b.write("src/f", "f")
	for link, to := range map[string]string{"abs": "/mnt", "out": "../../../../../mnt", "dangling": "/made/here", "loop": "loop"} {
		if err := os.Symlink(to, b.path("rootfs/"+link)); err != nil {
			t.Fatal(err)
		}
	}
	for dst, at := range map[string]string{"/abs/x": "/mnt/x", "/out/y": "/mnt/y", "/abs": "/mnt", "/out": "/mnt", "/dangling/z": "/made/here/z"} {
		b.spec.Mounts = nil
		b.bind("src", dst).sh("cat " + at + "/f")
		for _, flags := range [][]string{nil, {"--overlay=all"}, {"--profile=runsc-2019"}} {
			if r := b.boot(flags...); r.Out != "f" {
				t.Errorf("%v: bind on %s: %+v", flags, dst, r)
			}
		}
	}
	b.spec.Mounts = nil
	b.tmpfs("/abs/x").sh("true")
	b.good()
	b.bad(125, []string{"mounts[0] /abs/x", "P1"}, "--profile=runsc-2019")
	b.spec.Mounts[0].Destination = "/loop/x"
	b.bad(125, []string{"mounts[0] /loop/x", "too many levels of symbolic links"})
}

// TestKindsThatDoNotFit (P4, D2, C14).
func TestKindsThatDoNotFit(t *testing.T) {
	b := newBundle(t)
	b.write("src/f", "f")
	b.bind("src/f", "/mnt")
	b.bad(125, []string{"mounts[0] /mnt", "P4"})
	b.spec.Mounts = nil
	b.bind("src", "/etc/hosts")
	b.bad(125, []string{"mounts[0] /etc/hosts", "P4"})
	b.spec.Mounts = nil
	b.bind("missing", "/mnt")
	b.bad(125, []string{"mounts[0] /mnt", "no such file or directory", "hint: the source of a bind must exist"})
	b.spec.Mounts = nil
	b.mount("nosuchfs", "x", "/mnt")
	if r := b.boot(); r.Code != 0 || !strings.Contains(r.Err, "nosuchfs") { // C6
		t.Errorf("%+v", r)
	}
	b.bad(125, []string{"mounts[0] /mnt", "no file system of that type"}, "--profile=oci")
}
