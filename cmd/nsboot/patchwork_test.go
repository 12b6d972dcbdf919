package main

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// In a user namespace a directory that something is mounted below is put together
// from its parts: a layer over each that is whole, links, files as they are.
func TestPatchwork(t *testing.T) {
	tree := fstest.MapFS{
		"bin": {Mode: fs.ModeSymlink}, "etc/passwd": {}, "file": {}, "var/lib/data/x": {}, "var/lib/other/x": {}, "var/log/x": {},
		"home/a/x": {}, "proc/x": {}, "work/x": {},
	}
	list := func(dir string) ([]fs.DirEntry, error) {
		if dir == "/" {
			return tree.ReadDir(".")
		}
		return tree.ReadDir(dir[1:])
	}
	plan, err := patchwork(table(t, `
		1 0 / ext4
		2 1 /proc proc
		3 2 /proc/sys/fs/binfmt_misc binfmt_misc
		4 1 /var/lib/data ext4,nosuid
		5 1 /home ext4
	`), []string{"/work"}, []string{"/dev/sda"}, list)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"root /",
		// /bin is a link whose text is asked of this machine's own root.
		"bind /etc overlay",
		"bind /file ro",
		"stub /var",
		"stub /var/lib",
		"bind /var/lib/other overlay",
		"bind /var/log overlay",
		"bind /proc rec",
		"bind /home overlay",
		"bind /var/lib/data nosuid overlay",
		"bind /proc/sys/fs/binfmt_misc",
		"bind /work rec",
		"mask /dev/sda",
	}
	var got []string
	for _, line := range briefSteps(plan) {
		if line != "link /bin" {
			got = append(got, line)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if plan.Steps[0].Type != "tmpfs" {
		t.Errorf("the root is %+v", plan.Steps[0])
	}
}
