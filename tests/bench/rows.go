package main

import "fmt"

// A rootKind is how the root of a row comes about.
type rootKind int

const (
	plainRoot   rootKind = iota // a bind of the root file system
	overlayRoot                 // a tmpfs upper over it
	stubRoot                    // read-only, with a mount point that it lacks
)

// A row is one thing to boot. Every row has the base mounts: proc, sys, dev with its nodes, pts, shm, mqueue.
type row struct {
	name       string
	pid        bool // a pid namespace
	readonly   bool
	root       rootKind
	binds      int // directories bound below /b
	hostMounts int // mounts that the namespace has before the boot and that have nothing to do with it
}

// rows lists what is measured, in the order of the report.
func rows() []row {
	return []row{
		{name: "base"},
		{name: "base + pid namespace", pid: true},
		{name: "read-only root", readonly: true},
		{name: "read-only root, a stub", readonly: true, root: stubRoot},
		{name: "overlay root", root: overlayRoot},
		{name: "100 binds", binds: 100},
		{name: "1000 binds", binds: 1000},
		{name: "1000 mounts on the host", hostMounts: 1000},
	}
}

// exitOK is how the script of a row says that it found everything: a runtime that never started it cannot.
const exitOK = 42

// script is a shell script for inside the container that looks at each mount of the row once.
func (r row) script() string {
	s := `set -e
fail() { echo "in the container: $1" >&2; exit 1; }
on() { grep -q " $1 " /proc/self/mountinfo || fail "nothing mounted on $1"; }
for m in / /proc /sys /dev /dev/pts /dev/shm /dev/mqueue; do on $m; done
for n in null zero full random urandom tty; do [ -c /dev/$n ] || fail "no /dev/$n"; done
for l in fd stdin stdout stderr ptmx; do [ -e /dev/$l ] || fail "no /dev/$l"; done
[ -d /sys/kernel ] || fail "no sysfs"
[ -f /marker ] || fail "not the root file system of the bundle"
`
	if r.pid {
		s += "[ $$ = 1 ] || fail 'not pid 1'\n"
	} else {
		s += "[ $$ != 1 ] || fail 'a pid namespace that nobody asked for'\n"
	}
	if r.readonly {
		s += "if (: >/written) 2>/dev/null; then fail 'the root can be written'; fi\n"
	} else {
		s += "(: >/written) || fail 'the root cannot be written'\n"
	}
	if r.root == stubRoot {
		s += "on /opt/data; [ -f /opt/data/marker ] || fail 'the bind on the stub shows something else'\n"
	}
	for _, i := range []int{0, r.binds - 1} {
		if r.binds > 0 {
			s += fmt.Sprintf("on /b/%04d; [ -f /b/%04d/marker ] || fail 'bind %d shows something else'\n", i, i, i)
		}
	}
	return s + fmt.Sprintf("exit %d\n", exitOK)
}
