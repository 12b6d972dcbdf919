package container

import (
	"strings"
	"testing"
)

// Every combination of record and facts, and what runtime-spec calls it.
func TestStatus(t *testing.T) {
	for _, c := range []struct {
		ready bool
		facts Facts
		want  Status
	}{
		{false, Facts{}, Stopped}, // killed before there was a process, or it died with create
		{false, Facts{Locked: true}, Creating},
		{false, Facts{Alive: true}, Creating}, // create was killed just before it recorded the end of its work
		{false, Facts{Alive: true, Waiting: true}, Creating},
		{false, Facts{Alive: true, Waiting: true, Locked: true}, Creating},
		{false, Facts{Waiting: true, Locked: true}, Creating},
		{false, Facts{Waiting: true}, Stopped},
		{true, Facts{Alive: true, Waiting: true}, CreatedS},
		{true, Facts{Alive: true, Waiting: true, Locked: true}, CreatedS}, // a start is at work
		{true, Facts{Alive: true}, Running},
		{true, Facts{Alive: true, Locked: true}, Running},
		{true, Facts{}, Stopped},
		{true, Facts{Locked: true}, Stopped},
		{true, Facts{Waiting: true}, Stopped}, // somebody else has the FIFO open
	} {
		s := State{Ready: c.ready}
		if got := s.Status(c.facts); got != c.want {
			t.Errorf("ready %v, %+v: %s, want %s", c.ready, c.facts, got, c.want)
		}
	}
}

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "web-1", "A_b.c+d", "0123456789abcdef", "_x", "+", strings.Repeat("x", 255)} {
		if err := CheckID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", ".", "..", ".hidden", "-rf", "a/b", "../x", "a b", "a\x00", "a\n", "é", "a:b", "~", "*", strings.Repeat("x", 256)} {
		err := CheckID(id)
		if err == nil {
			t.Errorf("%q is taken", id)
		} else if strings.ContainsAny(err.Error(), "\x00\n") {
			t.Errorf("the error for %q is not printable: %v", id, err)
		}
	}
}
