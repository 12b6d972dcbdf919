package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/nsmount"
	"golang.org/x/sys/unix"
)

func doCommand(a *app, args []string) (int, error) {
	var rw []string
	args, cmd, _ := cutCommand(args)
	fs := newFlags("do")
	fs.StringArrayVar(&rw, "rw", nil, "let writes below `PATH` reach the disk; may be repeated")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if err := noArguments(fs, "the command goes after --: nsboot do -- "+strings.Join(fs.Args(), " ")); err != nil {
		return 0, err
	}
	if err := a.asRoot("do", nil); err != nil {
		return 0, err
	}
	plan, err := hostPlan(rw)
	if err != nil {
		return 0, fmt.Errorf("do: %w", err)
	}
	for _, w := range plan.Warnings {
		a.log.debugf(w.String())
	}
	process, err := sameProcess(cmd)
	if err != nil {
		return 0, fmt.Errorf("do: %w", err)
	}
	opts := nsmount.BootOptions{SameSession: true} // the caller's command, on the caller's machine
	if a.log.debug {
		opts.Report = a.log.debugf
	}
	return nsmount.Boot(plan, process, opts)
}

// hostPlan looks at this machine and plans its throwaway copy.
func hostPlan(rw []string) (*nsmount.Plan, error) {
	rw, err := resolveRW(rw)
	if err != nil {
		return nil, err
	}
	mounts, err := hostMounts()
	if err != nil {
		return nil, err
	}
	disks, err := diskNodes("/dev")
	if err != nil {
		return nil, err
	}
	if nsmount.InUserNamespace() {
		return patchwork(mounts, rw, disks, listDir)
	}
	return throwawayPlan(mounts, rw, disks)
}

// sameProcess is cmd, or the caller's shell, run as the caller: with the same
// directory, environment, user and capabilities.
func sameProcess(cmd []string) (*nsmount.Process, error) {
	if len(cmd) == 0 {
		if cmd = []string{os.Getenv("SHELL")}; cmd[0] == "" {
			cmd[0] = "/bin/sh"
		}
	}
	cwd, err := unix.Getwd()
	if err == nil && !strings.HasPrefix(cwd, "/") {
		err = unix.ENOENT
	}
	if err != nil {
		return nil, hinted(fmt.Errorf("the current directory: %w", err), "cd to a directory that exists")
	}
	groups, err := unix.Getgroups()
	if err != nil {
		return nil, fmt.Errorf("the caller's groups: %w", err)
	}
	caps, err := ownCapabilities()
	if err != nil {
		return nil, err
	}
	p := &nsmount.Process{Args: cmd, Env: os.Environ(), Cwd: cwd, UID: uint32(unix.Getuid()), GID: uint32(unix.Getgid()), Capabilities: caps}
	for _, g := range groups {
		p.Groups = append(p.Groups, uint32(g))
	}
	return p, nil
}

// ownCapabilities reads the five sets of this process.
func ownCapabilities() (*nsmount.Capabilities, error) {
	f, err := os.Open("/proc/thread-self/status")
	if err != nil {
		return nil, fmt.Errorf("the caller's capabilities: %w", err)
	}
	defer f.Close()
	var c nsmount.Capabilities
	found := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		var set *uint64
		switch name {
		case "CapBnd":
			set = &c.Bounding
		case "CapEff":
			set = &c.Effective
		case "CapPrm":
			set = &c.Permitted
		case "CapInh":
			set = &c.Inheritable
		case "CapAmb":
			set = &c.Ambient
		default:
			continue
		}
		if *set, err = strconv.ParseUint(strings.TrimSpace(value), 16, 64); err != nil {
			return nil, fmt.Errorf("the caller's capabilities: %s: %w", name, err)
		}
		found++
	}
	if found != 5 {
		return nil, fmt.Errorf("the caller's capabilities: %d of 5 sets in /proc/thread-self/status", found)
	}
	return &c, nil
}

// needRoot refuses an ordinary user, and says what to type instead.
func needRoot(command string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	return &usageError{msg: command + ": mounting needs root", hint: "sudo nsboot " + command + " ..."}
}

// hinted adds the one thing to do about an error, if there is one.
func hinted(err error, hint string) error {
	if hint == "" {
		return err
	}
	return &nsmount.HintError{Err: err, HintText: hint}
}
