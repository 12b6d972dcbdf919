package fsview

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"
)

// TestVisible: of mounts stacked on one place only the top one is seen, of those
// below a place that was mounted over later none.
func TestVisible(t *testing.T) {
	all := []mount{
		{1, 0, "/", nil}, {2, 1, "/proc", nil}, {3, 1, "/a", nil}, {4, 3, "/a/b", nil}, {5, 1, "/a", nil}, // covers 3
		{6, 5, "/a/c", nil}, {7, 2, "/proc", nil}, {8, 1, "/a-b", nil},
	}
	// Mounted on a covered mount, 5 is reached only through its parent.
	all[4].parent = 3
	seen, hidden := visible(all)
	if d := cmp.Diff("/ /a /a/c /a-b /proc", paths(seen)); d != "" {
		t.Errorf("seen: -want +got:\n%s", d)
	}
	if d := cmp.Diff("/a /a/b /proc", paths(hidden)); d != "" {
		t.Errorf("hidden: -want +got:\n%s", d)
	}
}

func paths(list []mount) string {
	var out []string
	for _, m := range list {
		out = append(out, m.path)
	}
	return strings.Join(out, " ")
}

func TestTableFacts(t *testing.T) {
	table, err := mountinfo.GetMountsFromReader(strings.NewReader(
		"1 0 8:1 / / rw,relatime - ext4 /dev/sda ro,errors=remount-ro\n"+
			"2 1 0:5 /x /d rw,nosuid,nodev,noatime shared:1 master:2 - tmpfs tmpfs rw,size=1k,noexec\n"+
			"3 1 0:6 / /e ro unbindable - 9p none rw,noatime\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]string
	for _, m := range table {
		got = append(got, tableFacts(m))
	}
	want := []map[string]string{
		{"type": "ext4", "access": "ro", "atime": "relatime", "propagation": "private"},
		{"type": "tmpfs", "access": "rw", "nodev": "yes", "noexec": "yes", "nosuid": "yes", "atime": "noatime", "propagation": "shared slave"},
		{"type": "9p", "access": "ro", "atime": "strictatime", "propagation": "unbindable"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
