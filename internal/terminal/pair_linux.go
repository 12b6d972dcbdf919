package terminal

import (
	"errors"
	"fmt"

	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// Pair is the two sides of a pseudo-terminal, close-on-exec.
type Pair struct{ Master, Slave int }

// devptsDir is where every container has its devpts, if it has one.
const devptsDir = "/dev/pts"

// hintError is an error that a person can do one thing about.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// Hint is the one thing to do.
func (e *hintError) Hint() string { return e.hint }

const ownDevpts = `mount one of its own in config.json: {"destination": "/dev/pts", "type": "devpts"}; or set process.terminal to false`

// CallersDevpts is the device number of the devpts that the calling thread sees
// on /dev/pts, 0 if there is none.
func CallersDevpts() uint64 {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Statfs(devptsDir, &fs) != nil || fs.Type != unix.DEVPTS_SUPER_MAGIC || unix.Stat(devptsDir, &st) != nil {
		return 0
	}
	return uint64(st.Dev)
}

// Open makes a pseudo-terminal of the devpts on /dev/pts inside the root. One on
// the device callers is refused: its terminals are the caller's.
func Open(root pathres.Root, callers uint64) (Pair, error) {
	dir, err := root.Open(devptsDir, unix.O_PATH|unix.O_DIRECTORY, false)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return Pair{}, &hintError{fmt.Errorf("the container has no %s to make a terminal of: %w", devptsDir, err), ownDevpts}
	}
	if err != nil {
		return Pair{}, err
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return Pair{}, fmt.Errorf("%s: %w", devptsDir, err)
	}
	switch {
	case !onDevpts(dir):
		return Pair{}, &hintError{fmt.Errorf("%s in the container is no devpts: no terminal can be made of it", devptsDir), ownDevpts}
	case callers != 0 && uint64(st.Dev) == callers:
		return Pair{}, &hintError{fmt.Errorf("%s in the container is the caller's own devpts: a terminal made of it would be the host's", devptsDir), ownDevpts}
	}
	return openPair(dir, uint64(st.Dev))
}

// openPair opens both sides. Nothing that is mounted inside the devpts is
// followed, and what was opened is looked at.
func openPair(dir int, dev uint64) (Pair, error) {
	master, err := unix.Openat2(dir, "ptmx", &unix.OpenHow{
		Flags:   unix.O_RDWR | unix.O_NOCTTY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return Pair{}, explainPtmx(err)
	}
	p := Pair{Master: master, Slave: -1}
	if err := checkNode(master, dev, func(major, minor uint32) bool { return major == 5 && minor == 2 }); err != nil {
		p.Close()
		return Pair{}, fmt.Errorf("%s/ptmx: %w", devptsDir, err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		p.Close()
		return Pair{}, fmt.Errorf("unlock the terminal: %w", err)
	}
	if p.Slave, err = peer(master, 0); err != nil {
		p.Close()
		return Pair{}, fmt.Errorf("open the terminal: %w", err)
	}
	const slaveMajors, slaves = 136, 8
	if err := checkNode(p.Slave, dev, func(major, _ uint32) bool { return major >= slaveMajors && major < slaveMajors+slaves }); err != nil {
		p.Close()
		return Pair{}, fmt.Errorf("the terminal: %w", err)
	}
	return p, nil
}

// peer opens the slave of a master, by no path.
func peer(master, flags int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, uintptr(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|flags))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func explainPtmx(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%s/ptmx: %w: there are no more terminals (kernel.pty.max, or max= of the devpts)", devptsDir, err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s/ptmx: %w: the devpts is mounted nodev, or its ptmxmode shuts the caller out", devptsDir, err)
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("%s/ptmx: %w: something is mounted on it", devptsDir, err)
	}
	return fmt.Errorf("%s/ptmx: %w", devptsDir, err)
}

// checkNode makes sure that fd is a character device of that devpts.
func checkNode(fd int, dev uint64, is func(major, minor uint32) bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if !onDevpts(fd) || uint64(st.Dev) != dev || st.Mode&unix.S_IFMT != unix.S_IFCHR || !is(unix.Major(st.Rdev), unix.Minor(st.Rdev)) {
		return fmt.Errorf("%d:%d is not what was to be opened", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	return nil
}

func onDevpts(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.DEVPTS_SUPER_MAGIC
}

// Own gives the terminal to the process's user. Its group is that of the devpts.
func (p Pair) Own(uid uint32) error {
	if err := unix.Fchown(p.Slave, int(uid), -1); err != nil {
		return fmt.Errorf("owner of the terminal: %d: %w", uid, err)
	}
	return nil
}

// SetSize sets the size of a terminal's window, by either side.
func SetSize(fd int, rows, columns uint16) error {
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		return fmt.Errorf("size of the terminal: %w", err)
	}
	return nil
}

// Close closes both sides, those that are open.
func (p Pair) Close() {
	for _, fd := range []int{p.Master, p.Slave} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
