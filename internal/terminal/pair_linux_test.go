package terminal

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// inNamespace takes the test's thread, for good, into a mount namespace of its own.
func inNamespace(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("NSBOOT_MUST_RUN") == "1" {
			t.Fatal("needs root, and NSBOOT_MUST_RUN=1 forbids to skip")
		}
		t.Skip("needs root to mount a devpts")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
}

// devptsRoot is a root with a devpts on /dev/pts.
func devptsRoot(t *testing.T, options string) pathres.Root {
	t.Helper()
	inNamespace(t)
	dir := t.TempDir()
	pts := filepath.Join(dir, "dev/pts")
	if err := os.MkdirAll(pts, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("devpts", pts, "devpts", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(pts, unix.MNT_DETACH) })
	root, err := pathres.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func TestOpen(t *testing.T) {
	root := devptsRoot(t, "mode=620,gid=5")
	p, err := Open(root, CallersDevpts())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := errors.Join(p.Own(1234), SetSize(p.Master, 30, 90)); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(p.Slave, &st); err != nil || st.Uid != 1234 || st.Gid != 5 || st.Mode&0o777 != 0o620 {
		t.Errorf("owner %d:%d, mode %o: %v", st.Uid, st.Gid, st.Mode, err)
	}
	if size, err := unix.IoctlGetWinsize(p.Slave, unix.TIOCGWINSZ); err != nil || size.Row != 30 || size.Col != 90 {
		t.Errorf("size %+v: %v", size, err)
	}
	for _, fd := range []int{p.Master, p.Slave} {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is not close-on-exec: %v", fd, err)
		}
	}
	if _, err := unix.Write(p.Slave, []byte("out")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	if n, err := unix.Read(p.Master, buf); err != nil || string(buf[:n]) != "out" {
		t.Errorf("read %q: %v", buf[:n], err)
	}
}

// TestOpenRefused: what is no devpts, is the caller's, or was tampered with.
func TestOpenRefused(t *testing.T) {
	root := devptsRoot(t, "max=1")
	first, err := Open(root, 0)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, want string, callers uint64, hint bool) {
		t.Helper()
		p, err := Open(root, callers)
		var h interface{ Hint() string }
		if err == nil || !strings.Contains(err.Error(), want) || errors.As(err, &h) != hint {
			p.Close()
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	refused("all taken", "no more terminals", 0, false)
	first.Close()
	var st unix.Stat_t
	if err := unix.Fstat(first.Slave, &st); err == nil {
		t.Error("Close has left a side open")
	}
	dir, err := root.Open(devptsDir, unix.O_PATH, false)
	if err == nil {
		err = unix.Fstat(dir, &st)
		unix.Close(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	refused("the caller's", "the caller's own devpts", uint64(st.Dev), true)
	pts := func(rel string) string { return "/proc/self/fd/" + strconv.Itoa(root.FD()) + "/dev/pts" + rel }
	if err := unix.Mount("/dev/null", pts("/ptmx"), "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	refused("a mount on ptmx", "something is mounted on it", 0, false)
	if err := unix.Mount("tmpfs", pts(""), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	refused("a tmpfs", "is no devpts", 0, true)
	if err := errors.Join(unix.Unmount(pts(""), unix.MNT_DETACH), unix.Unmount(pts(""), unix.MNT_DETACH), os.Remove(pts(""))); err != nil {
		t.Fatal(err)
	}
	refused("nothing", "has no /dev/pts", 0, true)
}

// TestSend: the descriptor arrives with its name; failures say what is wrong.
func TestSend(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := Send(pair[0], int(w.Fd())); err != nil {
		t.Fatal(err)
	}
	w.Close()
	name, oob := make([]byte, 64), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(pair[1], name, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil || string(name[:n]) != "/dev/ptmx" {
		t.Fatalf("%q %v", name[:n], err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%v %v", fds, err)
	}
	unix.Write(fds[0], []byte("!"))
	unix.Close(fds[0])
	if buf := make([]byte, 2); true {
		if n, err := r.Read(buf); err != nil || string(buf[:n]) != "!" {
			t.Errorf("the descriptor is another: %q %v", buf[:n], err)
		}
	}
	unix.Close(pair[1])
	if err := Send(pair[0], 0); !errors.Is(err, unix.EPIPE) {
		t.Errorf("nobody there: %v", err)
	}
	unix.Close(pair[0])
	for path, want := range map[string]string{"/nowhere/sock": "no such file", "/dev/null": "nobody listens", "/" + strings.Repeat("x", 107): "107"} {
		if fd, err := Dial(path); err == nil || !strings.Contains(err.Error(), want) {
			unix.Close(fd)
			t.Errorf("%s: %v", path, err)
		}
	}
}
