package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/internal/userns"
	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// errElsewhere ends a command that has been run by another nsboot, as root of a
// user namespace; code is what that one ended with.
type errElsewhere struct{ code int }

func (e *errElsewhere) Error() string { return "done in a user namespace" }

// asRoot has an ordinary user's command run as root of a new user namespace. It
// returns nil for root, and an error for all others: of what failed, or
// errElsewhere. spec, if there is one, may say which ids the namespace has.
func (a *app) asRoot(command string, spec *specs.Spec) error {
	if os.Geteuid() == 0 {
		return nil
	}
	if a.global.rootless == "false" {
		return &usageError{msg: command + ": --rootless=false: mounting needs root", hint: "sudo nsboot " + command + " ..., or leave the flag out"}
	}
	return a.again(nsmount.UserNamespace{Map: func(pid int) error { return a.mapIDs(pid, spec) }})
}

// asRootOf is asRoot in the user namespace of a container that runs.
func (a *app) asRootOf(id string) error {
	if os.Geteuid() == 0 || checkID(id) != nil {
		return nil
	}
	state, err := a.global.store().Read(id)
	if err != nil || !container.Alive(state.Pid, state.StartTime) {
		return nil // the command itself finds out
	}
	path := fmt.Sprintf("/proc/%d/ns/user", state.Pid)
	if same(path, "/proc/self/ns/user") {
		return nil
	}
	return a.again(nsmount.UserNamespace{Path: path})
}

func same(a, b string) bool {
	x, xerr := os.Stat(a)
	y, yerr := os.Stat(b)
	return xerr == nil && yerr == nil && os.SameFile(x, y)
}

// again runs this very command line in the user namespace. The directory of
// states is said with it: root of a user namespace has another one than root.
func (a *app) again(ns nsmount.UserNamespace) error {
	args := append([]string{}, os.Args...)
	if a.global.root == "" {
		args = append([]string{args[0], "--root", a.global.store().Root}, args[1:]...)
	}
	code, err := nsmount.Again(ns, args, os.Environ())
	if err != nil {
		return err
	}
	return &errElsewhere{code}
}

// mapIDs gives a new user namespace its ids: those of config.json, or the
// caller's own as root, and what /etc/subuid and /etc/subgid grant.
func (a *app) mapIDs(pid int, spec *specs.Spec) error {
	if spec != nil && spec.Linux != nil && len(spec.Linux.UIDMappings) > 0 {
		return a.writeIDs(pid, configIDs(spec.Linux.UIDMappings), configIDs(spec.Linux.GIDMappings))
	}
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	uids := userns.Default(os.Getuid(), granted("/etc/subuid", name, os.Getuid()))
	gids := userns.Default(os.Getgid(), granted("/etc/subgid", name, os.Getuid()))
	if len(uids) > 1 && len(gids) > 1 {
		err := a.writeIDs(pid, uids, gids)
		if err == nil {
			a.log.debugf(fmt.Sprintf("user namespace: uid %d is root, and the ids granted by /etc/subuid follow", os.Getuid()))
			return nil
		}
		a.log.debugf(fmt.Sprintf("user namespace: %v", err))
	}
	a.log.debugf(fmt.Sprintf("user namespace: uid %d is root, and there is no other id: no newuidmap and newgidmap, or nothing granted by /etc/subuid and /etc/subgid", os.Getuid()))
	return userns.Write(pid, uids[:1], gids[:1])
}

func granted(file, name string, uid int) []userns.Range {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return userns.Subordinate(string(text), name, uid)
}

// writeIDs has newuidmap and newgidmap write what the kernel would not take from
// an ordinary user.
func (a *app) writeIDs(pid int, uids, gids []userns.Map) error {
	own := func(maps []userns.Map, id int) bool {
		return len(maps) == 1 && maps[0].Size == 1 && maps[0].Host == uint32(id)
	}
	u, g := userns.Tools()
	if u == "" || own(uids, os.Getuid()) && own(gids, os.Getgid()) {
		return userns.Write(pid, uids, gids)
	}
	return errors.Join(userns.WriteByTool(u, pid, uids), userns.WriteByTool(g, pid, gids))
}

func configIDs(list []specs.LinuxIDMapping) []userns.Map {
	maps := make([]userns.Map, len(list))
	for i, m := range list {
		maps[i] = userns.Map{ID: m.ContainerID, Host: m.HostID, Size: m.Size}
	}
	return maps
}
