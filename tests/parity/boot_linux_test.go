package parity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootTimeout is how long one boot may take.
const bootTimeout = 40 * time.Second

// A runtime is something that boots bundles: nsboot, or one to compare it with.
type runtime struct {
	Name string
	// Command is the command line before `run`, overlay being "", root or all. It returns nil if the runtime cannot do that.
	Command func(profile, overlay string, flags []string) []string
	// OwnCgroups gives it a mount namespace whose /sys/fs/cgroup is plain cgroup2.
	OwnCgroups bool
}

// A bench is where bundles are built and booted: a tmpfs that ends with the namespace.
type bench struct {
	Dir     string
	Busybox string // on the same file system, to be linked
}

// boot builds the case's bundle and boots it once. ok is false if the runtime cannot be asked for what the case needs.
func (b bench) boot(rt runtime, profile string, c *parityCase) (a answer, ok bool, err error) {
	command := rt.Command(profile, c.overlayFor(profile), c.Flags)
	if command == nil {
		return answer{}, false, nil
	}
	dir, err := os.MkdirTemp(b.Dir, "bundle-")
	if err != nil {
		return answer{}, false, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return answer{}, false, err
	}
	if err := writeBundle(dir, b.Busybox, c); err != nil {
		return answer{}, false, fmt.Errorf("building the bundle: %w", err)
	}
	defer unmountBelow(dir)
	before, err := snapshot(dir)
	if err != nil {
		return answer{}, false, err
	}
	mountsBefore, err := mountPointsBelow(dir)
	if err != nil {
		return answer{}, false, err
	}

	id := "p" + filepath.Base(dir)
	a = b.run(rt, append(slices.Clone(command), "run", "--bundle", dir, id), dir)
	b.run(rt, append(slices.Clone(command), "delete", "--force", id), dir)

	after, err := snapshot(dir)
	if err != nil {
		return answer{}, false, err
	}
	mountsAfter, err := mountPointsBelow(dir)
	if err != nil {
		return answer{}, false, err
	}
	a.Host = hostChanges(before, after)
	for _, m := range mountsAfter {
		if !slices.Contains(mountsBefore, m) {
			a.Mounts = append(a.Mounts, m)
		}
	}
	a.Stderr = strings.ReplaceAll(a.Stderr, dir, "BUNDLE")
	return a, true, nil
}

// run executes one command of a runtime, in a process group of its own that is killed when its time is over.
func (b bench) run(rt runtime, argv []string, dir string) answer {
	ctx, cancel := context.WithTimeout(context.Background(), bootTimeout)
	defer cancel()
	if rt.OwnCgroups {
		argv = append([]string{"/bin/sh", "-c", "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"", "sh"}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if rt.OwnCgroups {
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	a := answer{Boots: err == nil, Stderr: stderr.String(), TimedOut: ctx.Err() != nil}
	if cmd.ProcessState != nil {
		a.Exit = cmd.ProcessState.ExitCode()
	} else if err != nil {
		a.Exit, a.Stderr = -1, err.Error()
	}
	if out := strings.TrimRight(stdout.String(), "\n"); out != "" {
		a.Lines = strings.Split(out, "\n")
	}
	return a
}

// snapshot lists every entry of a bundle but its config.json, in the words of a case's host lines.
func snapshot(dir string) ([]string, error) {
	var lines []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return fmt.Errorf("lstat %s: %w", path, err)
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel == "config.json" || strings.Contains(rel, ".gvisor.filestore") {
			return nil
		}
		line, err := describe(path, &st)
		if err != nil {
			return err
		}
		lines = append(lines, rel+" "+line)
		return nil
	})
	return lines, err
}

func describe(path string, st *unix.Stat_t) (string, error) {
	common := fmt.Sprintf("mode %o owner %d:%d", st.Mode&0o7777, st.Uid, st.Gid)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "dir " + common, nil
	case unix.S_IFREG:
		return fmt.Sprintf("file %s size %d", common, st.Size), nil
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		return "link " + common + " to " + target, err
	case unix.S_IFCHR:
		return fmt.Sprintf("char %s", common), nil
	}
	return fmt.Sprintf("type-%o %s", st.Mode&unix.S_IFMT, common), nil
}

// hostChanges is the difference of two snapshots.
func hostChanges(before, after []string) (changes []string) {
	for _, l := range before {
		if !slices.Contains(after, l) {
			changes = append(changes, "- "+l)
		}
	}
	for _, l := range after {
		if !slices.Contains(before, l) {
			changes = append(changes, "+ "+l)
		}
	}
	slices.Sort(changes)
	return changes
}

// mountPointsBelow reads this namespace's mount points in dir, in mount order.
func mountPointsBelow(dir string) ([]string, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var points []string
	for _, l := range strings.Split(string(table), "\n") {
		if f := strings.Fields(l); len(f) > 4 && (f[4] == dir || strings.HasPrefix(f[4], dir+"/")) {
			points = append(points, f[4])
		}
	}
	return points, nil
}

// unmountBelow detaches what a case or a runtime mounted in its bundle, the last first.
func unmountBelow(dir string) {
	points, err := mountPointsBelow(dir)
	if err != nil {
		return
	}
	for _, p := range slices.Backward(points) {
		if err := unix.Unmount(p, unix.MNT_DETACH); errors.Is(err, unix.EPERM) {
			return
		}
	}
}
