package nsmount

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/userns"
	"golang.org/x/sys/unix"
)

// enterUser makes the container's namespaces in a user namespace of its own, or in
// one that is joined, and takes the calling thread into all of them but that one: a
// thread of a Go program cannot enter a user namespace, and need not. As root
// outside it has every right inside, and those that nobody has inside: to make
// device nodes, to open what the container's root may not see. Only what it makes
// must be given away: it belongs to the container's root (see kernel).
//
// The process, which is forked here, is in the user namespace from its first
// instruction on.
func (b *booter) enterUser(ns *namespaces) error {
	if err := ns.join(); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("a root of the thread's own: %w", nsError(err))
	}
	l, made := b.launcher, ns.newFlags|unix.CLONE_NEWNS
	l.s.inUserNamespace()
	if ns.newUser {
		l.cloneFlags = uintptr(made | unix.CLONE_NEWUSER)
	} else {
		l.s.userFD, l.s.unshare = uintptr(ns.joinUser), uintptr(made)
	}
	if err := b.forkWithProc(ns.newPID); err != nil {
		return err
	}
	if ns.newUser {
		if err := userns.Write(l.pid, kernelMaps(b.process.UIDMaps), kernelMaps(b.process.GIDMaps)); err != nil {
			return fmt.Errorf("linux.uidMappings: %w", err)
		}
	}
	m, err := idsOf(l.pid)
	if err != nil {
		return fmt.Errorf("ids of the user namespace: %w", err)
	}
	b.opts.ids, l.ids = m, m
	if err := l.follow(made); err != nil {
		return fmt.Errorf("enter the namespaces of linux.namespaces: %w", nsError(err))
	}
	return ns.settle()
}

// idsOf reads the ids of a process's user namespace.
func idsOf(pid int) (*ids, error) {
	m := &ids{}
	for _, f := range []struct {
		name string
		to   *[]userns.Map
	}{{"uid_map", &m.uids}, {"gid_map", &m.gids}} {
		text, err := readKernelFile("/proc/" + strconv.Itoa(pid) + "/" + f.name)
		if err != nil {
			return nil, err
		}
		*f.to = userns.Read(string(text))
	}
	return m, nil
}

// follow takes the calling thread into namespaces of the waiting child, and to the
// root that it has there: setns sets the one that the namespace began with.
func (l *launcher) follow(types int) error {
	root := -1
	if l.procDir >= 0 {
		var err error
		if root, err = unix.Openat(l.procDir, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		defer unix.Close(root)
	}
	if err := unix.Setns(l.pidfd, types); err != nil {
		return err
	}
	if root < 0 {
		return nil
	}
	if err := unix.Fchdir(root); err != nil {
		return err
	}
	return unix.Chroot(".")
}

// giveFS gives a new file system's root to the container's, as far as its
// parameters do not say whose it is, and what devpts has in it.
func (k *kernel) giveFS(fstype string, fd int, data []string) error {
	uid, gid := k.root()
	for _, o := range data {
		switch {
		case fstype == "devpts": // they are for the terminals
		case strings.HasPrefix(o, "uid="):
			uid = -1
		case strings.HasPrefix(o, "gid="):
			gid = -1
		}
	}
	if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("give it to the root of the user namespace: %w", err)
	}
	if fstype != "devpts" {
		return nil
	}
	return k.give(fd, "ptmx")
}
