package stubs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/nsboot/nsboot/pathres"
)

var compare = cmp.AllowUnexported(entry{}, moment{})

func made(path, token string, ino uint64) entry {
	return entry{Made: pathres.Made{Path: path, Dev: 0x801, Ino: ino, Dir: true}, time: moment{7, 8}, token: token}
}

func intent(path, token string) entry {
	return entry{Made: pathres.Made{Path: path, Dir: true}, intent: true, time: moment{5, 6}, token: token}
}

func TestParse(t *testing.T) {
	a, b := made("/a", "t1", 10), made("/a/b", "t1", 11)
	tests := []struct {
		name  string
		lines []string
		want  []entry
	}{
		{"empty", nil, nil},
		{"deepest first", []string{headerLine("/srv"), a.line(), b.line()}, []entry{b, a}},
		{"latest first of one path", []string{a.line(), made("/a", "t2", 12).line()}, []entry{made("/a", "t2", 12), a}},
		{"intent fulfilled", []string{intent("/a", "t1").line(), a.line()}, []entry{a}},
		{"intent of another boot stays", []string{intent("/a", "t2").line(), a.line()}, []entry{a, intent("/a", "t2")}},
		{"later intent stays", []string{a.line(), intent("/a", "t1").line()}, []entry{intent("/a", "t1"), a}},
		{"nonsense", []string{"", "x", `made "/a"`, `made t d zz 1 1 1 "/a"`, `made t x 1 1 1 1 "/a"`, a.line()}, []entry{a}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(strings.Join(tt.lines, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, compare, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := parse(headerWord + ` 2 "/srv"`); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("version 2: %v", err)
	}
}

// Any record comes back as it went in, and cut off at any byte it spoils neither
// the one before nor the one after it, nor is it taken for something else.
func TestRecordCutOff(t *testing.T) {
	first, last := made("/first", "x", 1), made("/last", "x", 2)
	rapid.Check(t, func(t *rapid.T) {
		e := entry{
			Made:   pathres.Made{Path: "/" + string(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "path")), Dir: rapid.Bool().Draw(t, "dir")},
			intent: rapid.Bool().Draw(t, "intent"),
			time:   moment{rapid.Int64().Draw(t, "sec"), rapid.Uint32().Draw(t, "nsec")},
			token:  "1.2.3",
		}
		if !e.intent {
			e.Dev, e.Ino = rapid.Uint64().Draw(t, "dev"), rapid.Uint64().Draw(t, "ino")
		}
		line := e.line()
		cut := rapid.IntRange(0, len(line)).Draw(t, "cut")
		got, err := parse("\n" + first.line() + "\n\n" + line[:cut] + "\n" + last.line() + "\n")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{first.line(): true, last.line(): true}
		if cut == len(line) {
			want[line] = true
		}
		found := map[string]bool{}
		for _, g := range got {
			found[g.line()] = true
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Fatalf("cut at %d of %q (-want +got):\n%s", cut, line, diff)
		}
	})
}

func TestMomentBefore(t *testing.T) {
	tests := []struct {
		a, b moment
		want bool
	}{
		{moment{1, 5}, moment{2, 1}, true},
		{moment{2, 1}, moment{1, 5}, false},
		{moment{1, 5}, moment{1, 6}, true},
		{moment{1, 6}, moment{1, 6}, false},
		{moment{1, 0}, moment{1, 6}, false}, // whole seconds
		{moment{0, 0}, moment{1, 6}, true},
	}
	for _, tt := range tests {
		if got := tt.a.before(tt.b); got != tt.want {
			t.Errorf("%v before %v: %v", tt.a, tt.b, got)
		}
	}
}
