package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// overlayMount adds a mount of type overlay, for the profile oci.
func (b *bundle) overlayMount(dst string, options ...string) *bundle {
	return b.mount("overlay", "overlay", dst, options...)
}

// TestOverlayMount: layers are merged, the top one first; writes go to the upper
// directory alone; a mount point that no layer has comes from none of the host's.
func TestOverlayMount(t *testing.T) {
	b := newBundle(t).ociMounts()
	b.writes = true
	b.write("l1/same", "1\n")
	b.write("l2/same", "2\n")
	b.write("l2/two", "2\n")
	b.mkdir("upper/in-upper")
	b.mkdir("work")
	b.overlayMount("/mnt", "lowerdir="+b.path("l1")+":"+b.path("l2"), "upperdir="+b.path("upper"), "workdir="+b.path("work"), "redirect_dir=on", "nodev", "sync")
	b.tmpfs("/mnt/new/deep").tmpfs("/mnt/in-upper")
	b.overlayMount("/ro", "lowerdir="+b.path("l1")+":"+b.path("l2")).tmpfs("/ro/stub", "size=64k")
	b.sh("cat /mnt/same /mnt/two; echo w > /mnt/same; echo w > /mnt/new/x; ls /mnt /ro; echo w > /ro/same; grep ' /mnt overlay' /proc/mounts")
	r := b.boot("--profile", "oci")
	if want := "1\n2\n/mnt:\nin-upper\nnew\nsame\ntwo\n\n/ro:\nsame\nstub\ntwo\n"; !strings.HasPrefix(r.Out, want) || !strings.Contains(r.Out, "rw,sync,nodev,") || !strings.Contains(r.Out, "redirect_dir=on") {
		t.Errorf("%q, want %q\n%s", r.Out, want, r.Err)
	}
	if !strings.Contains(r.Err, "/ro/same: Read-only file system") {
		t.Errorf("a write without an upper layer: %s", r.Err)
	}
	if b.read("l1/same") != "1\n" || b.read("upper/same") != "w\n" || b.exists("upper/new/deep") || b.exists("l1/stub") {
		t.Errorf("the host: lower %q, upper %q", b.read("l1/same"), b.read("upper/same"))
	}
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018"} {
		if r := b.boot("--profile", profile); !strings.Contains(r.Err, `mounts[5]: file system type "overlay" is unknown`) {
			t.Errorf("%s: %+v", profile, r)
		}
	}
}

// TestOverlayMountPaths: any character in the paths, escaped where a list has a
// meaning for it; a relative path starts at the root and stays in it.
func TestOverlayMountPaths(t *testing.T) {
	b := newBundle(t).ociMounts()
	b.writes = true
	name := "a,b:c\\d\ne=f '\"#\\040"
	escape := strings.NewReplacer(`\`, `\\`, ":", `\:`)
	b.write(name+"/f", "odd\n")
	b.write(name+"-2/g", "odd too\n")
	b.mkdir(name + "-u")
	b.mkdir(name + "-w")
	b.write("rootfs/rel/h", "relative\n")
	if err := os.Symlink("/../../../../rel", b.path("rootfs/link")); err != nil {
		t.Fatal(err)
	}
	b.overlayMount("/mnt", "lowerdir="+escape.Replace(b.path(name))+":"+escape.Replace(b.path(name+"-2"))+":link",
		"upperdir="+escape.Replace(b.path(name+"-u")), "workdir="+escape.Replace(b.path(name+"-w")))
	b.overlayMount("/two", "lowerdir+="+b.path(name), "lowerdir+=rel")
	b.sh("cat /mnt/f /mnt/g /mnt/h /two/f /two/h; echo w > /mnt/w")
	if out := b.good("--profile", "oci"); out != "odd\nodd too\nrelative\nodd\nrelative\n" {
		t.Errorf("%q", out)
	}
	if b.read(name+"-u/w") != "w\n" {
		t.Error("the write is not in the upper directory")
	}
}

// TestOverlayMountIDMap: the mapping is that of the lower layers; what is
// written is stored as the process sees it.
func TestOverlayMountIDMap(t *testing.T) {
	b := newBundle(t).ociMounts()
	b.writes = true
	b.write("l1/f", "")
	b.write("l2/g", "")
	b.chown("l2/g", 3, 3)
	b.mkdir("upper")
	b.mkdir("work")
	ids := idMap(0, 1000, 10)
	b.overlayMount("/mnt", "idmap", "lowerdir="+b.path("l1")+":"+b.path("l2"), "upperdir="+b.path("upper"), "workdir="+b.path("work")).mapIDs(ids, ids)
	b.overlayMount("/ro", "lowerdir="+b.path("l1")+":"+b.path("l2")).mapIDs(ids, ids).tmpfs("/ro/stub")
	b.sh("cd /; stat -c '%n %u' mnt/f mnt/g ro/f ro/g ro/stub; touch mnt/new; echo x >> mnt/g; stat -c '%n %u' mnt/new mnt/g")
	if out, want := b.good("--profile", "oci"), "mnt/f 1000\nmnt/g 1003\nro/f 1000\nro/g 1003\nro/stub 0\nmnt/new 0\nmnt/g 1003\n"; out != want {
		t.Errorf("%q, want %q", out, want)
	}
	var lower, upper unix.Stat_t
	if err := unix.Stat(b.path("l2/g"), &lower); err != nil || lower.Uid != 3 {
		t.Errorf("the layer's file is of %d, %v", lower.Uid, err)
	}
	if err := unix.Stat(b.path("upper/g"), &upper); err != nil || upper.Uid != 1003 {
		t.Errorf("the copy is of %d, %v", upper.Uid, err)
	}
}

// TestOverlayMountRefused: what cannot be merged, each with its place and cause.
// Nothing has changed afterwards, in the work directory neither.
func TestOverlayMountRefused(t *testing.T) {
	layers := func(b *bundle, options ...string) {
		for i, o := range options {
			options[i] = strings.ReplaceAll(o, "DIR", b.dir)
		}
		b.overlayMount("/mnt", options...)
	}
	stack := func(b *bundle, lower, onto string) {
		unmountAtEnd(b.t, b.mkdir(onto), "overlay", "overlay", 0, "lowerdir="+b.path(lower)+":"+b.path("l2"))
	}
	writable := []string{"upperdir=DIR/u", "workdir=DIR/w"}
	for _, c := range []struct {
		name  string
		build func(*bundle)
		words []string
	}{
		{"501 layers", func(b *bundle) {
			var list []string
			for range 501 {
				list = append(list, b.path("l1"))
			}
			layers(b, "lowerdir="+strings.Join(list, ":"))
		}, []string{"501 lower layers: the limit is 500"}},
		{"a file", func(b *bundle) { b.write("file", ""); layers(b, append(writable, "lowerdir=DIR/l1:DIR/file")...) }, []string{"lower layer 2 of 2, ", "/file: not a directory"}},
		{"missing", func(b *bundle) { layers(b, "lowerdir=DIR/none:DIR/l2") }, []string{"lower layer 1 of 2, ", "/none: no such file"}},
		{"missing upper", func(b *bundle) { layers(b, "lowerdir=DIR/l1", "upperdir=DIR/none", "workdir=DIR/w") }, []string{"upperdir ", "/none: no such file"}},
		{"missing work", func(b *bundle) { layers(b, "lowerdir=DIR/l1", "upperdir=DIR/u", "workdir=DIR/none") }, []string{"workdir ", "/none: no such file"}},
		{"no work", func(b *bundle) { layers(b, "lowerdir=DIR/l1", "upperdir=DIR/u") }, []string{"options: upperdir without workdir"}},
		{"one layer", func(b *bundle) { layers(b, "lowerdir=DIR/l1") }, []string{"a single lowerdir and no upperdir"}},
		{"data only", func(b *bundle) { layers(b, "lowerdir=DIR/l1:DIR/l2::DIR/l1") }, []string{"layers of data alone"}},
		{"a relative way out", func(b *bundle) { layers(b, "lowerdir=../l1:DIR/l2") }, []string{"lower layer 1 of 2, ../l1: ", "no such file"}},
		{"two file systems", func(b *bundle) {
			unmountAtEnd(b.t, b.path("w"), "e2e-w", "tmpfs", 0, "")
			layers(b, append(writable, "lowerdir=DIR/l1")...)
		}, []string{"on different mounts"}},
		{"upper in use", func(b *bundle) {
			b.mkdir("m")
			unmountAtEnd(b.t, b.path("m"), "overlay", "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", b.path("l1"), b.path("u"), b.path("w")))
			layers(b, append(writable, "lowerdir=DIR/l2")...)
		}, []string{"device or resource busy", "hint: another overlay uses"}},
		{"upper on an overlay", func(b *bundle) {
			stack(b, "l1", "once")
			layers(b, "lowerdir=DIR/l1", "upperdir=DIR/once", "workdir=DIR/w")
		}, []string{"/once", "itself on an overlay"}},
		{"a third level", func(b *bundle) {
			stack(b, "l1", "once")
			stack(b, "once", "twice")
			layers(b, append(writable, "lowerdir=DIR/l2:DIR/twice")...)
		}, []string{"lower layer 2", "/twice", "two levels", "hint: lower layer 2 is on an overlay over an overlay"}},
		{"a third level, read-only", func(b *bundle) {
			stack(b, "l1", "once")
			stack(b, "once", "twice")
			layers(b, "lowerdir=DIR/l2:DIR/twice")
		}, []string{"hint: lower layer 2 is on an overlay over an overlay"}},
		{"work inside upper", func(b *bundle) {
			b.mkdir("u/w")
			layers(b, "lowerdir=DIR/l1", "upperdir=DIR/u", "workdir=DIR/u/w")
		}, []string{"hint: work must be empty, beside upper"}},
		{"unknown option", func(b *bundle) { layers(b, append(writable, "lowerdir=DIR/l1", "nosuch=1")...) }, []string{"Unknown parameter 'nosuch'"}},
		{"a layer smuggled in", func(b *bundle) { layers(b, "lowerdir=DIR/l1:DIR/l2", "index=off,lowerdir=/etc") }, []string{"index"}},
		{"too long", func(b *bundle) { layers(b, "lowerdir=DIR/l1:DIR/l2", "context="+strings.Repeat("x", 300)) }, []string{"longer than the kernel's 255 bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBundle(t).ociMounts()
			for _, d := range []string{"l1", "l2", "u", "w"} {
				b.mkdir(d)
			}
			c.build(b)
			b.bad(125, append(c.words, "mounts[5] /mnt: "), "--profile", "oci")
		})
	}
}

// TestOverlayMountManyLayers: 500 layers, whose names make more than a page.
func TestOverlayMountManyLayers(t *testing.T) {
	b := newBundle(t).ociMounts()
	var list []string
	for i := range 500 {
		list = append(list, b.mkdir(fmt.Sprintf("layers/%d", i)))
	}
	b.write("layers/499/last", "")
	b.overlayMount("/mnt", "lowerdir="+strings.Join(list, ":")).sh("ls /mnt")
	if out := b.good("--profile", "oci"); out != "last\n" {
		t.Errorf("%q", out)
	}
}
