package nsmount

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lines are the lines of a mount table: "id parent target type flags [propagation]".
func lines(text ...string) (table []TableMount) {
	for _, line := range text {
		f := append(strings.Fields(line), "")
		id := map[string]int{"-": 0, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6}
		table = append(table, TableMount{ID: id[f[0]], Parent: id[f[1]], Root: "/", Target: f[2], Type: f[3], Device: "0:" + f[0], Flags: strings.Split(f[4], ","), Propagation: f[5]})
	}
	return table
}

// asWritten are surroundings without links in which everything is there.
func asWritten() Surroundings {
	return Surroundings{
		Resolve:    func(target string) (string, bool) { return target, true },
		SameSource: func(string, string) bool { return true },
		Special:    func(string) bool { return false },
		Child:      func(string) bool { return false },
		Brought:    func(string, string, *TableMount) bool { return false },
	}
}

func step(op Op, target string, change ...func(*Step)) Step {
	s := Step{Op: op, Target: target, Source: "/src"}
	if op == OpMount {
		s.Type = "tmpfs"
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func flags(f ...string) func(*Step)       { return func(s *Step) { s.Flags = f } }
func propagation(p ...string) func(*Step) { return func(s *Step) { s.Propagation = p } }

// TestCompare holds tables against plans, whose first step is the root.
func TestCompare(t *testing.T) {
	const root = "1 - / ext4 rw"
	for name, c := range map[string]struct {
		steps []Step
		table []TableMount
		want  []string // kind and target
	}{
		"no table":             {nil, nil, []string{"missing /"}},
		"the root alone":       {nil, lines(root), nil},
		"in another order":     {[]Step{step(OpMount, "/a"), step(OpMount, "/b")}, lines("3 1 /b tmpfs rw", root, "2 1 /a tmpfs rw"), nil},
		"one on the other":     {[]Step{step(OpMount, "/d", flags("ro")), step(OpMount, "/d")}, lines(root, "2 1 /d tmpfs ro", "3 2 /d tmpfs rw"), nil},
		"one on another":       {[]Step{step(OpMount, "/d", flags("ro")), step(OpMount, "/d")}, lines(root, "2 1 /d tmpfs rw", "3 2 /d tmpfs ro"), []string{"looser /d"}},
		"only one of two":      {[]Step{step(OpMount, "/d"), step(OpMount, "/d")}, lines(root, "2 1 /d tmpfs rw"), []string{"missing /d"}},
		"below":                {[]Step{step(OpMount, "/a"), step(OpMount, "/a/b")}, lines(root, "2 1 /a tmpfs rw", "3 2 /a/b tmpfs rw"), nil},
		"below, wrong way":     {[]Step{step(OpMount, "/a"), step(OpMount, "/a/b")}, lines(root, "3 1 /a/b tmpfs rw", "2 1 /a tmpfs rw"), []string{"other /a/b"}},
		"no prefix of a name":  {[]Step{step(OpMount, "/a"), step(OpMount, "/ab")}, lines(root, "2 1 /a tmpfs rw", "3 1 /ab tmpfs rw"), nil},
		"tmp that may be":      {[]Step{step(OpTmp, "/tmp")}, lines(root, "2 1 /tmp tmpfs rw,nosuid,nodev"), nil},
		"tmp that may not be":  {[]Step{step(OpTmp, "/tmp")}, lines(root), nil},
		"tmp, loose":           {[]Step{step(OpTmp, "/tmp")}, lines(root, "2 1 /tmp ramfs rw,nosuid"), []string{"looser /tmp", "other /tmp"}},
		"sealed":               {[]Step{step(OpMount, "/a"), step(OpSeal, "/a")}, lines(root, "2 1 /a tmpfs rw"), []string{"looser /a"}},
		"read-only path":       {[]Step{step(OpMount, "/p"), step(OpMount, "/p/s/x"), step(OpReadonly, "/p/s")}, lines(root, "2 1 /p tmpfs rw", "3 2 /p/s/x tmpfs rw", "4 2 /p/s tmpfs ro", "5 4 /p/s/x tmpfs rw"), []string{"other /p/s", "looser /p/s/x"}},
		"the plan's last word": {[]Step{step(OpBind, "/a", propagation("rslave", "private"))}, lines(root, "2 1 /a ext4 rw master:1"), []string{"looser /a"}},
		"a slave":              {[]Step{step(OpBind, "/a", propagation("rslave"))}, lines(root, "2 1 /a ext4 rw master:1"), nil},
		"a slave of nobody":    {[]Step{step(OpBind, "/a", propagation("rslave"))}, lines(root, "2 1 /a ext4 rw"), nil},
		"shared lost":          {[]Step{step(OpBind, "/a", propagation("rshared"))}, lines(root, "2 1 /a ext4 rw"), []string{"other /a"}},
		"shared from above":    {[]Step{step(OpBind, "/a", propagation("rshared")), step(OpMount, "/a/b")}, lines(root, "2 1 /a ext4 rw shared:1", "3 2 /a/b tmpfs rw shared:2"), nil},
		"unbindable lost":      {[]Step{step(OpBind, "/a", propagation("unbindable"))}, lines(root, "2 1 /a ext4 rw"), []string{"looser /a"}},
		"a layer lost":         {[]Step{step(OpBind, "/a", func(s *Step) { s.Overlay = &Overlay{} })}, lines(root, "2 1 /a ext4 rw"), []string{"other /a"}},
		"two roots":            {nil, lines(root, "2 1 / tmpfs rw"), []string{"extra /", "hidden /"}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := &Plan{Steps: append([]Step{{Op: OpRoot, Target: "/"}}, c.steps...)}
			var got []string
			for _, f := range plan.Compare(c.table, asWritten()) {
				got = append(got, f.Kind+" "+f.Target)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestCompareNodes: where no device can be made the host's, bound, are the plan's;
// nothing else in their place is.
func TestCompareNodes(t *testing.T) {
	plan := &Plan{Steps: []Step{{Op: OpRoot, Target: "/"}, step(OpMount, "/dev"), {Op: OpNodes, Target: "/dev"}, {Op: OpDevice, Target: "/dev/net/tun"}}}
	for name, c := range map[string]struct {
		target, root, propagation string
		source                    bool // the host's device is on the same file system
		want                      []string
	}{
		"a default node":    {"/dev/null", "/null", "", true, nil},
		"one of the config": {"/dev/net/tun", "/net/tun", "", true, nil},
		"a shared one":      {"/dev/null", "/null", "shared:7", true, []string{"looser /dev/null"}},
		"another device":    {"/dev/null", "/kmsg", "", true, []string{"extra /dev/null"}},
		"not the host's":    {"/dev/null", "/null", "", false, []string{"extra /dev/null"}},
		"no node":           {"/dev/kmsg", "/kmsg", "", true, []string{"extra /dev/kmsg"}},
		"elsewhere":         {"/x/null", "/null", "", true, []string{"extra /x/null"}},
	} {
		s := asWritten()
		s.SameSource = func(host, _ string) bool { return c.source || host != c.target }
		table := lines("1 - / ext4 rw", "2 1 /dev tmpfs rw", "3 2 "+c.target+" devtmpfs rw "+c.propagation)
		table[2].Root = c.root
		var got []string
		for _, f := range plan.Compare(table, s) {
			got = append(got, f.Kind+" "+f.Target)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestCompareLinks: a target is where its links lead.
func TestCompareLinks(t *testing.T) {
	plan := &Plan{Steps: []Step{{Op: OpRoot, Target: "/"}, step(OpMount, "/var/run/x")}}
	s := asWritten()
	s.Resolve = func(target string) (string, bool) { return strings.Replace(target, "/var/run", "/run", 1), true }
	if got := plan.Compare(lines("1 - / ext4 rw", "2 1 /run/x tmpfs rw"), s); got != nil {
		t.Errorf("%v", got)
	}
	if got := plan.Compare(lines("1 - / ext4 rw"), s); len(got) != 1 || got[0].Target != "/var/run/x" {
		t.Errorf("%v: the plan's name is the one that a person knows", got)
	}
}
