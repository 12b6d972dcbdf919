package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func idMap(ids ...uint32) (list []specs.LinuxIDMapping) {
	for ; len(ids) > 0; ids = ids[3:] {
		list = append(list, specs.LinuxIDMapping{ContainerID: ids[0], HostID: ids[1], Size: ids[2]})
	}
	return list
}

// mapIDs gives the last mount added an id mapping.
func (b *bundle) mapIDs(uids, gids []specs.LinuxIDMapping) *bundle {
	m := &b.spec.Mounts[len(b.spec.Mounts)-1]
	m.UIDMappings, m.GIDMappings = uids, gids
	return b
}

func (b *bundle) chown(rel string, uid, gid int) {
	b.t.Helper()
	if err := os.Lchown(b.path(rel), uid, gid); err != nil {
		b.t.Fatal(err)
	}
}

// TestIDMap: whose the files are in a mount with a mapping, and whose what is
// written there is on the host, in every profile.
func TestIDMap(t *testing.T) {
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		b := newBundle(t)
		b.writes = true
		b.write("src/root", "")
		b.write("src/seven", "")
		b.write("src/none", "")
		b.chown("src/seven", 7, 8)
		b.chown("src/none", 500, 500)
		unmountAtEnd(t, b.mkdir("src/sub"), "e2e-sub", "tmpfs", 0, "mode=755")
		b.mount("bind", "src", "/a", "rbind", "idmap").mapIDs(idMap(0, 1000, 10), idMap(0, 2000, 10))
		b.mount("bind", "src", "/b", "rbind", "ridmap", "ro").mapIDs(idMap(0, 1000, 10), idMap(0, 2000, 10))
		b.mount("bind", "src", "/c", "rbind").mapIDs(idMap(7, 0, 1, 0, 7, 1), idMap(0, 0, 100))
		b.mount("bind", "src/seven", "/file", "bind").mapIDs(idMap(7, 3, 1), idMap(8, 4, 1))
		b.tmpfs("/t", "mode=755").mapIDs(idMap(0, 1000, 10), idMap(0, 2000, 10))
		b.bind("src", "/plain")
		b.sh("cd /; stat -c '%n %u:%g' a/root a/seven a/none a/sub b/root b/sub c/root c/seven file t plain/root; touch c/new; touch a/other 2>&1")
		want := "a/root 1000:2000\na/seven 1007:2008\na/none 65534:65534\na/sub 0:0\nb/root 1000:2000\nb/sub 1000:2000\n" +
			"c/root 7:0\nc/seven 0:8\nfile 3:4\nt 1000:2000\nplain/root 0:0\ntouch: a/other: Value too large for defined data type\n"
		if profile == "oci" { // /t, mode=755 and all, is as above
			b.mount("proc", "proc", "/proc")
		}
		r := b.boot("--profile", profile)
		if r.Out != want {
			t.Errorf("%s: %q, want %q\n%s", profile, r.Out, want, r.Err)
		}
		var st unix.Stat_t
		if err := unix.Stat(b.path("src/new"), &st); err != nil || st.Uid != 7 || st.Gid != 0 {
			t.Errorf("%s: written by root, on the host: %d:%d, %v", profile, st.Uid, st.Gid, err)
		}
	}
}

// TestIDMapOverlaid: a bind with a mapping whose tree is overlaid, for writes or
// for a mount point that it lacks, keeps its mapping: the layer has it.
func TestIDMapOverlaid(t *testing.T) {
	b := newBundle(t)
	b.write("src/root", "")
	b.write("file", "host\n")
	unmountAtEnd(t, b.mkdir("src/sub"), "e2e-sub", "tmpfs", 0, "mode=755")
	ids := idMap(0, 1000, 10)
	b.mount("bind", "src", "/a", "rbind", "ridmap").mapIDs(ids, ids)
	b.mount("bind", "src", "/b", "rbind", "idmap", "ro").mapIDs(ids, ids).tmpfs("/b/missing")
	b.mount("bind", "file", "/file", "bind", "idmap").mapIDs(ids, ids)
	b.sh("cd /; stat -c '%n %u:%g' a a/root a/sub b b/root b/sub b/missing file; touch a/new; echo more >> file; cat file")
	want := "a 1000:1000\na/root 1000:1000\na/sub 1000:1000\nb 1000:1000\nb/root 1000:1000\nb/sub 0:0\nb/missing 0:0\nfile 1000:1000\nhost\nmore\n"
	if r := b.boot("--overlay=all"); r.Out != want {
		t.Errorf("%q, want %q\n%s", r.Out, want, r.Err)
	}
}

// TestIDMapRefused: what cannot be mapped, and mappings that are none. The host
// is as it was.
func TestIDMapRefused(t *testing.T) {
	one := idMap(0, 1000, 10)
	for _, c := range []struct {
		name  string
		build func(*bundle)
		words []string
	}{
		{"proc", func(b *bundle) { b.mount("proc", "proc", "/proc", "idmap").mapIDs(one, one) }, []string{"mounts[0] /proc: idmap", "maps no ids of the file system, proc"}},
		{"a bind of proc", func(b *bundle) { b.bind("/proc/sys", "/mnt").mapIDs(one, one) }, []string{"mounts[0] /mnt: idmap", "file system, proc"}},
		{"something below", func(b *bundle) {
			unmountAtEnd(b.t, b.mkdir("src"), "e2e-src", "tmpfs", 0, "")
			unmountAtEnd(b.t, b.mkdir("src/in"), "devpts", "devpts", 0, "newinstance")
			b.mount("bind", "src", "/mnt", "rbind", "ridmap").mapIDs(one, one)
		}, []string{"mounts[0] /mnt: idmap", "or something mounted below it"}},
		{"a merged overlay", func(b *bundle) {
			b.mkdir("l1")
			b.mkdir("l2")
			unmountAtEnd(b.t, b.mkdir("src"), "overlay", "overlay", 0, "lowerdir="+b.path("l1")+":"+b.path("l2"))
			b.bind("src", "/mnt").mapIDs(one, one)
		}, []string{"mounts[0] /mnt: idmap", "merged overlay", "hint: map the layers"}},
		{"mapped already", func(b *bundle) {
			b.mkdir("src")
			b.bind("src", "/mnt").mapIDs(one, one)
			b.mappedOnHost("src")
		}, []string{"mounts[0] /mnt: idmap", "idmapped already"}},
		{"no mapping", func(b *bundle) { b.tmpfs("/mnt", "idmap") }, []string{"mounts[0] /mnt: option idmap without uidMappings"}},
		{"overlapping", func(b *bundle) { b.tmpfs("/mnt").mapIDs(idMap(0, 0, 10, 5, 100, 1), one) }, []string{"mounts[0] /mnt: uidMappings[1]", "overlaps [0]"}},
		{"overflowing", func(b *bundle) { b.tmpfs("/mnt").mapIDs(one, idMap(0, 4294967290, 10)) }, []string{"mounts[0] /mnt: gidMappings[0]", "beyond the last id"}},
		{"341 lines", func(b *bundle) {
			var many []specs.LinuxIDMapping
			for i := range uint32(341) {
				many = append(many, idMap(i, i, 1)...)
			}
			b.tmpfs("/mnt").mapIDs(many, one)
		}, []string{"mounts[0] /mnt: uidMappings: 341 ranges"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBundle(t)
			c.build(b)
			b.bad(125, c.words)
		})
	}
}

// mappedOnHost puts an idmapped mount on a directory of the host, for the test.
func (b *bundle) mappedOnHost(rel string) {
	b.t.Helper()
	tree, err := unix.OpenTree(unix.AT_FDCWD, b.path(rel), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		b.t.Fatal(err)
	}
	defer unix.Close(tree)
	ns := userNamespace(b.t)
	defer unix.Close(ns)
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns)}); err != nil {
		b.t.Fatal(err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, b.path(rel), unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { unix.Unmount(b.path(rel), unix.MNT_DETACH) })
}

// TestIDMapShared: mounts with the same mapping share one user namespace: what
// a mapping costs does not grow with them.
func TestIDMapShared(t *testing.T) {
	strace := needStrace(t)
	b := newBundle(t)
	b.mkdir("src")
	for i := range 20 {
		dst := "/mnt/" + string(rune('a'+i))
		b.mkdir("rootfs" + dst)
		size := uint32(10)
		if i == 19 {
			size = 11
		}
		b.mount("bind", "src", dst, "bind", "idmap").mapIDs(idMap(0, 1000, size), idMap(0, 1000, 10))
	}
	out := b.path("unlisted-trace")
	b.write("unlisted-trace", "")
	if r := b.bootWith(under(strace, "-f", "-e", "trace=clone", "-o", out)); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	if n := strings.Count(b.read("unlisted-trace"), "CLONE_NEWUSER"); n != 2 {
		t.Errorf("%d user namespaces made for two mappings", n)
	}
}

// userNamespace is one that maps ten ids.
func userNamespace(t testing.TB) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 5000, Size: 10}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestIDMapOfTheContainer: the option alone, in a container that has a user
// namespace: what is root's on the disk is the container's root's.
func TestIDMapOfTheContainer(t *testing.T) {
	for _, profile := range []string{"runsc", "oci"} {
		b := newBundle(t).namespaces(specs.UserNamespace)
		b.writes = true
		b.mount("proc", "proc", "/proc")
		b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = idMap(0, 100000, 1000), idMap(0, 200000, 1000)
		b.write("src/root", "")
		b.write("src/seven", "")
		b.chown("src/seven", 7, 8)
		b.mkdir("rootfs/mapped")
		b.mkdir("rootfs/plain")
		b.bind("src", "/mapped", "idmap").bind("src", "/plain")
		b.sh("cd /; stat -c '%n %u:%g' mapped/root mapped/seven plain/root; touch mapped/new")
		if r := b.boot("--profile", profile); r.Out != "mapped/root 0:0\nmapped/seven 7:8\nplain/root 65534:65534\n" {
			t.Errorf("%s: %+v", profile, r)
		}
		var st unix.Stat_t
		if err := unix.Stat(b.path("src/new"), &st); err != nil || st.Uid != 0 || st.Gid != 0 {
			t.Errorf("%s: written by the container's root, on the host: %d:%d, %v", profile, st.Uid, st.Gid, err)
		}
	}
}
