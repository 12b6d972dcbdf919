package lifecycle

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// processes are the living descendants of this process, to which all that
// outlives its parent is reparented: containers, and commands under way.
func (l *lab) processes() (pids []int) {
	l.t.Helper()
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		l.t.Fatal(err)
	}
	parents := map[int]int{}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile("/proc/" + d.Name() + "/stat")
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(f) < 2 || f[0] == "Z" || f[0] == "X" {
			continue
		}
		if parents[pid], err = strconv.Atoi(f[1]); err != nil {
			l.t.Fatal(err)
		}
	}
	for pid := range parents {
		up := parents[pid]
		for up != 0 && up != os.Getpid() {
			up = parents[up]
		}
		if up != 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// clean checks that nothing is left: no process, no mount point, no state.
func (l *lab) clean() {
	l.t.Helper()
	left := l.processes()
	for range 500 { // one that is exiting has left the namespace before it is a zombie
		if len(left) == 0 {
			break
		}
		time.Sleep(time.Millisecond)
		left = l.processes()
	}
	if len(left) > 0 {
		l.t.Errorf("processes are left: %v", left)
	}
	if d := cmp.Diff(l.rootfs, l.list()); d != "" {
		l.t.Errorf("the bundle's root (-before +after):\n%s", d)
	}
	var state []string
	filepath.WalkDir(l.root, func(p string, _ os.DirEntry, err error) error {
		if err == nil && p != l.root {
			state = append(state, p)
		}
		return nil
	})
	if len(state) > 0 {
		l.t.Errorf("state is left: %v", state)
	}
}

// nothingLeft ends a test: what a failed one has left is ended too.
func (l *lab) nothingLeft() {
	l.clean()
	for _, pid := range l.processes() {
		unix.Kill(pid, unix.SIGKILL)
	}
	for { // what was reparented to this process and has ended
		var status unix.WaitStatus
		if pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil); err != nil || pid <= 0 {
			return
		}
	}
}
