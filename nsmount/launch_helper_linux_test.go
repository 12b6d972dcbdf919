package nsmount

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
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
	Owner   bool   // print the group that owns the waiting child's /proc/PID/status, nsboot's being 1234
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
	ns, err := openNamespaces(&o.Process)
	if err != nil {
		return 0, err
	}
	defer ns.close()
	// As Boot does: the limit, and who is asked, are known before anything opens.
	l, err := newLauncher(&o.Process, o.Preserve)
	if err != nil {
		return 0, err
	}
	if err := ns.enter(); err != nil {
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
	if o.Owner {
		err = errors.Join(unix.Setregid(-1, 1234), unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
		if err != nil {
			return 0, err
		}
	}
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
	if o.Owner {
		var st unix.Stat_t
		if err := unix.Stat("/proc/"+strconv.Itoa(l.pid)+"/status", &st); err != nil {
			return 0, err
		}
		fmt.Println("group", st.Gid)
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
