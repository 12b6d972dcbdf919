package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mountScript has what the scripts below need.
const mountScript = `
made() { cd rootfs; find . -mindepth 1 -maxdepth 1 ! -name nsboot | sort | tr '\n' ' '; cd ..; }
mounts() { cut -d ' ' -f 5 /proc/self/mountinfo | grep -c "^$PWD/$1" || true; }
mkdir -p mnt
`

func TestMountAndUmount(t *testing.T) {
	for name, readonly := range map[string]bool{"read-only": true, "writable": false} {
		t.Run(name, func(t *testing.T) {
			dir := makeBundle(t, readonly)
			before := list(t, dir+"/rootfs")
			r := script(t, dir, mountScript+`
				"$NSBOOT" mount mnt
				ls mnt; ls -d mnt/proc/self mnt/data/in mnt/dev/null; chroot mnt /nsboot version | head -n 1
				mounts rootfs
				"$NSBOOT" mount mnt || echo again $?
				"$NSBOOT" umount mnt; mounts; ls -A mnt
				"$NSBOOT" umount mnt; echo twice $?; ls /run/nsboot/mounts /run/nsboot/stubs 2>/dev/null | grep -v : | grep . || true`)
			want := "data\ndev\nnsboot\nproc\nsys\ntmp\nmnt/data/in\nmnt/dev/null\nmnt/proc/self\nnsboot version dev\n0\nagain 125\n0\ntwice 0\n"
			if r.code != 0 || r.stdout != want {
				t.Errorf("exit code %d (-want +got):\n%s%s", r.code, cmp.Diff(want, r.stdout), r.stderr)
			}
			for _, part := range []string{"nsboot umount " + dir + "/mnt", "nothing of nsboot's is mounted on mnt"} {
				if !strings.Contains(r.stderr, part) {
					t.Errorf("%q is not in:\n%s", part, r.stderr)
				}
			}
			after := list(t, dir+"/rootfs")
			if diff := cmp.Diff(before[1:], after[1:]); diff != "" { // the directory's own time has changed
				t.Errorf("the root file system changed (-before +after):\n%s", diff)
			}
		})
	}
}

// In a shared namespace nothing of the tree is seen in its source, and it
// comes and goes as a whole.
func TestMountInSharedNamespace(t *testing.T) {
	dir := makeBundle(t, false)
	r := script(t, dir, `mount --make-rshared /; `+mountScript+`
		"$NSBOOT" mount mnt; mounts rootfs
		"$NSBOOT" umount mnt; mounts; made`)
	if want := "0\n0\n"; r.stdout != want {
		t.Errorf("got %+v, want %q", r, want)
	}
}

// A person who mistypes is not hurt.
func TestUmountRefusesWhatIsNotOurs(t *testing.T) {
	dir := makeBundle(t, true)
	r := script(t, dir, mountScript+`mkdir -p other plain; mount -t tmpfs x other
		set +e
		for d in / /proc other plain nothing; do "$NSBOOT" umount $d; echo $d $?; done
		"$NSBOOT" mount mnt; mount -t tmpfs over mnt; "$NSBOOT" umount mnt; echo covered $?
		umount mnt; "$NSBOOT" umount mnt; echo ours $?; mounts`)
	want := "/ 125\n/proc 125\nother 125\nplain 0\nnothing 0\ncovered 125\nours 0\n1\n"
	if r.stdout != want {
		t.Errorf("(-want +got):\n%s%s", cmp.Diff(want, r.stdout), r.stderr)
	}
	for _, part := range []string{"not mounted by nsboot", "is not what nsboot mounted"} {
		if !strings.Contains(r.stderr, part) {
			t.Errorf("%q is not in:\n%s", part, r.stderr)
		}
	}
}

// The record of a tree that somebody else took down does not stand in the way.
func TestMountAfterForeignUmount(t *testing.T) {
	dir := makeBundle(t, false)
	r := script(t, dir, mountScript+`"$NSBOOT" mount mnt; umount -l mnt; "$NSBOOT" mount mnt; ls mnt/nsboot
		umount -l mnt; "$NSBOOT" umount mnt; echo $?; made; ls -A /run/nsboot/mounts`)
	if want := "mnt/nsboot\n0\n"; r.stdout != want {
		t.Errorf("got %+v, want %q", r, want)
	}
}

// A failure leaves nothing mounted and nothing made.
func TestMountFailureLeavesNothing(t *testing.T) {
	dir := makeBundle(t, false)
	write(t, dir, `{"ociVersion":"1.2.0","root":{"path":"rootfs"},"process":{"cwd":"/","args":["x"]},
		"mounts":[{"destination":"/data","type":"tmpfs"},{"destination":"/b","type":"bind","source":"/nonexistent","options":["bind"]}]}`)
	r := script(t, dir, mountScript+`"$NSBOOT" mount mnt || echo $?; mounts; made; ls -A /run/nsboot/mounts 2>/dev/null || true`)
	if want := "125\n0\n"; r.stdout != want || !strings.Contains(r.stderr, "mounts[1] /b: bind /nonexistent") {
		t.Errorf("got %+v, want %q", r, want)
	}
}

// S5: a boot of the same bundle meanwhile does not pull the mount points away
// under the tree.
func TestBootWhileMounted(t *testing.T) {
	dir := makeBundle(t, false)
	r := script(t, dir, mountScript+`"$NSBOOT" mount mnt; n=$(mounts)
		"$NSBOOT" run | head -n 1
		test $(mounts) = $n; ls -d mnt/proc/self mnt/data/in
		"$NSBOOT" umount mnt; mounts; made`)
	if want := "nsboot version dev\nmnt/data/in\nmnt/proc/self\n0\n"; r.stdout != want {
		t.Errorf("got %+v, want %q", r, want)
	}
}
