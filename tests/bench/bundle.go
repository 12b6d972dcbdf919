package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// maxBinds is how many sources and destinations for binds a world has.
const maxBinds = 1000

// A world is the scratch directory that the bundles of all rows lie in.
//
//	rootfs/       busybox, the mount points, /b/0000 ... and a /tmp that is not empty (so no rule mounts a tmpfs there)
//	src/0000 ...  sources of binds, each with a file `marker`
//	work/         where floor mounts its tmpfs
//	host/         where the mounts of the host row go
//	bundle/       the config.json of the row, which names rootfs
//	state/        the state of runtimes that keep one
//	output        what the last boot printed
type world struct{ dir string }

func (w world) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// makeWorld fills dir.
func makeWorld(dir string) (world, error) {
	w := world{dir}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return w, fmt.Errorf("busybox is what is booted (Debian: busybox-static): %w", err)
	}
	for _, d := range []string{"rootfs/bin", "rootfs/proc", "rootfs/sys", "rootfs/dev", "rootfs/tmp", "rootfs/b",
		"src", "work", "host", "bundle", "state"} {
		if err := os.MkdirAll(w.path(d), 0o755); err != nil {
			return w, err
		}
	}
	text, err := os.ReadFile(busybox)
	if err != nil {
		return w, err
	}
	if err := os.WriteFile(w.path("rootfs/bin/busybox"), text, 0o755); err != nil {
		return w, err
	}
	for _, applet := range []string{"sh", "true", "grep"} {
		if err := os.Symlink("busybox", w.path("rootfs/bin", applet)); err != nil {
			return w, err
		}
	}
	for i := range maxBinds {
		n := bindName(i)
		if err := os.Mkdir(w.path("rootfs/b", n), 0o755); err != nil {
			return w, err
		}
		if err := os.Mkdir(w.path("src", n), 0o755); err != nil {
			return w, err
		}
		if err := os.WriteFile(w.path("src", n, "marker"), nil, 0o644); err != nil {
			return w, err
		}
	}
	for _, f := range []string{"marker", "tmp/keep"} {
		if err := os.WriteFile(w.path("rootfs", f), nil, 0o644); err != nil {
			return w, err
		}
	}
	return w, nil
}

func bindName(i int) string { return fmt.Sprintf("%04d", i) }

// writeBundle writes the config.json of a row that runs args.
func (w world) writeBundle(r row, args []string) error {
	caps := []string{"CAP_KILL", "CAP_NET_BIND_SERVICE"}
	s := specs.Spec{
		Version: "1.0.2",
		Process: &specs.Process{
			Args:            args,
			Env:             []string{"PATH=/bin"},
			Cwd:             "/",
			NoNewPrivileges: true,
			Capabilities:    &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
		},
		Root: &specs.Root{Path: w.path("rootfs"), Readonly: r.readonly},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts",
				Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
				Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
	}
	if r.pid {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
	}
	for _, b := range w.binds(r) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: b.dst, Type: "bind", Source: b.src, Options: []string{"bind"}})
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(w.path("bundle/config.json"), text, 0o644)
}

// A bind is one directory to show in the container.
type bind struct{ src, dst string }

// binds lists the binds of a row.
func (w world) binds(r row) []bind {
	var list []bind
	if r.root == stubRoot {
		list = append(list, bind{w.path("src", bindName(0)), "/opt/data"})
	}
	for i := range r.binds {
		list = append(list, bind{w.path("src", bindName(i)), "/b/" + bindName(i)})
	}
	return list
}

// containerID names the containers, and so the cgroups, of this run.
func containerID() string { return "nsboot-bench-" + strconv.Itoa(os.Getpid()) }

// unchanged finds, and removes, what a boot left in the root file system that the row does not allow: the mount point
// of a stub, and what the script wrote where it could write only to an overlay or nowhere (rule S5).
func (w world) unchanged(r row) error {
	for _, name := range []string{"opt", "written"} {
		path := w.path("rootfs", name)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove what the boot left: %w", err)
		}
		if name == "opt" || r.readonly || r.root == overlayRoot {
			return fmt.Errorf("the boot left /%s in the bundle", name)
		}
	}
	return nil
}
