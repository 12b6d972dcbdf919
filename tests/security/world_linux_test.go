package security

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// world is all that a boot must leave as it was.
type world struct {
	mounts, victim, journals string
	bundle                   []string
}

func (b *bundle) world() world {
	b.t.Helper()
	w := world{mounts: mountTable(b.t)}
	w.victim = strings.Join(b.listing("victim", true), "\n")
	w.bundle = b.listing("b", false)
	entries, err := os.ReadDir("/run/nsboot/stubs")
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		w.journals += e.Name() + "\n"
	}
	return w
}

func (b *bundle) unharmed(before world, what string) {
	b.t.Helper()
	after := b.world()
	if b.grows != nil {
		kept := after.bundle[:0]
		for _, line := range after.bundle {
			if name, _, _ := strings.Cut(line, " "); slices.Contains(before.bundle, line) || !b.grows(name) {
				kept = append(kept, line)
			}
		}
		after.bundle = kept
	}
	if b.gone != "" {
		before.bundle = slices.DeleteFunc(slices.Clone(before.bundle), func(line string) bool {
			return strings.HasPrefix(line, b.gone+" ") || strings.HasPrefix(line, b.gone+"/")
		})
	}
	if diff := cmp.Diff(before, after, cmp.AllowUnexported(world{})); diff != "" {
		b.t.Errorf("%s: the boot changed the world around it (-before +after):\n%s", what, diff)
	}
}

func mountTable(t *testing.T) string {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(table)
}

// listing describes every entry below rel, contents and inodes included.
func (b *bundle) listing(rel string, times bool) (lines []string) {
	b.t.Helper()
	top := b.path(rel)
	b.must(filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line, err := describe(path, times)
		name, _ := filepath.Rel(top, path)
		lines = append(lines, name+" "+line)
		return err
	}))
	return lines
}

func describe(path string, times bool) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	line := fmt.Sprintf("mode %o owner %d:%d rdev %d inode %d", st.Mode, st.Uid, st.Gid, st.Rdev, st.Ino)
	if times {
		line += fmt.Sprintf(" changed %d.%09d", st.Ctim.Sec, st.Ctim.Nsec)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		to, err := os.Readlink(path)
		return line + " to " + to, err
	case unix.S_IFREG:
		line += fmt.Sprintf(" size %d written %d.%09d", st.Size, st.Mtim.Sec, st.Mtim.Nsec)
		if st.Size < 1<<16 {
			data, err := os.ReadFile(path)
			return line + fmt.Sprintf(" %x", sha256.Sum256(data)), err
		}
	}
	return line, nil
}
