package viewdiff

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/internal/fsview"
)

// pageRows are the ids of DIVERGENCES.md.
func pageRows(t *testing.T) (ids []string) {
	t.Helper()
	text, err := os.ReadFile("../../DIVERGENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			id, _, _ := strings.Cut(rest, "`")
			ids = append(ids, id)
		}
	}
	return ids
}

// TestRowsExist: what is called known is on the page, and what the page says is
// seen by nsboot compare has a rule.
func TestRowsExist(t *testing.T) {
	ids := pageRows(t)
	var rows []string
	for _, r := range rules(nil) {
		if rows = append(rows, r.row); !slices.Contains(ids, r.row) {
			t.Errorf("DIVERGENCES.md has no row %s", r.row)
		}
		if len(r.facts)+len(r.types)+len(r.paths)+len(r.theirs) == 0 {
			t.Errorf("a rule of %s explains anything", r.row)
		}
	}
	for _, id := range ids {
		if strings.HasPrefix(id, "seen-") && !slices.Contains(rows, id) {
			t.Errorf("DIVERGENCES.md: %s: no rule of known.go", id)
		}
	}
}

// TestExplain: a rule explains the values that it names, and no others.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		kind, path, typ, fact, ours, theirs string
		want                                string
	}{
		{fsview.KindMount, "/", "ext4", "type", "ext4", "9p", "seen-fs-type"},
		{fsview.KindMount, "/", "ext4", "type", "ext4", "xfs", ""},
		{fsview.KindMount, "/", "overlay", "type", "overlay", "ext4", "S1-read-only-root"},
		{fsview.KindMount, "/tmp", "tmpfs", "noexec", "yes", "", "D3-flags"},
		{fsview.KindMount, "/tmp", "tmpfs", "noexec", "", "yes", ""},
		{fsview.KindMount, "/tmp/x", "tmpfs", "noexec", "yes", "", ""},
		{fsview.KindMount, "/data", "ext4", "noexec", "yes", "", ""},
		{fsview.KindMount, "/data", "ext4", "nosuid", "yes", "", "seen-mount-flags"},
		{fsview.KindMount, "/data", "ext4", "access", "ro", "rw", ""},
		{fsview.KindMount, "/data", "ext4", "", Here, Gone, ""},
		{fsview.KindMount, "/proc/acpi", "tmpfs", "", Here, Gone, "masked-paths"},
		{fsview.KindMount, "/proc/acpi", "tmpfs", "", Gone, Here, ""},
		{fsview.KindProbe, "/data", "ext4", "create", "ok", "EROFS", ""},
		{fsview.KindProbe, "/data", "ext4", "O_TMPFILE", "ok", "EOPNOTSUPP", "seen-o-tmpfile"},
		{fsview.KindProbe, "/data", "ext4", "O_TMPFILE", "ok", "EROFS", ""},
		{fsview.KindProbe, "/data", "ext4", "mknod of a device", "ok", "EPERM", "seen-device-nodes"},
		{fsview.KindProbe, "/data", "ext4", "mknod of a device", "ok", "EROFS", ""},
		{fsview.KindProbe, "/proc", "proc", "create", "ENOENT", "ok", ""},
		{fsview.KindEntry, "/bin/sh", "ext4", "mode", "0755", "0777", ""},
		{fsview.KindEntry, "/bin/sh", "ext4", "", Here, Gone, ""},
		{fsview.KindEntry, "/dev/sda", "tmpfs", "", Gone, Here, ""},
		{fsview.KindEntry, "/dev/fuse", "tmpfs", "", Gone, Here, "seen-dev-nodes"},
		{fsview.KindEntry, "/dev/fuse", "tmpfs", "", Here, Gone, ""},
		{fsview.KindProcess, "", "", "umask", "0022", "0077", ""},
		{fsview.KindProcess, "", "", "descriptor 3", "", "pipe for reading", ""},
	} {
		m := &Mount{A: map[string]string{"type": c.typ}, B: map[string]string{"type": "9p"}}
		rec := &fsview.Record{Kind: c.kind, Path: c.path}
		if got := (&comparison{rules: rules(nil)}).explain(m, rec, c.fact, c.ours, c.theirs); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
		m.A, m.B = m.B, m.A
		if got := (&comparison{rules: rules(nil), ours: sideB}).explain(m, rec, c.fact, c.theirs, c.ours); got != c.want {
			t.Errorf("the other way round: %+v: %q", c, got)
		}
		if got := (&comparison{rules: rules(nil), ours: noSide}).explain(m, rec, c.fact, c.theirs, c.ours); got != "" {
			t.Errorf("between two of a kind: %+v: %q", c, got)
		}
	}
}

// TestOurs: of recorded views the one from outside a sandbox is taken for
// nsboot's.
func TestOurs(t *testing.T) {
	in, out := map[string]string{"sandbox": "gVisor"}, map[string]string{}
	for _, c := range []struct {
		a, b map[string]string
		want side
	}{{out, in, sideA}, {in, out, sideB}, {in, in, noSide}, {out, out, noSide}} {
		if got := oursOf([2]map[string]string{c.a, c.b}); got != c.want {
			t.Errorf("%v, %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
