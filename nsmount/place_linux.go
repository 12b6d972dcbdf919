package nsmount

import (
	"errors"
	"fmt"
	"path"

	"github.com/nsboot/nsboot/internal/stubs"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// place is one mounted tree, as far as making mount points in it goes.
type place struct {
	writable bool   // what is made in it is made on the host
	host     int    // descriptor of the host's tree; -1: not opened yet
	source   string // the host's path, for the journal
	journal  *stubs.Journal
	order    int // which mount it is
}

// mountPoint resolves the step's target inside the root and returns it as a
// descriptor, made first if it is missing (section 2, section 4).
func (b *builder) mountPoint(s *Step, file bool) (fd int, resolved string, err error) {
	const noLinks = true
	if fd, err := b.tree.Root.Open(s.Target, unix.O_PATH, noLinks); err == nil {
		return fd, s.Target, nil
	}
	uid, gid := b.k.root()
	fd, resolved, err = b.tree.Root.Make(s.Target, pathres.MakeOptions{
		File: file, DirMode: 0o755, FileMode: 0o644, NoLinks: s.NoLinks,
		UID: uid, GID: gid, Before: b.beforeMake, Made: b.afterMake,
	})
	if err != nil {
		return -1, "", b.explainMake(s, err)
	}
	if resolved == "" { // all of it is there, by way of a link
		if resolved, err = b.whereIs(s, fd); err != nil {
			unix.Close(fd)
			return -1, "", fmt.Errorf("mount point: %w", err)
		}
	}
	if !inProc(s.Target) && (inProc(resolved) || isFSMagic(fd, unix.PROC_SUPER_MAGIC)) {
		unix.Close(fd)
		return -1, "", fmt.Errorf("the path leads to %s: nothing is mounted on what the kernel says there", resolved)
	}
	return fd, resolved, nil
}

func inProc(p string) bool { return p == "/proc" || below(p, "/proc") }

// whereIs resolves the target of a step, which fd was opened by.
func (b *builder) whereIs(s *Step, fd int) (string, error) {
	found, err := b.tree.Root.Lookup(s.Target, s.NoLinks)
	if err != nil {
		return "", err
	}
	st, err := fstat(fd)
	if err != nil {
		return "", err
	}
	if !found.Exists() || found.Dev != uint64(st.Dev) || found.Ino != st.Ino {
		return "", fmt.Errorf("%s changed while it was being opened: %w", s.Target, unix.ESTALE)
	}
	return found.Path, nil
}

func (b *builder) explainMake(s *Step, err error) error {
	switch {
	case s.NoLinks && errors.Is(err, unix.ELOOP):
		return fmt.Errorf("%w: %s does not follow symbolic links here (P1)", err, b.profile.Name)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("the mount point is missing and cannot be made: %w", err)
	case below(s.Target, "/proc") || below(s.Target, "/sys"):
		return fmt.Errorf("the mount point is missing, and a kernel file system holds none but its own: %w", err)
	}
	return fmt.Errorf("mount point: %w", err)
}

// beforeMake journals a mount point that is about to be made, if the place it
// is made in is the host's.
func (b *builder) beforeMake(target string, dir bool) error {
	if err := b.k.ask("mkdirat"); err != nil {
		return err
	}
	p, at := b.placeOf(target)
	if p == nil || !p.writable {
		return nil
	}
	if b.opts.beforeStub != nil {
		b.opts.beforeStub()
	}
	if p.journal == nil {
		if err := b.openJournal(p, at, true); err != nil {
			return err
		}
	}
	return p.journal.Before(relTo(at, target), dir)
}

func (b *builder) afterMake(m pathres.Made) error {
	p, at := b.placeOf(m.Path)
	if p == nil || p.journal == nil {
		return nil
	}
	m.Path = relTo(at, m.Path)
	return p.journal.Made(m)
}

// openJournal opens the journal of the tree mounted at. With create it is made;
// else it is joined if there is one.
func (b *builder) openJournal(p *place, at string, create bool) error {
	if p.host < 0 {
		fd, err := b.tree.Root.Open(at, unix.O_PATH|unix.O_DIRECTORY, true)
		if err != nil {
			return err
		}
		p.host = fd
		b.tree.hosts = append(b.tree.hosts, fd)
	}
	if create && seenJournals(b.opts.StateDir) != b.seen {
		b.raced = true
	}
	j, err := stubs.Open(b.opts.StateDir, pathres.At(p.host), p.source, create)
	if create {
		b.seen = seenJournals(b.opts.StateDir) // that was this boot's doing
	}
	if err != nil || j == nil {
		return err
	}
	p.journal = j
	b.tree.journals = append(b.tree.journals, j)
	return nil
}

// placeOf finds the mounted tree that a resolved path lies in, and where that
// is mounted: of all at or above the path, the one mounted last.
func (b *builder) placeOf(target string) (p *place, at string) {
	for dir := target; ; dir = path.Dir(dir) {
		if q, ok := b.mounted[dir]; ok && (p == nil || q.order > p.order) {
			p, at = q, dir
		}
		if dir == "/" {
			return p, at
		}
	}
}

// enter records that p is mounted at the resolved path at.
func (b *builder) enter(at string, p *place) {
	b.count++
	p.order = b.count
	b.mounted[at] = p
}

// journalsSeen tells one state of the journals' directory from another: the
// directory, or what is there of the way to it, and when it last changed.
type journalsSeen struct {
	path         string
	ino          uint64
	mtime, ctime unix.Timespec
}

func seenJournals(dir string) journalsSeen {
	for ; ; dir = path.Dir(dir) {
		var st unix.Stat_t
		if unix.Stat(dir, &st) == nil {
			return journalsSeen{dir, st.Ino, st.Mtim, st.Ctim}
		}
		if dir == "/" || dir == "." {
			return journalsSeen{}
		}
	}
}
