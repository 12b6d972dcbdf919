package main

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
)

// A runtime is one of the programs that are compared.
type runtime struct {
	name    string
	path    string // of its program; empty: it cannot be had
	missing string // why, then

	// unable says why the runtime cannot boot the row at all, or nothing if it can.
	unable func(row) string

	// command is its command line for the row's bundle running args, and what it is to read from descriptor 4.
	command func(w world, r row, args []string) (argv []string, fd4 []byte)
}

// runtimes lists the columns of the report. floor is the path of the compiled floor.c, empty where noFloor says why.
func runtimes(nsboot, floor, noFloor string) []runtime {
	all := []runtime{
		{name: "floor", path: floor, missing: noFloor, unable: never, command: floorCommand},
		{name: "nsboot", unable: never, command: nsbootCommand},
		{name: "bwrap", unable: never, command: bwrapCommand},
		{name: "crun", unable: plainOnly, command: ociCommand()},
		// The same program without cgroups, which no other runtime here than crun and runc makes.
		{name: "crun-nocg", unable: plainOnly, command: ociCommand("--cgroup-manager=disabled")},
		{name: "runc", unable: plainOnly, command: ociCommand()},
	}
	for i := range all {
		rt := &all[i]
		switch rt.name {
		case "floor":
			continue
		case "nsboot":
			rt.path = nsboot
			if _, err := os.Stat(nsboot); err != nil {
				rt.path, rt.missing = "", "not built: make build"
			}
		case "crun-nocg":
			rt.path, rt.missing = lookup("crun")
		default:
			rt.path, rt.missing = lookup(rt.name)
		}
		if rt.name == "bwrap" {
			rt.unable = bwrapUnable(rt.path)
		}
	}
	return all
}

// lookup finds an installed program.
func lookup(name string) (path, missing string) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", "not installed"
	}
	return path, ""
}

func never(row) string { return "" }

// plainOnly is for the runtimes that know neither overlays nor stubs. They would make a missing mount point in the
// bundle itself, on the first boot of many, which is other work than what the row is about.
func plainOnly(r row) string {
	switch r.root {
	case overlayRoot:
		return "has no overlay root"
	case stubRoot:
		return "would make the mount point in the bundle"
	}
	return ""
}

// bwrapUnable asks the installed bubblewrap whether it has overlays (0.11 and later).
func bwrapUnable(path string) func(row) string {
	overlays := false
	if path != "" {
		help, _ := exec.Command(path, "--help").CombinedOutput()
		overlays = bytes.Contains(help, []byte("--tmp-overlay"))
	}
	return func(r row) string {
		switch {
		case r.root == overlayRoot && !overlays:
			return "this version has no overlays"
		case r.root == stubRoot:
			return "would make the mount point in the bundle"
		}
		return ""
	}
}

func nsbootCommand(w world, r row, _ []string) ([]string, []byte) {
	argv := []string{"--profile=oci"} // the same mounts as its peers: runsc's rules know no mqueue
	if r.root == overlayRoot {
		argv = append(argv, "--overlay=root")
	}
	return append(argv, "run", "--bundle", w.path("bundle")), nil // without an ID, which would have it recorded
}

func ociCommand(global ...string) func(world, row, []string) ([]string, []byte) {
	return func(w world, _ row, _ []string) ([]string, []byte) {
		argv := append([]string{"--root", w.path("state")}, global...)
		return append(argv, "run", "--bundle", w.path("bundle"), containerID()), nil
	}
}

func floorCommand(w world, r row, args []string) ([]string, []byte) {
	var argv []string
	if r.pid {
		argv = append(argv, "-p")
	}
	if r.readonly {
		argv = append(argv, "-r")
	}
	switch r.root {
	case overlayRoot:
		argv = append(argv, "-o", w.path("work"))
	case stubRoot:
		argv = append(argv, "-s", w.path("work"), "-x", w.path("src", bindName(0)))
	}
	if r.binds > 0 {
		argv = append(argv, "-n", strconv.Itoa(r.binds), "-b", w.path("src"))
	}
	argv = append(argv, w.path("rootfs"))
	return append(argv, args...), nil
}

// bwrapCommand has the mounts in a descriptor: 1000 binds are not something to type.
func bwrapCommand(w world, r row, args []string) ([]string, []byte) {
	root := []string{"--bind", w.path("rootfs"), "/"}
	switch {
	case r.root == overlayRoot:
		root = []string{"--overlay-src", w.path("rootfs"), "--tmp-overlay", "/"}
	case r.readonly:
		root[0] = "--ro-bind"
	}
	opts := append(root, "--proc", "/proc", "--ro-bind", "/sys", "/sys", "--dev", "/dev",
		"--tmpfs", "/dev/shm", "--mqueue", "/dev/mqueue", "--clearenv", "--setenv", "PATH", "/bin", "--chdir", "/")
	if r.pid {
		opts = append(opts, "--unshare-pid", "--as-pid-1")
	}
	for _, b := range w.binds(r) {
		opts = append(opts, "--bind", b.src, b.dst)
	}
	var text []byte
	for _, o := range opts {
		text = append(append(text, o...), 0)
	}
	return append([]string{"--args", "4", "--"}, args...), text
}
