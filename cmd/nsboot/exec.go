package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/config"
	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// execFlags are the flags of exec.
type execFlags struct {
	process, pidFile, user, cwd, console string
	env, caps                            []string
	detach, tty                          bool
	preserve                             int
}

func execCommand(a *app, args []string) (int, error) {
	var f execFlags
	fs := newFlags("exec")
	fs.SetInterspersed(false)
	fs.StringVarP(&f.process, "process", "p", "", "take the process from FILE, a process object of config.json")
	fs.BoolVarP(&f.detach, "detach", "d", false, "do not wait for the process")
	fs.StringVar(&f.pidFile, "pid-file", "", "write the process's pid to FILE")
	fs.StringVarP(&f.user, "user", "u", "", "UID or UID:GID")
	fs.StringVar(&f.cwd, "cwd", "", "current directory in the container")
	fs.StringArrayVarP(&f.env, "env", "e", nil, "set KEY=VALUE; may be repeated")
	fs.StringArrayVarP(&f.caps, "cap", "c", nil, "add a capability; may be repeated")
	fs.IntVar(&f.preserve, "preserve-fds", 0, "keep that many descriptors from 3 on open in the process")
	fs.BoolVarP(&f.tty, "tty", "t", false, "give the process a terminal of its own")
	fs.StringVar(&f.console, "console-socket", "", "hand that terminal over at the AF_UNIX socket S")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if fs.NArg() == 0 {
		return 0, &usageError{msg: "exec: which container?", hint: "nsboot exec ID CMD..."}
	}
	id, cmd := fs.Arg(0), fs.Args()[1:]
	if len(cmd) > 0 && cmd[0] == "--" {
		cmd = cmd[1:]
	}
	if err := checkID(id); err != nil {
		return 0, err
	}
	if err := a.asRootOf(id); err != nil {
		return 0, err
	}
	return a.exec(id, cmd, &f)
}

// exec runs another process in a running container.
func (a *app) exec(id string, cmd []string, f *execFlags) (int, error) {
	state, err := a.global.store().Read(id)
	if err != nil {
		return 0, err
	}
	// The lock is not taken: an exec may last as long as the container.
	switch status := a.status(&state); status {
	case container.Running, container.CreatedS:
	default:
		return 0, fmt.Errorf("container %s is %s: only in a running one can be executed", id, status)
	}
	own, err := recordedProcess(&state)
	if err != nil {
		return 0, err
	}
	inTime := slices.ContainsFunc(own.Namespaces, func(ns nsmount.Namespace) bool { return ns.Type == "time" })
	p, err := f.compile(state.ID, own, cmd)
	if err != nil {
		return 0, err
	}
	if f.detach {
		a.log.holdWarnings()
	}
	if same(fmt.Sprintf("/proc/%d/ns/user", state.Pid), "/proc/self/ns/user") {
		if err := a.grant(p); err != nil {
			return 0, err
		}
	}
	a.warnOf(p, state.Profile)
	o := nsmount.ExecOptions{PreserveFDs: f.preserve, ConsoleSocket: f.console, Listener: listener(p, a.shown(&state))}
	if o.Forked, err = joiner(state.Cgroups, state.Pid); err != nil {
		return 0, err
	}
	if f.detach {
		o.Detached = func(pid int) error {
			if f.pidFile == "" {
				return nil
			}
			return writeFile(f.pidFile, strconv.Itoa(pid))
		}
	}
	code, err := nsmount.Exec(nsmount.Target{Pid: state.Pid, StartTime: state.StartTime, Profile: state.Profile, TimeNS: inTime}, p, o)
	return code, sayNotFound(err)
}

// recordedProcess is the container's own.
func recordedProcess(state *container.State) (p *nsmount.Process, err error) {
	if err = json.Unmarshal(state.Process, &p); err == nil && p == nil {
		err = fmt.Errorf("container %s: its record has no process", state.ID)
	}
	return p, err
}

// compile makes the process: the container's own with another command, or the
// one in a file; then what the flags say.
func (f *execFlags) compile(id string, p *nsmount.Process, cmd []string) (*nsmount.Process, error) {
	if f.pidFile != "" && !f.detach {
		return nil, &usageError{msg: "--pid-file goes with --detach", hint: "nsboot exec --detach --pid-file " + f.pidFile + " ..."}
	}
	if f.process != "" {
		file, err := readProcess(f.process)
		if err != nil {
			return nil, err
		}
		inherit(file, p)
		p = file
	} else { // the container's own has its terminal already
		p.Terminal, p.ConsoleSize = false, nil
	}
	p.Hostname, p.Domainname, p.Namespaces, p.TimeOffsets = "", "", nil, nil // those of the container are joined
	p.Terminal = p.Terminal || f.tty
	if err := checkConsole(p.Terminal, f.detach, f.console); err != nil {
		return nil, err
	}
	switch {
	case len(cmd) > 0:
		p.Args = cmd
	case f.process == "":
		return nil, &usageError{msg: "exec: no command", hint: "nsboot exec " + id + " CMD..., or --process FILE"}
	}
	return p, f.override(p)
}

// inherit gives a process that is read from a file what is the container's, whatever
// runs in it, and, as runc does, the scheduling that it does not name itself.
func inherit(p, own *nsmount.Process) {
	p.Seccomp, p.Personality, p.MemoryPolicy = own.Seccomp, own.Personality, own.MemoryPolicy
	if p.Scheduler == nil {
		p.Scheduler = own.Scheduler
	}
	if p.IOPriority == nil {
		p.IOPriority = own.IOPriority
	}
	if p.ExecCPUAffinity == nil {
		p.ExecCPUAffinity = own.ExecCPUAffinity
	}
}

// readProcess reads a process object of config.json.
func readProcess(file string) (*nsmount.Process, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--process: %w", err)
	}
	// The reader of config.json checks types, duplicates, NUL bytes and the rest.
	whole := fmt.Appendf(nil, `{"ociVersion":%q,"root":{"path":"/"},"process":%s}`, specs.Version, text)
	c, err := config.Decode(whole)
	if err != nil {
		return nil, fmt.Errorf("--process %s: %w", file, err)
	}
	refused, _, err := config.Check(c.Spec, nil)
	if err != nil {
		return nil, fmt.Errorf("--process %s: %w", file, err)
	}
	if len(refused) > 0 {
		return nil, fmt.Errorf("--process %s: %s", file, refused[0])
	}
	return nsmount.CompileProcess(c.Spec)
}

// override applies the flags.
func (f *execFlags) override(p *nsmount.Process) error {
	for _, e := range f.env {
		key, _, ok := strings.Cut(e, "=")
		if !ok {
			return &usageError{msg: "--env " + e, hint: "KEY=VALUE"}
		}
		p.Env = append(slices.DeleteFunc(p.Env, func(old string) bool { return strings.HasPrefix(old, key+"=") }), e)
	}
	if f.cwd != "" {
		if !path.IsAbs(f.cwd) {
			return &usageError{msg: "--cwd " + f.cwd + ": not absolute"}
		}
		p.Cwd = path.Clean(f.cwd)
	}
	if f.user != "" {
		user, group, _ := strings.Cut(f.user, ":")
		uid, err := strconv.ParseUint(user, 10, 32)
		gid := uint64(p.GID)
		if err == nil && group != "" {
			gid, err = strconv.ParseUint(group, 10, 32)
		}
		if err != nil {
			return &usageError{msg: "--user " + f.user, hint: "numbers: UID or UID:GID"}
		}
		p.UID, p.GID = uint32(uid), uint32(gid)
	}
	for _, c := range f.caps {
		if err := p.AddCapability(c); err != nil {
			return &usageError{msg: "--cap: " + err.Error()}
		}
	}
	return nil
}
