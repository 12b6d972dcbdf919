package compare

import (
	"fmt"
	"os"
	"testing"
)

// TestLarge: a root of 100,000 files is compared in the memory of a small one.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 files")
	}
	l := newLab(t)
	l.changed = true // its files come now
	for d := range 200 {
		dir := l.path(fmt.Sprintf("rootfs/usr/share/d%03d", d))
		must(t, os.MkdirAll(dir, 0o755))
		for f := range 500 {
			file, err := os.Create(fmt.Sprintf("%s/file-%03d", dir, f))
			must(t, err)
			must(t, file.Close())
		}
	}
	report := l.report(0, "compare", "--json", "--no-probe", "--with", nsboot())
	c := report.Comparisons[0]
	if c.Entries[0] < 100_200 || c.Entries[0] != c.Entries[1] || c.Counts.Known+c.Counts.Different > 0 {
		t.Errorf("%d and %d entries, %+v", c.Entries[0], c.Entries[1], c.Counts)
	}
	if report.Memory > 40<<20 {
		t.Errorf("%d MiB", report.Memory>>20)
	}
	t.Logf("%d entries: %.1f s, %d MiB", c.Entries[0], report.Seconds, report.Memory>>20)
}

// TestDebian compares the Debian root that NSBOOT_DEBIAN_ROOT names, under
// nsboot and runsc, with and without an overlay.
func TestDebian(t *testing.T) {
	root := os.Getenv("NSBOOT_DEBIAN_ROOT")
	if root == "" {
		t.Skip("NSBOOT_DEBIAN_ROOT names no Debian root (debootstrap --variant=minbase bookworm DIR)")
	}
	runtime(t, "runsc")
	l := newLab(t)
	l.spec.Root.Path, l.spec.Root.Readonly = root, false
	l.spec.Process.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	l.save()
	before := listing(t, root)
	for _, overlay := range []string{"none", "root", "all"} {
		c := l.report(0, "--overlay="+overlay, "compare", "--json").Comparisons[0]
		unknown(t, c)
		t.Logf("overlay %s: %+v", overlay, c.Counts)
	}
	if after := listing(t, root); after != before {
		t.Error("the root was changed")
	}
}

// listing is the root's own directories, with their times.
func listing(t *testing.T, root string) (text string) {
	t.Helper()
	for _, dir := range []string{"", "/dev", "/proc", "/sys", "/tmp", "/etc"} {
		entries, err := os.ReadDir(root + dir)
		must(t, err)
		st, err := os.Stat(root + dir)
		must(t, err)
		text += fmt.Sprintln(dir, st.ModTime(), entries)
	}
	return text
}
