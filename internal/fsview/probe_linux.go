package fsview

import (
	"encoding/hex"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// probePrefix is how the names of what probes make begin.
const probePrefix = ".nsboot-view-"

// NewProbeName returns a name that nothing has.
func NewProbeName() string {
	var b [8]byte
	unix.Getrandom(b[:], 0)
	return probePrefix + hex.EncodeToString(b[:])
}

// prober tries things in one directory. Where it cannot make one of its own,
// they are tried in the mount's root, to see what errno they give.
type prober struct {
	*look
	fd    int    // of the directory in which is tried
	dir   string // its path
	own   bool   // it was made for that
	name  string // of what is made
	other string // a directory of another mount, or nothing
	f     map[string]string
}

// probes tries what each mount point does.
func (l *look) probes() {
	if l.o.ProbeName == "" {
		l.o.ProbeName = NewProbeName()
	}
	for i, m := range l.mounts {
		if l.stopped() {
			return
		}
		p := &prober{look: l, fd: -1, name: l.o.ProbeName, f: map[string]string{}}
		if p.other = "/"; m.path == "/" {
			p.other = l.otherPlace(i)
		}
		p.try(m.path)
		l.put(Record{Kind: KindProbe, Path: m.path, Facts: p.f})
	}
}

// otherPlace is a directory that is on another mount than the root.
func (l *look) otherPlace(except int) string {
	for i, m := range l.mounts {
		var st unix.Stat_t
		if i != except && unix.Lstat(m.path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && kindOf(m.path) == fsPlain {
			return m.path
		}
	}
	return ""
}

// try tries what one mount point does.
func (p *prober) try(dir string) {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		p.f[FactError] = "stat: " + outcome(err)
		return
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
	case unix.S_IFREG:
		p.file(dir)
		return
	default: // to open a device is to use it
		return
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		p.f[FactError] = "open: " + outcome(err)
		return
	}
	defer unix.Close(fd)
	kind := kindOf(dir)
	if kind == fsCgroup || kind == fsMadeUp && !isSysfs(fd) {
		return // there a directory is more than a directory
	}
	if p.fd, p.dir = fd, dir; kind != fsPlain {
		p.f["mkdir"] = p.mkdir()
		p.f["create"] = p.create()
		return
	}
	p.inDirectory()
}

func isSysfs(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && int64(st.Type) == unix.SYSFS_MAGIC
}

// file tries what can be tried with a file that is mounted by itself, which is
// not changed.
func (p *prober) file(name string) {
	open := func(flags int) string {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err == nil {
			unix.Close(fd)
		}
		return outcome(err)
	}
	p.f["open for reading"] = open(unix.O_RDONLY)
	p.f["open for writing"] = open(unix.O_WRONLY)
	var st unix.Stat_t
	if unix.Lstat(name, &st) == nil {
		p.f["chmod"] = outcome(unix.Chmod(name, st.Mode&0o7777))
	}
}

// putTimesBack is deferred before anything is made: it puts a directory's times
// back, where that is allowed.
func putTimesBack(fd int) func() {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return func() {}
	}
	return func() { futimens(fd, st.Atim, st.Mtim) }
}

// inDirectory makes a directory to try things in, tries them, and removes it.
func (p *prober) inDirectory() {
	back := putTimesBack(p.fd)
	defer back()
	err := unix.Mkdirat(p.fd, p.name, 0o700)
	p.f["mkdir"] = outcome(err)
	if err == nil {
		defer unix.Unlinkat(p.fd, p.name, unix.AT_REMOVEDIR)
		fd, err := unix.Openat(p.fd, p.name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			outer := p.fd
			p.fd, p.dir, p.own = fd, join(p.dir, p.name), true
			defer func() { unix.Close(fd); p.fd = outer }()
			defer p.sweep()
		} else {
			p.f["open what was made"] = outcome(err)
		}
	}
	if p.other != "" {
		defer unix.Unlink(join(p.other, p.name+".x")) // should it have got there
	}
	for _, step := range [...]func(){p.files, p.names, p.links, p.attributes, p.nodes, p.content, p.locks, p.times, p.running} {
		if p.stopped() {
			return
		}
		step()
	}
}

// sweep empties the directory.
func (p *prober) sweep() {
	f, err := dupFile(p.fd)
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if err := unix.Unlinkat(p.fd, name, 0); errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
			unix.Unlinkat(p.fd, name, unix.AT_REMOVEDIR)
		}
	}
}

func dupFile(dir int) (*os.File, error) {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "probe"), nil
}

// in is a name for what a step makes: its own within the directory that was
// made for that, the one unlikely name elsewhere.
func (p *prober) in(name string) string {
	if p.own {
		return name
	}
	return p.name
}

// open makes a file and returns its descriptor.
func (p *prober) open(name string, mode uint32) (int, error) {
	return unix.Openat(p.fd, p.in(name), unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, mode)
}

// withFile makes a file, has f use it, and removes it again. It reports whether
// there was one.
func (p *prober) withFile(name string, f func(fd int)) bool {
	fd, err := p.open(name, 0o600)
	if err != nil {
		return false
	}
	f(fd)
	unix.Close(fd)
	unix.Unlinkat(p.fd, p.in(name), 0)
	return true
}

// mkdir and create try these and nothing else.
func (p *prober) mkdir() string {
	err := unix.Mkdirat(p.fd, p.name, 0o700)
	if err == nil {
		unix.Unlinkat(p.fd, p.name, unix.AT_REMOVEDIR)
	}
	return outcome(err)
}

func (p *prober) create() string {
	fd, err := p.open(p.name, 0o600)
	if err == nil {
		unix.Close(fd)
		unix.Unlinkat(p.fd, p.name, 0)
	}
	return outcome(err)
}

// notTried marks probes that need what could not be made.
func (p *prober) notTried(names ...string) {
	for _, name := range names {
		p.f[name] = NotTried
	}
}
