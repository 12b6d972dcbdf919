package security

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const payloadName = "payload"

// payload is what runs in the containers. Its arguments are verbs with their
// arguments, a comma alone between two of them; each prints one line, an errno
// included. It never fails: what it could do is for the test to judge.
func payload(args []string) int {
	for len(args) > 0 {
		n := slices.Index(args, ",")
		if n < 0 {
			n = len(args)
		}
		if n > 0 {
			fmt.Println(args[0] + ": " + verb(args[0], args[1:n]))
		}
		args = args[min(n+1, len(args)):]
	}
	return 0
}

func verb(name string, a []string) string {
	switch name {
	case "cwd":
		return orErr(os.Getwd())
	case "fds":
		return openDescriptors()
	case "status":
		return statusLine(a[0])
	case "ls":
		return list(a[0])
	case "cat":
		data, err := os.ReadFile(a[0])
		return orErr(string(data), err)
	case "write":
		return said(os.WriteFile(a[0], []byte(a[1]), 0o644))
	case "fill":
		n, _ := strconv.Atoi(a[1])
		return said(os.WriteFile(a[0], make([]byte, n), 0o644))
	case "rename":
		return said(os.Rename(a[0], a[1]))
	case "symlink":
		return said(os.Symlink(a[0], a[1]))
	case "mkdir":
		return said(os.Mkdir(a[0], 0o755))
	case "rdev":
		return device(a[0])
	case "fstype":
		var st unix.Statfs_t
		err := unix.Statfs(a[0], &st)
		return orErr(strconv.FormatInt(int64(st.Type), 16), err)
	case "mounts":
		return mountLines(a, true)
	case "mountsany":
		return mountLines(a, false)
	case "openparent": // what the parent was started from
		fd, err := unix.Open(fmt.Sprintf("/proc/%d/exe", os.Getppid()), unix.O_RDONLY, 0)
		if err == nil {
			unix.Close(fd)
		}
		return said(err)
	case "watchexe":
		return watchPrograms(a[0])
	case "tiocsti":
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&[]byte{'x'}[0])))
		if errno != 0 {
			return said(errno)
		}
		return "ok"
	case "ctty":
		return said(unix.IoctlSetInt(0, unix.TIOCSCTTY, 1))
	case "open":
		fd, err := unix.Open(a[0], unix.O_RDWR, 0)
		if err == nil {
			unix.Close(fd)
		}
		return said(err)
	case "readonly":
		return readonly(a[0])
	case "readlink":
		return orErr(os.Readlink(a[0]))
	case "limit":
		var r unix.Rlimit
		err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r)
		return orErr(strconv.FormatUint(r.Cur, 10), err)
	}
	return "no such verb"
}

func orErr(s string, err error) string {
	if err != nil {
		return "error " + err.Error()
	}
	return s
}

func said(err error) string { return orErr("ok", err) }

// openDescriptors lists them by number, asking the kernel for each: a directory
// listing would need one more.
func openDescriptors() string {
	var out []string
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			out = append(out, strconv.Itoa(fd))
		}
	}
	return strings.Join(out, " ")
}

func statusLine(key string) string {
	data, err := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(data), "\n") {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return orErr("no line "+key, err)
}

func list(dir string) string {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return orErr(strings.Join(names, " "), err)
}

func device(path string) string {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return orErr(fmt.Sprintf("%o %d:%d", st.Mode&unix.S_IFMT, unix.Major(st.Rdev), unix.Minor(st.Rdev)), err)
}

// mountLines counts the mounts of which the table's line has all of the words,
// or any of them.
func mountLines(words []string, all bool) string {
	data, err := os.ReadFile("/proc/self/mountinfo")
	n := 0
	for _, line := range strings.Split(string(data), "\n") {
		has := 0
		for _, w := range words {
			if strings.Contains(line, w) {
				has++
			}
		}
		if has == len(words) || has > 0 && !all {
			n++
		}
	}
	return orErr(strconv.Itoa(n), err)
}

// watchPrograms looks, until a file appears, for a process whose program can be
// opened and is not the payload: a runtime on its way into the container.
func watchPrograms(end string) string {
	var own, st unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &own); err != nil {
		return said(err)
	}
	for unix.Stat(end, &st) != nil {
		for _, pid := range strings.Fields(list("/proc")) {
			if pid[0] < '1' || pid[0] > '9' {
				break // processes come first
			}
			exe := "/proc/" + pid + "/exe"
			if fd, err := unix.Open(exe, unix.O_RDONLY, 0); err == nil {
				err = unix.Fstat(fd, &st)
				unix.Close(fd)
				if err == nil && st.Ino != own.Ino {
					return "caught " + exe
				}
			}
		}
	}
	return "saw none"
}
