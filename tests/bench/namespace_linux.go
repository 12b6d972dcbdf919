package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// scratchEnv tells the second start of the program, inside the namespace, where its scratch directory is.
const scratchEnv = "NSBOOT_BENCH_SCRATCH"

// enter starts the program again in a private mount namespace and returns its exit code. The scratch directory is
// empty on the host at all times: what fills it is a tmpfs that dies with the namespace.
func enter() (int, error) {
	dir, err := os.MkdirTemp("", "nsboot-bench-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(dir)
	// This process stays until the child is gone, to remove the directory; signals are the child's affair. Not
	// signal.Ignore: the child would inherit that.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), scratchEnv+"="+dir)
	// Unshareflags with CLONE_NEWNS also makes / recursively private.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start again in a private mount namespace: %w", err)
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return 1, err
}

// settle mounts what the benchmark needs in the namespace and returns notes for the report.
func settle(dir string) (notes []string, err error) {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
		return nil, fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
	}
	const cgroups = "/sys/fs/cgroup"
	var st unix.Statfs_t
	if err := unix.Statfs(cgroups, &st); err == nil && st.Type != unix.CGROUP2_SUPER_MAGIC {
		if err := unix.Mount("cgroup2", cgroups, "cgroup2", 0, ""); err != nil {
			notes = append(notes, fmt.Sprintf("no cgroup2 on %s (%v): crun and runc may fail", cgroups, err))
		} else {
			notes = append(notes, "the host's cgroups are not version 2: covered by a cgroup2 mount in this namespace")
		}
	}
	return notes, nil
}

// crowd adds n mounts to the namespace and returns what takes them away.
func (w world) crowd(n int) (undo func() error, err error) {
	host := w.path("host")
	if n == 0 {
		return func() error { return nil }, nil
	}
	if err := unix.Mount("tmpfs", host, "tmpfs", 0, ""); err != nil {
		return nil, fmt.Errorf("mount a tmpfs on %s: %w", host, err)
	}
	undo = func() error { return unix.Unmount(host, unix.MNT_DETACH) }
	for i := range n {
		dir := filepath.Join(host, bindName(i))
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			err = unix.Mount(w.path("src", bindName(0)), dir, "", unix.MS_BIND, "")
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("host mount %d: %w", i, err), undo())
		}
	}
	return undo, nil
}

// removeLeftovers removes the state and the cgroups of a container that its runtime did not remove.
func (w world) removeLeftovers() error {
	for _, pattern := range []string{"/sys/fs/cgroup/" + containerID(), "/sys/fs/cgroup/*/" + containerID()} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, d := range dirs {
			if err := os.Remove(d); err != nil {
				return fmt.Errorf("remove a leftover cgroup: %w", err)
			}
		}
	}
	return os.RemoveAll(w.path("state", containerID()))
}
