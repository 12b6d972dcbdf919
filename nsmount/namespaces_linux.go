package nsmount

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// namespaces are those of config.json's linux.namespaces, the joined ones
// opened. close it when enter has been called, or will not be.
type namespaces struct {
	joins    []nsJoin
	newFlags int // CLONE_NEW* of those to be made, without CLONE_NEWPID

	newUser  bool // made with the process, by clone
	joinUser int  // descriptor of the user namespace that the process joins, or -1

	newTime  bool // made by the process
	joinTime int  // descriptor of the time namespace that the process joins, or -1

	newPID    bool // the process is to be pid 1 of a pid namespace: fork's business
	joinedPID bool // a pid namespace is joined: only a child can be in it

	uts  nsUTS
	name utsName
}

// nsUTS says whose uts namespace a hostname would be set in.
type nsUTS int

const (
	utsHost   nsUTS = iota // nsboot's own: never set there
	utsNew                 // made by enter
	utsJoined              // joined: set only if it is not nsboot's own
)

type nsJoin struct {
	fd   int
	flag int
	what string // linux.namespaces[2] network
	path string
}

// nsFlag is the CLONE_NEW flag of one of runtime-spec's types, 0 for others.
func nsFlag(typ string) int {
	switch typ {
	case "pid":
		return unix.CLONE_NEWPID
	case "network":
		return unix.CLONE_NEWNET
	case "mount":
		return unix.CLONE_NEWNS
	case "ipc":
		return unix.CLONE_NEWIPC
	case "uts":
		return unix.CLONE_NEWUTS
	case "cgroup":
		return unix.CLONE_NEWCGROUP
	}
	return 0
}

// needsChild reports whether the process cannot be nsboot itself: a pid
// namespace only ever holds children of the thread that made or joined it.
func (n *namespaces) needsChild() bool {
	return n.newPID || n.joinedPID || n.ofUser() || n.newTime || n.joinTime >= 0
}

// ofUser reports whether the container has a user namespace that is not nsboot's.
func (n *namespaces) ofUser() bool { return n.newUser || n.joinUser >= 0 }

// openUser opens the user namespace that is joined; to join nsboot's own is to do
// nothing, and an error for the kernel.
func (n *namespaces) openUser(path string) error {
	if path == "" {
		n.newUser = true
		return nil
	}
	return openOther(path, "user", unix.CLONE_NEWUSER, &n.joinUser)
}

// openTime opens the time namespace that is joined, unless it is nsboot's own.
func (n *namespaces) openTime(path string) error {
	if path == "" {
		n.newTime = true
		return nil
	}
	return openOther(path, "time", unix.CLONE_NEWTIME, &n.joinTime)
}

// openOther opens a namespace that is the process's to join, unless nsboot is in it.
func openOther(path, typ string, flag int, to *int) error {
	fd, err := openNamespace(path, typ, flag)
	if err != nil {
		return err
	}
	if isOwnNS(fd, typ) {
		return unix.Close(fd)
	}
	*to = fd
	return nil
}

// openNamespaces opens the namespaces that are joined by path, while the
// host's paths can still be seen, and checks that each is what its type says.
func openNamespaces(p *Process) (*namespaces, error) {
	n := &namespaces{joinUser: -1, joinTime: -1, name: utsName{p.Hostname, p.Domainname}}
	for i, ns := range p.Namespaces {
		flag := nsFlag(ns.Type)
		what := fmt.Sprintf("linux.namespaces[%d] %s", i, ns.Type)
		switch {
		case ns.Type == "user", ns.Type == "time":
			open := n.openUser
			if ns.Type == "time" {
				open = n.openTime
			}
			if err := open(ns.Path); err != nil {
				n.close()
				return nil, fmt.Errorf("%s: %w", what, err)
			}
			continue
		case flag == 0:
			n.close()
			return nil, fmt.Errorf("%s: this build neither makes nor joins such a namespace", what)
		case ns.Path == "":
			n.newPID = n.newPID || flag == unix.CLONE_NEWPID
			n.newFlags |= flag &^ unix.CLONE_NEWPID
			if flag == unix.CLONE_NEWUTS {
				n.uts = utsNew
			}
			continue
		}
		fd, err := openNamespace(ns.Path, ns.Type, flag)
		if err != nil {
			n.close()
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		n.joins = append(n.joins, nsJoin{fd: fd, flag: flag, what: what, path: ns.Path})
		n.joinedPID = n.joinedPID || flag == unix.CLONE_NEWPID
		if flag == unix.CLONE_NEWUTS {
			n.uts = utsJoined
		}
	}
	return n, nil
}

// openNamespace opens path for setns(2). The file system is looked at before
// the file is opened, because opening a device or a FIFO can do things, and
// after, because the path may have changed in between.
func openNamespace(path, typ string, flag int) (int, error) {
	notNS := fmt.Errorf("%s is not a %s namespace", visible(path), typ)
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return -1, fmt.Errorf("open %s: %w", visible(path), err)
	}
	if fs.Type != unix.NSFS_MAGIC {
		return -1, notNS
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", visible(path), err)
	}
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.NSFS_MAGIC {
		unix.Close(fd)
		return -1, notNS
	}
	if got, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err != nil || got != flag {
		unix.Close(fd)
		return -1, notNS
	}
	return fd, nil
}

// close gives back the opened descriptors. It may be called again.
func (n *namespaces) close() {
	for _, j := range n.joins {
		unix.Close(j.fd)
	}
	n.joins = nil
	closeFD(n.joinUser)
	closeFD(n.joinTime)
	n.joinUser, n.joinTime = -1, -1
}

// enter takes the calling thread, which must be locked and never be unlocked,
// into the namespaces, always into a new mount namespace, and sets the names of
// the uts namespace. Root and current directory stop being shared with the
// other threads. The new mount namespace still propagates: making `/` private
// is for the caller's first mount call. A pid namespace that is joined shows
// only in children; a new one is made by fork.
func (n *namespaces) enter() error {
	if err := n.join(); err != nil {
		return err
	}
	// One call: each unshare of its own would copy the nsproxy again.
	if err := unix.Unshare(n.newFlags | unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return fmt.Errorf("make the namespaces of linux.namespaces: %w", nsError(err))
	}
	return n.settle()
}

// join enters the namespaces that are joined by path, but for those that only the
// process itself can enter: user and time.
func (n *namespaces) join() error {
	if n.uts == utsJoined && n.name != (utsName{}) {
		if err := n.refuseOwnUTS(); err != nil {
			return err
		}
	}
	for _, j := range n.joins {
		if err := unix.Setns(j.fd, j.flag); err != nil {
			return fmt.Errorf("%s: join %s: %w", j.what, visible(j.path), nsError(err))
		}
	}
	return nil
}

// privilegeError is an EPERM that a person can do one thing about.
type privilegeError struct{ err error }

func (e *privilegeError) Error() string { return e.err.Error() }
func (e *privilegeError) Unwrap() error { return e.err }

// Hint is the one thing to do.
func (e *privilegeError) Hint() string {
	return "this needs CAP_SYS_ADMIN: run nsboot as root; inside a container, one with --privileged or --cap-add SYS_ADMIN and no seccomp profile"
}

// nsError explains an errno of unshare, setns and their like.
func nsError(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return &privilegeError{err}
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return fmt.Errorf("%w (a limit of /proc/sys/user/max_*_namespaces is reached)", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w (the kernel lacks this type of namespace, or it cannot be joined from here)", err)
	}
	return err
}
