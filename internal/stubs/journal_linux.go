package stubs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/pathres"
)

// Journal records the stubs made in one base directory, and keeps others from
// removing them until Close. Before and Made may be called by several goroutines.
type Journal struct {
	file     string // path of the journal
	fd       int    // the same, open and locked
	base     pathres.Root
	basePath string // for messages
	token    string // tells this boot's records from others'
}

// maxTries bounds the loop that only other boots starting and ending keep going.
const maxTries = 1000

// Open joins the journal of base, after removing what dead boots left in it. With
// create it makes the journal, and the state directory (0700), if there is none;
// without, it returns nil and no error then, for the price of one openat. base
// stays the caller's and must be open until Close; basePath is for messages only.
// If something of a dead boot cannot be removed now, it stays recorded, and Open
// joins.
//
// The state directory and the journal must belong to the caller and not be
// writable by others: whoever writes there decides what is removed.
func Open(stateDir string, base pathres.Root, basePath string, create bool) (*Journal, error) {
	fail := func(err error) (*Journal, error) {
		return nil, fmt.Errorf("journal of stubs made in %s: %w", basePath, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(base.FD(), &st); err != nil {
		return fail(fmt.Errorf("stat of the base: %w", err))
	}
	j := &Journal{
		file: stateDir + "/" + strconv.FormatUint(uint64(st.Dev), 16) + "-" + strconv.FormatUint(st.Ino, 16),
		base: base, basePath: basePath,
	}
	for range maxTries {
		if create {
			if err := makeStateDir(stateDir); err != nil {
				return fail(err)
			}
		}
		err := j.open(create)
		if err == unix.ENOENT && !create {
			return nil, nil
		}
		if err == unix.ENOENT { // another boot has removed the empty state directory just now
			continue
		}
		if err != nil {
			return fail(err)
		}
		state, err := j.join(create)
		if state == joined {
			now := clock()
			j.token = fmt.Sprintf("%d.%x.%x", os.Getpid(), now.Sec, now.Nsec)
			return j, nil
		}
		unix.Close(j.fd)
		if err != nil {
			return fail(fmt.Errorf("%s: %w", j.file, err))
		}
		if state == gone {
			return nil, nil
		}
	}
	return fail(fmt.Errorf("%s: replaced again and again by other boots: %w", j.file, unix.EAGAIN))
}

// open opens the journal's file; ENOENT comes bare.
func (j *Journal) open(create bool) error {
	flags := unix.O_RDWR | unix.O_APPEND | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	if create {
		flags |= unix.O_CREAT
	}
	fd, err := unix.Open(j.file, flags, 0o600)
	for err == unix.EINTR {
		fd, err = unix.Open(j.file, flags, 0o600)
	}
	if err == unix.ENOENT {
		return err
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", j.file, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.New("not a regular file")
	}
	if err == nil {
		err = private(&st)
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("open %s: %w", j.file, err)
	}
	j.fd = fd
	return nil
}

// makeStateDir makes the state directory and checks whose it is.
func makeStateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("state directory: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); errors.Is(err, unix.ENOENT) {
		return nil // another boot has removed it again: the caller's open will tell
	} else if err != nil {
		return fmt.Errorf("state directory %s: %w", dir, err)
	}
	if err := private(&st); err != nil {
		return fmt.Errorf("state directory %s: %w", dir, err)
	}
	return nil
}

// private checks that nobody but the caller can write.
func private(st *unix.Stat_t) error {
	if int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("belongs to user %d, not to %d", st.Uid, os.Geteuid())
	}
	if st.Mode&0o022 != 0 {
		return fmt.Errorf("is writable by others (mode %04o)", st.Mode&0o7777)
	}
	return nil
}

type joinState int

const (
	again  joinState = iota // another boot removed the file meanwhile
	joined                  // the shared lock is held
	gone                    // no live boot, nothing to remember: removed
)

// join takes the shared lock, cleaning up first if nobody else is alive.
func (j *Journal) join(create bool) (joinState, error) {
	switch err := flock(j.fd, unix.LOCK_EX|unix.LOCK_NB); {
	case err == unix.EWOULDBLOCK:
	case err != nil:
		return again, fmt.Errorf("lock: %w", err)
	case !j.named():
		return again, nil
	default:
		if err := j.recover(create); err != nil {
			return again, err
		}
		if !j.named() {
			return gone, nil
		}
	}
	// A change of the lock is not atomic: in between, another boot may have found
	// the journal abandoned and removed it. Hence the second look at the name.
	if err := flock(j.fd, unix.LOCK_SH); err != nil {
		return again, fmt.Errorf("lock: %w", err)
	}
	if !j.named() {
		return again, nil
	}
	return joined, nil
}

// recover does the work of the dead, under the exclusive lock. What cannot be
// removed now leaves the journal as it is.
func (j *Journal) recover(create bool) error {
	clean, err := j.cleanUp()
	switch {
	case !clean && err != nil && errors.Is(err, errJournal):
		return err
	case !clean:
		return nil
	case !create:
		if err := unix.Unlink(j.file); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
		j.removeStateDir()
		return nil
	}
	if err := unix.Ftruncate(j.fd, 0); err != nil {
		return fmt.Errorf("truncate: %w", err)
	}
	if err := j.write(headerLine(j.basePath)); err != nil {
		unix.Unlink(j.file) // the disk is full: nothing is recorded, and nothing is left
		j.removeStateDir()
		return err
	}
	return nil
}

// Before records that path (from the base, as resolved) is about to be made: call
// it just before mkdir, and do not make anything if it fails. If no Made follows,
// because nsboot was killed or the maker could not tell what became of it (two
// boots at once in one directory), then what is at path is removed in the end only
// if it is an empty directory or file of the caller's user, has no more mode bits
// than a stub (S4), and was born (statx) within ten seconds after this call.
func (j *Journal) Before(path string, dir bool) error {
	return j.record(entry{Made: pathres.Made{Path: path, Dir: dir}, intent: true, time: clock(), token: j.token})
}

// Made records what was made: call it just after.
func (j *Journal) Made(m pathres.Made) error {
	e := entry{Made: m, token: j.token}
	if found, err := j.look(m.Path); err == nil && found.dev == m.Dev && found.ino == m.Ino {
		e.time = found.birth
	}
	return j.record(e)
}

func (j *Journal) record(e entry) error {
	if err := j.write(e.line()); err != nil {
		return fmt.Errorf("journal of stubs %s: %w", j.file, err)
	}
	return nil
}

// Close gives up the stubs. If no other boot holds the journal, all that are
// recorded are removed, deepest first, and the journal with them; what has been
// used stays for good. The error tells of stubs that could not be removed: they
// stay recorded for the next boot. Close does not close the base. Call it when the
// container is gone, in the mount namespace that the base was opened in. A second
// Close does nothing, and a nil Journal may be closed.
func (j *Journal) Close() error {
	if j == nil || j.fd < 0 {
		return nil
	}
	defer func() {
		unix.Close(j.fd)
		j.fd = -1
	}()
	switch err := flock(j.fd, unix.LOCK_EX|unix.LOCK_NB); {
	case err == unix.EWOULDBLOCK:
		return nil // another boot is alive, or is cleaning up already
	case err != nil:
		return fmt.Errorf("journal of stubs %s: lock: %w", j.file, err)
	case !j.named():
		return nil
	}
	clean, err := j.cleanUp()
	if errors.Is(err, errHeld) {
		return nil
	}
	if !clean {
		return fmt.Errorf("stubs made in %s: %w", j.basePath, err)
	}
	if err := unix.Unlink(j.file); err != nil && err != unix.ENOENT {
		return fmt.Errorf("journal of stubs %s: remove: %w", j.file, err)
	}
	j.removeStateDir()
	return nil
}

// removeStateDir leaves nothing behind where this was the last journal, not
// even the directory of that name, nor the one it is in if that is named nsboot.
// Both are refused by the kernel, rightly, while something is in them.
func (j *Journal) removeStateDir() {
	dir := path.Dir(j.file)
	if unix.Rmdir(dir) == nil && path.Base(path.Dir(dir)) == "nsboot" {
		unix.Rmdir(path.Dir(dir))
	}
}

// Release gives up the lock and leaves the stubs, recorded: something that
// outlives the caller is mounted on them. Whoever takes that down opens the
// journal and closes it.
func (j *Journal) Release() {
	if j != nil && j.fd >= 0 {
		unix.Close(j.fd)
		j.fd = -1
	}
}

// named reports whether the open file is still the one of that name.
func (j *Journal) named() bool {
	var open, byName unix.Stat_t
	return unix.Fstat(j.fd, &open) == nil && unix.Lstat(j.file, &byName) == nil &&
		open.Dev == byName.Dev && open.Ino == byName.Ino
}

// write appends one record in one call, which O_APPEND makes atomic among boots.
func (j *Journal) write(line string) error {
	b := []byte("\n" + line + "\n")
	n, err := unix.Write(j.fd, b)
	for err == unix.EINTR {
		n, err = unix.Write(j.fd, b)
	}
	if err == nil && n < len(b) {
		err = unix.ENOSPC
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func flock(fd, how int) error {
	for {
		if err := unix.Flock(fd, how); err != unix.EINTR {
			return err
		}
	}
}

// clock reads the clock that file systems take their times from: it may be a tick
// behind the precise one, and an intent must not look later than what it led to.
func clock() moment {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts) != nil {
		return moment{}
	}
	return moment{int64(ts.Sec), uint32(ts.Nsec)}
}
