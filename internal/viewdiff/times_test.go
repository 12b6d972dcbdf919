package viewdiff

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTimes(t *testing.T) {
	timer := NewTimer([]string{"nsboot", "/usr/bin/runsc --network=none"})
	add := func(i int, lines string) {
		t.Helper()
		if err := timer.Add(i, view(t, lines), func(p string) string { return "on " + p }); err != nil {
			t.Fatal(err)
		}
	}
	add(0, "time / rename=EROFS stat=100_120_110\ntime /tmp stat=1000")
	add(1, "time / rename=EROFS stat=1000_3000\ntime /tmp stat=500_500_500_700")
	add(0, "time / rename=EROFS stat=90_130")
	add(1, "time /tmp stat=2x")
	got := timer.Timings([]string{"stat", "rename", "exec"})
	want := []Timing{
		{"on /", "stat", []Stat{{Name: "nsboot", Median: 110, Low: 100, High: 120, Samples: 5}, {Name: "/usr/bin/runsc --network=none", Median: 3000, Low: 1000, High: 3000, Samples: 2, Ratio: 27.27}}},
		{"on /tmp", "stat", []Stat{{Name: "nsboot", Median: 1000, Low: 1000, High: 1000, Samples: 1}, {Name: "/usr/bin/runsc --network=none", Median: 500, Low: 500, High: 500, Samples: 4, Ratio: 0.5, Error: "2x"}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	var b bytes.Buffer
	if err := WriteTimes(&b, got); err != nil {
		t.Fatal(err)
	}
	text := `
Times on on /
                          nsboot                          runsc
  stat                    110 ns (100 ns to 120 ns)       3 µs (1 µs to 3 µs) ×27.3
`
	if !strings.HasPrefix(b.String(), text) {
		t.Errorf("%s", b.String())
	}
}

func TestDuration(t *testing.T) {
	for ns, want := range map[int64]string{1: "1 ns", 999: "999 ns", 1000: "1 µs", 1234: "1.23 µs", 12345: "12.3 µs", 999499: "999 µs", 999600: "1.00 ms", 2e9: "2 s", 90e9: "90 s"} {
		if got := Duration(ns); got != want {
			t.Errorf("%d: %s, want %s", ns, got, want)
		}
	}
}
