package e2e

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// list lists the bundle in full: type, mode, owner, device, size, time of change
// and content of each entry. A directory of a writable tree has its time left
// out: a stub that came and went moves it (S5). config.json is the tests' own.
func (b *bundle) list() []string {
	b.t.Helper()
	var out []string
	err := filepath.WalkDir(b.dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := p[len(b.dir):]
		if rel == "" || rel == "/config.json" || strings.HasPrefix(rel, "/unlisted") {
			return nil
		}
		line, err := b.entry(p)
		out = append(out, rel+" "+line)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bundle) entry(p string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(p, &st); err != nil {
		return "", err
	}
	line := fmt.Sprintf("%06o %d:%d %d:%d", st.Mode, st.Uid, st.Gid, unix.Major(st.Rdev), unix.Minor(st.Rdev))
	mtime := fmt.Sprintf(" mtime %d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if b.hostWritable() {
			return line, nil
		}
		return line + mtime, nil
	case unix.S_IFLNK:
		to, err := os.Readlink(p)
		return line + mtime + " -> " + to, err
	case unix.S_IFREG:
		if st.Size > 1<<20 { // busybox, linked from one file
			return fmt.Sprintf("%s%s size %d ino %d", line, mtime, st.Size, st.Ino), nil
		}
		data, err := os.ReadFile(p)
		return fmt.Sprintf("%s%s size %d %x", line, mtime, st.Size, sha256.Sum256(data)), err
	}
	return line + mtime, nil
}

// hostWritable reports whether a boot may touch the host's directories.
func (b *bundle) hostWritable() bool { return !b.spec.Root.Readonly && !b.overlaid }
