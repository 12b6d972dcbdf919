package fsview

import (
	"errors"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Options say what to look at.
type Options struct {
	Paths      []string // of the tree, absolute; all of it if empty
	MaxEntries int      // of the tree; 0 is no limit
	Depth      int      // of the tree, below each of Paths; 0 is no limit
	Probe      bool     // try what each mount point does

	// ProbeName is the name of what probes make; a random one if empty.
	ProbeName string
	// Skip are paths that are left out, and what is mounted on them: what the
	// looking itself needs.
	Skip []string
	// Capabilities are the names of the capabilities by number.
	Capabilities []string
	// Stop ends the view early once it is set; what probes made is removed.
	Stop *atomic.Bool
}

// ErrStopped is returned when Options.Stop was set.
var ErrStopped = errors.New("stopped")

// look is one look at a file system.
type look struct {
	o      Options
	to     Sink
	err    error   // of the sink
	mounts []mount // visible ones, by path
}

// A Sink takes the records of a view: a Writer, or a TextWriter.
type Sink interface {
	Write(Record) error
	Flush() error
}

// Look gives the records of a view to a sink. Its errors are the sink's, and
// ErrStopped.
func Look(to Sink, o Options) error {
	l := &look{o: o, to: to}
	// Descriptors and the umask first: what follows opens files.
	process := l.process()
	hidden, byTable := l.readMounts()
	l.put(l.header(byTable))
	l.put(process)
	l.lookups()
	l.mountRecords(hidden)
	if o.Probe {
		l.probes()
	}
	l.tree()
	if !l.stopped() {
		l.put(Record{Kind: KindEnd})
	} else if l.err == nil {
		l.err = ErrStopped
	}
	return errors.Join(l.err, l.to.Flush())
}

// put hands a record on.
func (l *look) put(r Record) {
	if l.err == nil {
		l.err = l.to.Write(r)
	}
}

// stopped: nobody wants the rest.
func (l *look) stopped() bool { return l.err != nil || l.o.Stop != nil && l.o.Stop.Load() }

func (l *look) skips(p string) bool { return slices.Contains(l.o.Skip, p) }

// sentryVersion is in the version that gVisor's kernel gives itself, whatever
// its own is.
const sentryVersion = "Jan 10 15:06:54 PST 2016"

// header tells by what the view was made. Only what was asked for is compared.
func (l *look) header(byTable bool) Record {
	asked := "no probes"
	if l.o.Probe {
		asked = "probes"
	}
	if l.o.Depth > 0 {
		asked += ", depth " + strconv.Itoa(l.o.Depth)
	}
	asked += ", " + strings.Join(roots(l.o.Paths), " ")
	facts := map[string]string{"version": Version, "asked": asked, "machine": runtime.GOARCH, "mounts": "read from the mount table"}
	if !byTable {
		facts["mounts"] = "found by looking: there is no mount table"
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		facts["kernel"] = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
		if strings.Contains(unix.ByteSliceToString(u.Version[:]), sentryVersion) {
			facts["sandbox"] = "gVisor"
		}
	}
	return Record{Kind: KindView, Facts: facts}
}

// process tells what this process has got.
func (l *look) process() Record {
	f := map[string]string{}
	mask := unix.Umask(0o22)
	unix.Umask(mask)
	f["umask"] = octal(uint32(mask))
	if cwd, err := unix.Getwd(); err == nil {
		f["cwd"] = cwd
	} else {
		f["cwd"] = outcome(err)
	}
	r, e, s := unix.Getresuid()
	f["uid"] = ids(r, e, s)
	r, e, s = unix.Getresgid()
	f["gid"] = ids(r, e, s)
	if groups, err := unix.Getgroups(); err == nil {
		slices.Sort(groups)
		f["groups"] = ids(groups...)
	}
	if v, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil {
		f["no new privileges"] = strconv.FormatBool(v == 1)
	}
	l.capabilities(f)
	descriptors(f)
	return Record{Kind: KindProcess, Facts: f}
}

func ids(list ...int) string {
	text := ""
	for i, id := range list {
		if i > 0 {
			text += " "
		}
		text += strconv.Itoa(id)
	}
	return text
}

// capabilities tells of each in which sets it is.
func (l *look) capabilities(f map[string]string) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		f["capabilities"] = outcome(err)
		return
	}
	for n, name := range l.o.Capabilities {
		bit, half := uint32(1)<<(n%32), data[n/32]
		sets := ""
		if half.Effective&bit != 0 {
			sets += " effective"
		}
		if half.Permitted&bit != 0 {
			sets += " permitted"
		}
		if half.Inheritable&bit != 0 {
			sets += " inheritable"
		}
		if v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0); err == nil && v == 1 {
			sets += " bounding"
		}
		if v, err := unix.PrctlRetInt(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, uintptr(n), 0, 0); err == nil && v == 1 {
			sets += " ambient"
		}
		if sets != "" {
			f[name] = sets[1:]
		}
	}
}

// descriptors tells of those that came through exec: the others are this
// program's own.
func descriptors(f map[string]string) {
	for fd := range 1024 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		what := "unknown"
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			what = typeName(st.Mode)
			if isDevice(st.Mode) {
				what += " " + device(st.Rdev)
			}
		}
		if mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil {
			what += [...]string{" for reading", " for writing", " for both", ""}[mode&unix.O_ACCMODE]
		}
		f["descriptor "+strconv.Itoa(fd)] = what
	}
}

// lookups tells which file each of a few names is, as execvp finds it.
func (l *look) lookups() {
	for _, name := range [...]string{"apt-get", "bash", "busybox", "cat", "env", "id", "ls", "nosuch", "perl", "python3", "sh", "true"} {
		l.put(Record{Kind: KindLookup, Path: name, Facts: lookup(name, os.Getenv("PATH"))})
	}
}

func lookup(name, search string) map[string]string {
	found := "ENOENT"
	for _, dir := range strings.Split(search, ":") {
		p := path.Join(dir, name)
		var st unix.Stat_t
		err := unix.Stat(p, &st)
		switch {
		case err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG:
			err = unix.EACCES
		case err == nil:
			err = unix.Faccessat(unix.AT_FDCWD, p, unix.X_OK, unix.AT_EACCESS)
		}
		if err == nil {
			return map[string]string{"found": p}
		}
		if errors.Is(err, unix.EACCES) {
			found = "EACCES"
		}
	}
	return map[string]string{"found": found}
}
