package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/internal/userns"
	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// errElsewhere ends a command that has been run by another nsboot, as root of a
// user namespace; code is what that one ended with.
type errElsewhere struct{ code int }

func (e *errElsewhere) Error() string { return "done in a user namespace" }

// mayMount reports whether this process can do root's work. Root of a container may
// be no more than an ordinary user: without CAP_SYS_ADMIN.
func mayMount() bool {
	if os.Geteuid() != 0 {
		return false
	}
	own, err := nsmount.OwnCapabilities()
	return err != nil || own.Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// asRoot has an ordinary user's command run as root of a new user namespace. It
// returns nil for root, and an error for all others: of what failed, or
// errElsewhere. spec, if there is one, may say which ids the namespace has.
func (a *app) asRoot(command string, spec *specs.Spec) error {
	if mayMount() || a.global.rootless == rootlessIn {
		return nil
	}
	if a.global.rootless == "false" {
		return &usageError{msg: command + ": --rootless=false: mounting needs root", hint: "sudo nsboot " + command + " ..., or leave the flag out"}
	}
	ns := nsmount.UserNamespace{Map: a.mapOwn}
	if spec != nil {
		uids, gids, err := nsmount.CompileIDMaps(spec)
		if err != nil {
			return err
		}
		if len(uids) > 0 {
			ns.Map = func(pid int) error { return a.writeIDs(pid, kernelMaps(uids), kernelMaps(gids)) }
		}
		if i := userNamespace(spec); i >= 0 {
			ns.Path = spec.Linux.Namespaces[i].Path
		}
	}
	return a.again(ns)
}

// userNamespace is the index of the config's user namespace, or -1.
func userNamespace(spec *specs.Spec) int {
	if spec.Linux == nil {
		return -1
	}
	return slices.IndexFunc(spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == specs.UserNamespace })
}

// dropUserNamespace takes out what asRoot has done already.
func (a *app) dropUserNamespace(spec *specs.Spec) {
	if i := userNamespace(spec); i >= 0 && a.global.rootless == rootlessIn {
		spec.Linux.Namespaces = slices.Delete(spec.Linux.Namespaces, i, i+1)
		spec.Linux.UIDMappings, spec.Linux.GIDMappings = nil, nil
	}
}

// rootlessIn is the value of --rootless by which again says that the config's user
// namespace, if it asks for one, is this one.
const rootlessIn = "in"

// asRootOf is asRoot in the user namespace of a container that runs.
func (a *app) asRootOf(id string) error {
	if mayMount() || checkID(id) != nil {
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
	command := len(os.Args) - len(a.words) // of two equal flags the later counts
	args := append(slices.Clone(os.Args[:command]), "--root="+a.global.store().Root, "--rootless="+rootlessIn)
	args = append(args, a.words...)
	code, err := nsmount.Again(ns, args, os.Environ())
	if err != nil {
		return err
	}
	return &errElsewhere{code}
}

// mapOwn gives a new user namespace the caller's own id as root, and what
// /etc/subuid and /etc/subgid grant.
func (a *app) mapOwn(pid int) error {
	if os.Geteuid() == 0 {
		return a.mapAll(pid)
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

// mapAll is mapOwn for root without CAP_SYS_ADMIN, in a container: every id is
// itself again, if the container lets its root say so, else root alone.
func (a *app) mapAll(pid int) error {
	var maps [2][]userns.Map
	for i, file := range []string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		maps[i] = userns.Read(string(text))
		for j := range maps[i] {
			maps[i][j].Host = maps[i][j].ID
			// By having all ids the initial user namespace is told from the others.
			maps[i][j].Size = min(maps[i][j].Size, math.MaxUint32-1)
		}
	}
	own, err := nsmount.OwnCapabilities()
	const needed = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETFCAP
	if err == nil && own.Effective&needed == needed {
		a.log.debugf("user namespace: root has no CAP_SYS_ADMIN here: it has it in one where every id is itself")
		return userns.Write(pid, maps[0], maps[1])
	}
	a.log.debugf("user namespace: root has no CAP_SYS_ADMIN here: it has it in one without any other id; CAP_SETUID, CAP_SETGID and CAP_SETFCAP would map the others")
	one := []userns.Map{{Size: 1}}
	return userns.Write(pid, one, one)
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
	u, g := idTools()
	if u == "" || own(uids, os.Getuid()) && own(gids, os.Getgid()) {
		return userns.Write(pid, uids, gids)
	}
	return errors.Join(writeByTool(u, pid, uids), writeByTool(g, pid, gids))
}

func kernelMaps(list []nsmount.IDMap) []userns.Map {
	maps := make([]userns.Map, len(list))
	for i, m := range list {
		maps[i] = userns.Map{ID: m.ContainerID, Host: m.HostID, Size: m.Size}
	}
	return maps
}

// idTools are the paths of newuidmap(1) and newgidmap(1), both or none.
func idTools() (newuidmap, newgidmap string) {
	u, uerr := exec.LookPath("newuidmap")
	g, gerr := exec.LookPath("newgidmap")
	if uerr != nil || gerr != nil {
		return "", ""
	}
	return u, g
}

func writeByTool(tool string, pid int, maps []userns.Map) error {
	args := []string{strconv.Itoa(pid)}
	for _, m := range maps {
		args = append(args, fmt.Sprint(m.ID), fmt.Sprint(m.Host), fmt.Sprint(m.Size))
	}
	out, err := exec.Command(tool, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", tool, err, strings.TrimSpace(string(out)))
	}
	return nil
}
