package overlayfs_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/overlayfs"
)

// kernel.md: overlayfs in a user namespace, with userxattr.
func TestUserNamespace(t *testing.T) {
	const child = "NSBOOT_OVERLAYFS_TEST_USERNS"
	if os.Getenv(child) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestUserNamespace$", "-test.count=1")
		cmd.Env = append(os.Environ(), child+"=1", inNamespace+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
			Pdeathsig:   unix.SIGKILL,
		}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
			skip(t, "no user namespace to be had: "+err.Error())
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	dir := scratch(t)
	tree(t, dir+"/lower", map[string]string{"gone/f": "x", "keep": "old"})
	l := overlayfs.Layers{Lower: []int{open(t, dir+"/lower")}, Upper: open(t, dir+"/upper"), Work: open(t, dir+"/work")}
	if err := overlayfs.CopyRootAttr(l.Upper, l.Lower[0]); err != nil {
		t.Fatal(err)
	}
	fd, err := overlayfs.Mount(l, overlayfs.Options{UserXattr: true})
	if err != nil {
		t.Fatal(err)
	}
	m := attach(t, fd, dir+"/m")
	for _, err := range []error{os.RemoveAll(m + "/gone"), os.Mkdir(m+"/gone", 0o755), os.WriteFile(m+"/keep", []byte("new"), 0)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"gone": "drwxr-xr-x 0", "keep": "-rw-r--r-- 0 new"}
	if diff := cmp.Diff(want, list(t, m)); diff != "" {
		t.Errorf("merged tree (-want +got):\n%s", diff)
	}
	// CopyRootAttr of a directory whose owner is not mapped here.
	if os.Getuid() == 0 {
		fd := openFlags(t, "/proc", unix.O_PATH)
		if err := overlayfs.CopyRootAttr(open(t, dir+"/x"), fd); err != nil && !errors.Is(err, overlayfs.ErrOwner) {
			t.Errorf("owner that is not mapped: %v", err)
		}
	}
}
