package tmpdetect

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// TestDecide is rules T2 to T9 in all profiles, and --tmp.
func TestDecide(t *testing.T) {
	const (
		cover  = Cover
		leave  = Leave
		loop   = syscall.ELOOP
		noent  = syscall.ENOENT
		notdir = syscall.ENOTDIR
	)
	rules := [...]struct {
		name string
		rule Rule
	}{
		{"runsc-2018", RuleRunsc2018()}, {"runsc-2019", RuleRunsc2019()}, {"runsc", RuleRunsc()}, {"oci", RuleOCI()},
		{"--tmp=tmpfs", Always()}, {"--tmp=rootfs", Never()},
	}
	tests := []struct {
		rule  string
		found Found
		want  [len(rules)]any // an Action or an errno
	}{
		{"T2", Absent, [...]any{cover, cover, cover, leave, cover, leave}},
		{"T3", Empty, [...]any{cover, cover, cover, leave, cover, leave}},
		{"T4, T5", Occupied, [...]any{cover, leave, leave, leave, cover, leave}},
		{"T6", LinkEmpty, [...]any{cover, loop, cover, leave, cover, leave}},
		{"T7", LinkOccupied, [...]any{cover, loop, leave, leave, cover, leave}},
		{"T8", LinkDangling, [...]any{noent, loop, noent, leave, noent, leave}},
		{"T9", NotDir, [...]any{notdir, notdir, leave, leave, notdir, leave}},
		{"T9 through a link", LinkNotDir, [...]any{notdir, loop, leave, leave, notdir, leave}},
		{"P3", LinkLoop, [...]any{loop, loop, loop, leave, loop, leave}},
		{"no such case", LinkLoop + 1, [...]any{syscall.EINVAL, syscall.EINVAL, syscall.EINVAL, syscall.EINVAL, syscall.EINVAL, syscall.EINVAL}},
	}
	for _, tt := range tests {
		for i, r := range rules {
			got, err := Decide(r.rule, tt.found)
			switch want := tt.want[i].(type) {
			case Action:
				if err != nil || got != want {
					t.Errorf("%s, %s: %v, %v, want %v", tt.rule, r.name, got, err, want)
				}
			case syscall.Errno:
				if got != Fail || !errors.Is(err, want) || !strings.Contains(err.Error(), tt.found.String()) {
					t.Errorf("%s, %s: %v, %v, want %v and what was found", tt.rule, r.name, got, err, want)
				}
			}
		}
	}
}

// TestMode is T10.
func TestMode(t *testing.T) {
	for want, got := range map[uint32][]uint32{
		0o777:  {RuleRunsc2018().Mode, RuleRunsc2019().Mode},
		0o1777: {RuleRunsc().Mode, Always().Mode},
	} {
		for i, m := range got {
			if m != want {
				t.Errorf("rule %d: mode %o, want %o", i, m, want)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	seen := map[string]bool{}
	for f := Absent; f <= LinkLoop; f++ {
		if s := f.String(); s == "" || seen[s] {
			t.Errorf("Found %d is called %q", f, s)
		} else {
			seen[s] = true
		}
	}
	if s := Found(99).String() + " " + Action(99).String(); s != "Found(99) Action(99)" {
		t.Error(s)
	}
	if s := Leave.String() + " " + Cover.String() + " " + Fail.String(); s != "leave cover fail" {
		t.Error(s)
	}
}
