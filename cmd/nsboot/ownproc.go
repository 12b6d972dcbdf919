package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/nsboot/nsboot/nsmount"
	"golang.org/x/sys/unix"
)

// looksAtProcesses reports whether a command finds processes by their numbers.
func looksAtProcesses(command string) bool {
	switch command {
	case "run", "create", "start", "exec", "state", "kill", "pause", "resume", "update", "delete", "list", "verify", "ps":
		return true
	}
	return false
}

// ownProc makes sure that /proc shows this process and its like. In a new pid
// namespace (unshare -p without --mount-proc) it is still that of the outer one,
// where the same numbers are others' processes: then this command line is run once
// more, in this very process, where a procfs of its own is mounted on /proc, seen by
// nobody else.
func (a *app) ownProc() error {
	if shown, ok := procSelf(); ok {
		return nil
	} else if os.Geteuid() != 0 {
		return hinted(fmt.Errorf("/proc is of another pid namespace: it shows this process, %d, as %q", os.Getpid(), shown),
			"mount -t proc proc /proc where the pid namespace is made; unshare has --mount-proc for it")
	}
	if err := nsmount.MountOwnProc(); err != nil {
		return hinted(fmt.Errorf("/proc is of another pid namespace, and mounting another for this command: %w", err),
			"mount -t proc proc /proc where the pid namespace is made; unshare has --mount-proc for it")
	}
	if shown, ok := procSelf(); !ok {
		return fmt.Errorf("/proc shows this process, %d, as %q, a new one too", os.Getpid(), shown)
	}
	a.log.debugf("/proc is of another pid namespace: this command has mounted one for itself")
	return fmt.Errorf("start again with a /proc of its own: %w", unix.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// procSelf returns whom /proc takes this process for, and whether that is right.
func procSelf() (shown string, ok bool) {
	shown, err := os.Readlink("/proc/self")
	return shown, err == nil && shown == strconv.Itoa(os.Getpid())
}
