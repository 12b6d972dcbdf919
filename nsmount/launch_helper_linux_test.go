package nsmount

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/internal/rlimit"
)

// The test binary plays three parts: the test, nsboot (launchEnv=boot, in
// namespaces of its own) and the process (launchEnv=payload).
const (
	launchEnv   = "NSMOUNT_LAUNCH_TEST"
	launchOrder = "NSMOUNT_LAUNCH_ORDER"
)

func init() {
	switch os.Getenv(launchEnv) {
	case "boot":
		os.Exit(helperBoot())
	case "payload":
		os.Exit(helperPayload())
	}
}

// order is what a test has the booting part do.
type order struct {
	Process  Process
	Exe      string // default: Process.Args[0]
	Preserve int

	InPlace bool
	Proc    bool   // mount the child's procfs on /proc
	Root    string // pivot to this directory between fork and release
	CwdFrom string // open the current directory before the pivot: "host" = outside
	Kill    bool   // kill the waiting child instead of releasing it
	Memory  bool   // print the waiting child's memory
	Say     bool   // print "released" once the process runs and signals are watched
	Times   int    // repeat fork, release, wait this often and print the time
}

func helperBoot() int {
	runtime.LockOSThread()
	var o order
	if err := json.Unmarshal([]byte(os.Getenv(launchOrder)), &o); err != nil {
		fmt.Println(err)
		return 98
	}
	code, err := o.run()
	if err != nil {
		fmt.Println("boot:", err)
		return 99
	}
	return code
}

func (o *order) run() (int, error) {
	ns, err := openNamespaces(o.Process.Namespaces)
	if err != nil {
		return 0, err
	}
	defer ns.close()
	// As Boot does: the limit, and who is asked, are known before anything opens.
	l, err := newLauncher(&o.Process, o.Preserve)
	if err != nil {
		return 0, err
	}
	if err := ns.enter(o.Process.Hostname); err != nil {
		return 0, err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 0, err
	}
	if o.Exe == "" {
		o.Exe = o.Process.Args[0]
	}
	if o.InPlace {
		return o.inPlace(l)
	}
	if o.Times > 0 {
		return 0, o.benchmark(ns)
	}
	if _, err := os.ReadFile("/proc/self/stat"); err != nil { // the runtime's poller is open from here on
		return 0, err
	}
	before := openDescriptors(0)
	code, err := o.supervised(l, ns)
	if after := openDescriptors(0); fmt.Sprint(after) != fmt.Sprint(before) {
		err = errors.Join(err, fmt.Errorf("descriptors before %v, after %v", before, after))
	}
	if _, werr := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(werr, unix.ECHILD) {
		err = errors.Join(err, fmt.Errorf("a child is left: %w", werr))
	}
	return code, err
}

func (o *order) inPlace(l *launcher) (int, error) {
	if err := l.setOOM(); err != nil {
		return 0, err
	}
	cwd, err := o.openCwd()
	if err != nil {
		return 0, err
	}
	return 0, l.execHere(o.Exe, cwd)
}

func (o *order) openCwd() (int, error) {
	return unix.Open(o.Process.Cwd, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

func (o *order) supervised(l *launcher, ns *namespaces) (code int, err error) {
	if err := l.fork(ns.newPID, o.Proc); err != nil {
		l.kill()
		return 0, err
	}
	defer func() {
		if err != nil {
			l.kill()
		}
	}()
	if o.Proc && l.procFD < 0 {
		return 0, fmt.Errorf("proc: %w", l.procErr)
	}
	if err := l.setOOM(); err != nil {
		return 0, err
	}
	if o.Memory {
		data, err := os.ReadFile("/proc/" + strconv.Itoa(l.pid) + "/smaps_rollup")
		if err != nil {
			return 0, err
		}
		os.Stdout.Write(data)
	}
	if o.Kill {
		l.kill()
		l.kill() // twice is fine
		return 0, nil
	}
	cwd, err := -1, error(nil)
	if o.CwdFrom == "host" {
		cwd, err = o.openCwd()
	}
	if err == nil && o.Root != "" {
		err = pivot(o.Root, l.procFD)
	} else if err == nil && o.Proc {
		err = unix.MoveMount(l.procFD, "", unix.AT_FDCWD, "/proc", unix.MOVE_MOUNT_F_EMPTY_PATH)
	}
	if err == nil && cwd < 0 {
		cwd, err = o.openCwd()
	}
	if err != nil {
		return 0, err
	}
	defer unix.Close(cwd)
	if err := l.release(o.Exe, cwd); err != nil {
		return 0, err
	}
	if o.Say {
		<-l.watched
		fmt.Println("released")
	}
	return l.wait()
}

// pivot makes dir the root and puts proc on its /proc.
func pivot(dir string, proc int) error {
	if err := unix.Mount(dir, dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if proc >= 0 {
		if err := unix.MoveMount(proc, "", unix.AT_FDCWD, filepath.Join(dir, "proc"), unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return err
		}
	}
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return err
	}
	return unix.Unmount(".", unix.MNT_DETACH)
}

func (o *order) benchmark(ns *namespaces) error {
	cwd, err := o.openCwd()
	if err != nil {
		return err
	}
	const forever = time.Hour
	prepare, fork, release, wait, std := forever, forever, forever, forever, forever
	for range o.Times {
		t0 := time.Now()
		l, err := newLauncher(&o.Process, 0)
		if err != nil {
			return err
		}
		t1 := time.Now()
		if err := l.fork(ns.newPID, o.Proc); err != nil {
			return err
		}
		t2 := time.Now()
		if err := l.release(o.Exe, cwd); err != nil {
			return err
		}
		t3 := time.Now()
		if _, err := l.wait(); err != nil {
			return err
		}
		t4 := time.Now()
		time.Sleep(2 * time.Millisecond) // signals are given back meanwhile
		t5 := time.Now()
		if err := exec.Command(o.Exe).Run(); err != nil {
			return err
		}
		std = min(std, time.Since(t5))
		prepare, fork, release, wait = min(prepare, t1.Sub(t0)), min(fork, t2.Sub(t1)), min(release, t3.Sub(t2)), min(wait, t4.Sub(t3))
	}
	fmt.Println("minima: prepare", prepare, "fork", fork, "release", release, "wait", wait, "whole of os/exec", std)
	return nil
}

// openDescriptors lists what is open below 256 without a certain flag, opening
// nothing itself.
func openDescriptors(without int) []int {
	var open []int
	for fd := range 256 {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&without == 0 {
			open = append(open, fd)
		}
	}
	return open
}

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

// needRoot skips a test that makes namespaces where it cannot; under
// NSBOOT_MUST_RUN=1 that is a failure.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatal("needs root, and NSBOOT_MUST_RUN=1 forbids to skip")
	}
	t.Skip("needs root to make namespaces")
}

// payload is a process that is this test binary; the last Env entry makes it so.
func payload(t testing.TB, args ...string) Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Process{Args: append([]string{exe}, args...), Env: []string{"FROM=config", launchEnv + "=payload"}, Cwd: "/"}
}

// bootCommand is the booting part with an order, not started yet.
func bootCommand(t testing.TB, o order) *exec.Cmd {
	t.Helper()
	needRoot(t)
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), launchEnv+"=boot", launchOrder+"="+string(data), "GOCOVERDIR="+t.TempDir())
	return cmd
}

// boot runs an order and returns its output and exit code.
func boot(t testing.TB, o order) (out string, code int) {
	t.Helper()
	data, err := bootCommand(t, o).CombinedOutput()
	return string(data), exitCode(t, err)
}

func exitCode(t testing.TB, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		t.Fatal(err)
	case exit.Sys() != nil && !exit.Exited():
		if ws, ok := exit.Sys().(interface{ Signal() unix.Signal }); ok {
			return -int(ws.Signal())
		}
	}
	return exit.ExitCode()
}

// bootReport boots a reporting payload that must succeed.
func bootReport(t testing.TB, o order) report {
	t.Helper()
	out, code := boot(t, o)
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	return r
}
