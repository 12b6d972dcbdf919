package overlayfs_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace says that this process has a private mount namespace of its own.
const inNamespace = "NSBOOT_OVERLAYFS_TEST_NS"

// inUserNamespace says that it was started by an ordinary user.
const inUserNamespace = "NSBOOT_OVERLAYFS_TEST_USER"

// TestMain starts the tests once more in a mount namespace with private
// propagation (and a user namespace, for an ordinary user), so that nothing they
// mount is seen by the machine. The exit code of that process counts.
func TestMain(m *testing.M) {
	if os.Getenv(inNamespace) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.Env = append(cmd.Env, inUserNamespace+"=1")
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode())
	case errors.As(err, &exit):
		fmt.Fprintln(os.Stderr, "tests killed:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "no mount namespace, kernel tests are skipped:", err)
	os.Exit(m.Run())
}

// scratch returns a fresh tmpfs's directory; the test is skipped where nothing
// can be mounted.
func scratch(t testing.TB) string {
	t.Helper()
	if os.Getenv(inNamespace) == "" {
		skip(t, "no mount namespace to be had")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
		t.Fatalf("tmpfs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatal("must run, but: ", why)
	}
	t.Skip(why)
}

// tree makes files below dir: a name ending in '/' is a directory, any other a
// file that holds its own value.
func tree(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := dir + "/" + name
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else if err = os.MkdirAll(path[:strings.LastIndexByte(path, '/')], 0o755); err == nil {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// open opens a directory, made if missing, as O_PATH.
func open(t testing.TB, dir string) int {
	t.Helper()
	return openFlags(t, dir, unix.O_PATH)
}

func openFlags(t testing.TB, dir string, flags int) int {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(dir, flags|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// attach puts a detached mount on a new directory and returns its path.
func attach(t testing.TB, fd int, dir string) string {
	t.Helper()
	defer unix.Close(fd)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// list shows everything below dir: name, type, mode, owner, content.
func list(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	var walk func(rel string)
	walk = func(rel string) {
		entries, err := os.ReadDir(dir + "/" + rel)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := rel + e.Name()
			info, err := os.Lstat(dir + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			st := info.Sys().(*syscall.Stat_t)
			line := info.Mode().String() + " " + strconv.Itoa(int(st.Uid))
			if info.Mode().IsRegular() {
				b, err := os.ReadFile(dir + "/" + name)
				if err != nil {
					t.Fatal(err)
				}
				line += " " + string(b)
			}
			out[name] = line
			if e.IsDir() {
				walk(name + "/")
			}
		}
	}
	walk("")
	return out
}

// openFDs counts the process's descriptors.
func openFDs(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
