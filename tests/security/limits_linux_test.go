package security

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLinkChain: 40 links are followed, 41 are a loop (P3).
func TestLinkChain(t *testing.T) {
	for _, p := range profiles {
		for _, n := range []int{40, 41} {
			b := newBundle(t)
			b.profile = p
			for i := range n {
				b.symlink("l"+strconv.Itoa(i+1), "b/rootfs/l"+strconv.Itoa(i))
			}
			b.mkdir("b/rootfs/l" + strconv.Itoa(n))
			b.mounts(mount("src", "/l0", "bind", "bind"))
			b.run("ls", "/l"+strconv.Itoa(n))
			if r := b.boot(); n == 40 {
				r.booted(t, "ls: own")
			} else {
				r.refused(t, "mounts[1] /l0", "too many levels of symbolic links")
			}
		}
	}
}

// TestManyLayers: an overlay among the config's mounts, of 500 layers and of
// one more than the kernel takes (oci). The other profiles do not know the type.
func TestManyLayers(t *testing.T) {
	for _, p := range profiles {
		for _, n := range []int{500, 501} {
			manyLayers(t, p, n)
		}
	}
}

func manyLayers(t *testing.T, p string, n int) {
	b := newBundle(t)
	b.profile = p
	var layers []string
	for i := range n {
		b.mkdir(fmt.Sprintf("layers/%d", i))
		layers = append(layers, b.path(fmt.Sprintf("layers/%d", i)))
	}
	b.write(fmt.Sprintf("layers/%d/last", n-1), "")
	b.mounts(mount("overlay", "/data", "overlay", "lowerdir="+strings.Join(layers, ":")))
	b.run("ls", "/data")
	r := b.boot()
	switch {
	case p == "oci" && n <= 500:
		r.booted(t, "ls: last")
	case p == "oci":
		r.refused(t, "mounts[1] /data", "limit is 500")
	case r.code != 0 || !strings.Contains(r.stderr, `"overlay" is unknown`):
		t.Errorf("%s: %+v", p, r)
	}
}

// TestFewDescriptors: whatever nsboot may open, it boots or says what it lacks.
func TestFewDescriptors(t *testing.T) {
	for _, p := range profiles {
		boots := 0
		for n := 4; n <= 40; n++ {
			b := newBundle(t)
			b.profile, b.flags = p, []string{"--overlay=all"}
			b.wrap = []string{"/bin/sh", "-c", `ulimit -n ` + strconv.Itoa(n) + ` && exec "$@"`, "sh"}
			b.mounts(mount("src", "/missing/data", "bind", "bind"), mount("src", "/missing/too", "bind", "bind", "ro"), mount("src/own", "/missing/file", "bind", "bind"))
			b.run("ls", "/missing", ",", "fds", ",", "limit")
			r := b.boot()
			if r.code == 0 {
				boots++
				r.booted(t, "ls: data file too", "fds: 0 1 2", "limit: "+strconv.Itoa(n))
				continue
			}
			if !strings.Contains(r.stderr, "too many open files") {
				t.Errorf("%s: ulimit -n %d: exit code %d: %s", p, n, r.code, r.stderr)
			}
		}
		if boots == 0 {
			t.Errorf("%s: does not boot with 40 descriptors", p)
		}
	}
}

// TestMountMax: more mounts than fs.mount-max. The sysctl is the machine's own,
// so it is the source of a bind that has too many: mounts double each time they
// are bound into themselves.
func TestMountMax(t *testing.T) {
	b := newBundle(t)
	text, err := os.ReadFile("/proc/sys/fs/mount-max")
	b.must(err)
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	b.must(err)
	if limit > 1<<20 {
		skip(t, "fs.mount-max is far above its default")
	}
	b.mountTmpfs("many", "")
	many := b.path("many")
	b.must(unix.Mount("", many, "", unix.MS_PRIVATE, ""))
	for i, n := 0, 1; n <= limit/2; i, n = i+1, 2*n {
		b.mkdir(fmt.Sprintf("many/%d", i))
		b.must(unix.Mount(many, fmt.Sprintf("%s/%d", many, i), "", unix.MS_BIND|unix.MS_REC, ""))
	}
	b.mounts(mount(many, "/data", "bind", "rbind"))
	b.boot().refused(t, "mounts[1] /data", "fs/mount-max")
}
