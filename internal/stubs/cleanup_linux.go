package stubs

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// errJournal is wrapped when the journal itself cannot be used.
var errJournal = errors.New("unusable journal")

// maxJournal is more than a million stubs' worth; a larger file is none of ours.
const maxJournal = 256 << 20

// cleanUp removes what is recorded and still what it was, under the exclusive
// lock. It is clean if nothing is left that a later try could remove; if not, the
// error is of the first such thing.
func (j *Journal) cleanUp() (clean bool, err error) {
	text, err := j.read()
	if err != nil {
		return false, fmt.Errorf("%w: %w", errJournal, err)
	}
	entries, err := parse(text)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errJournal, err)
	}
	for _, h := range holders(text) {
		if h.alive() {
			return false, errHeld
		}
	}
	for _, e := range entries {
		if rerr := j.remove(e); rerr != nil && err == nil {
			err = fmt.Errorf("removing %s: %w", e.Path, rerr)
		}
	}
	return err == nil, err
}

// remove removes one stub if it is still the same. What is gone, replaced or in
// use is settled: no error.
func (j *Journal) remove(e entry) error {
	found, err := j.look(e.Path)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		return nil // gone, or its parent is not what it was
	case unix.EXDEV:
		return unix.EBUSY // a mount in this namespace covers it
	default:
		return err
	}
	if e.intent {
		if !found.couldBe(e) {
			return nil
		}
		e.Dev, e.Ino = found.dev, found.ino
	} else if e.time != (moment{}) && found.birth != (moment{}) && found.birth != e.time {
		return nil // the inode number was given out again
	}
	_, err = j.base.Remove(e.Made)
	return err
}

// A stub is what look finds at a path.
type stub struct {
	dev, ino uint64
	birth    moment
	mode     uint32
	uid      uint32
	size     uint64
}

// makingTime is how long after the intent, in seconds, the making may take. What
// was born later is the container's or somebody else's.
const makingTime = 10

// couldBe decides about an intent: is this what the killed boot made?
func (s stub) couldBe(e entry) bool {
	return s.kindOf(e) &&
		int(s.uid) == os.Geteuid() &&
		s.birth != moment{} && !s.birth.before(e.time) && s.birth.before(e.time.plus(makingTime))
}

// kindOf compares type and mode with what a boot makes: directories and empty
// files of a stub's mode (S4) or what the umask left of it, device nodes, links.
func (s stub) kindOf(e entry) bool {
	perm := s.mode & 0o7777
	switch kind := s.mode & unix.S_IFMT; {
	case e.Dir:
		return kind == unix.S_IFDIR && perm&^(0o755|unix.S_ISGID) == 0 // set-group-ID is inherited
	case kind == unix.S_IFREG:
		return s.size == 0 && perm&^0o755 == 0
	case kind == unix.S_IFCHR, kind == unix.S_IFBLK, kind == unix.S_IFIFO:
		return perm&^0o777 == 0
	default:
		return kind == unix.S_IFLNK
	}
}

// look opens path below the base without crossing a link, and tells what is
// there: EXDEV if something is mounted on it, else the errno of openat2.
func (j *Journal) look(path string) (s stub, err error) {
	const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS
	rel := strings.TrimPrefix(path, "/")
	parent, name := ".", rel
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		parent, name = rel[:i], rel[i+1:]
	}
	if name == "" || name == "." || name == ".." {
		return s, unix.EINVAL
	}
	dir, err := openat2(j.base.FD(), parent, unix.O_PATH|unix.O_DIRECTORY, resolve)
	if err != nil {
		return s, err
	}
	defer unix.Close(dir)
	fd, err := openat2(dir, name, unix.O_PATH|unix.O_NOFOLLOW, resolve|unix.RESOLVE_NO_XDEV)
	if err != nil {
		return s, err
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return s, err
	}
	s = stub{
		dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino,
		mode: uint32(st.Mode), uid: st.Uid, size: st.Size,
	}
	if st.Mask&unix.STATX_BTIME != 0 {
		s.birth = moment{st.Btime.Sec, st.Btime.Nsec}
	}
	return s, nil
}

func openat2(dir int, path string, flags int, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	for try := 0; ; try++ {
		fd, err := unix.Openat2(dir, path, &how)
		if err != unix.EINTR && (err != unix.EAGAIN || try == maxTries) {
			return fd, err
		}
	}
}

// read returns the whole journal.
func (j *Journal) read() (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(j.fd, &st); err != nil {
		return "", fmt.Errorf("stat: %w", err)
	}
	if st.Size > maxJournal {
		return "", fmt.Errorf("too large (%d bytes)", st.Size)
	}
	buf := make([]byte, st.Size)
	for done := 0; done < len(buf); {
		n, err := unix.Pread(j.fd, buf[done:], int64(done))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read: %w", err)
		}
		if n == 0 {
			buf = buf[:done]
		}
		done += n
	}
	return string(buf), nil
}
