package nsmount

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/internal/rlimit"
)

// report is what the process sees of itself.
type report struct {
	Pid, Ppid  int
	ProcSelf   string
	Cwd        string
	Root       []string
	Args       []string
	Env        []string
	FDs        []int
	IDs        [6]int // real, effective, saved: user, then group
	Groups     []int
	Umask      int
	Nofile     [2]uint64
	Core       [2]uint64
	Hostname   string
	Status     map[string]string
	Namespaces map[string]string
	OOM        string
	Session    int
}

func helperPayload() int {
	// The Go runtime's own descriptors are close-on-exec; what came through
	// exec is not.
	fds := openDescriptors(unix.FD_CLOEXEC)
	switch verb := os.Args[1]; verb {
	case "exit":
		code, _ := strconv.Atoi(os.Args[2])
		return code
	case "die":
		n, _ := strconv.Atoi(os.Args[2])
		signal.Reset()
		unix.Kill(unix.Getpid(), unix.Signal(n))
		time.Sleep(time.Minute)
	case "count": // count the signals of one kind that come within a while of the first
		n, _ := strconv.Atoi(os.Args[2])
		c := make(chan os.Signal, 10)
		signal.Notify(c, unix.Signal(n))
		fmt.Println("ready")
		<-c
		time.Sleep(300 * time.Millisecond)
		return 1 + len(c)
	case "sleep":
		fmt.Println("ready")
		time.Sleep(time.Minute)
	case "report":
		if err := json.NewEncoder(os.Stdout).Encode(makeReport(fds)); err != nil {
			return 97
		}
	}
	return 0
}

func makeReport(fds []int) report {
	r := report{Pid: os.Getpid(), Ppid: os.Getppid(), Args: os.Args, Env: os.Environ(), FDs: fds}
	r.Status, r.Namespaces = map[string]string{}, namespaceLinks()
	r.ProcSelf, _ = os.Readlink("/proc/self")
	r.Cwd, _ = os.Getwd()
	r.IDs[0], r.IDs[1], r.IDs[2] = unix.Getresuid()
	r.IDs[3], r.IDs[4], r.IDs[5] = unix.Getresgid()
	r.Groups, _ = unix.Getgroups()
	r.Umask = unix.Umask(0)
	r.Nofile[0], r.Nofile[1], _ = rlimit.Nofile()
	var lim unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_CORE, &lim)
	r.Core = [2]uint64{lim.Cur, lim.Max}
	r.Hostname, _ = os.Hostname()
	r.Session, _ = unix.Getsid(0)
	if entries, err := os.ReadDir("/"); err == nil {
		for _, e := range entries {
			r.Root = append(r.Root, e.Name())
		}
	}
	data, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		r.Status[name] = strings.TrimSpace(value)
	}
	data, _ = os.ReadFile("/proc/self/oom_score_adj")
	r.OOM = strings.TrimSpace(string(data))
	return r
}

func namespaceLinks() map[string]string {
	links := map[string]string{}
	for _, t := range []string{"cgroup", "ipc", "mnt", "net", "pid", "uts"} {
		links[t], _ = os.Readlink("/proc/self/ns/" + t)
	}
	return links
}
