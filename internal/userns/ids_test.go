package userns

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSubordinate(t *testing.T) {
	const file = "alice:100000:65536\nbob:200000:65536\n1000:300000:10\nalice:165536:100\n\nalice:x:1\nalice:1\nalice:5:0\nalice:4294967295:2\nalice:100001:5\n"
	for _, tc := range []struct {
		name string
		uid  int
		want []Range
	}{
		{"alice", 1000, []Range{{100000, 65536}, {300000, 10}, {165536, 100}}},
		{"bob", 1, []Range{{200000, 65536}}},
		{"", 1000, []Range{{300000, 10}}},
		{"carol", 7, nil},
	} {
		if d := cmp.Diff(tc.want, Subordinate(file, tc.name, tc.uid)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

func TestDefault(t *testing.T) {
	got := Default(1000, []Range{{100000, 65536}, {300000, 10}})
	if d := cmp.Diff([]Map{{0, 1000, 1}, {1, 100000, 65536}, {65537, 300000, 10}}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if err := Check("x", got); err != nil {
		t.Error(err)
	}
	many := make([]Range, 1000)
	for i := range many {
		many[i] = Range{uint32(100000 + i), 1}
	}
	if got := Default(1000, many); len(got) != maxMaps {
		t.Errorf("%d ranges, the kernel takes %d", len(got), maxMaps)
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name string
		maps []Map
		want string // in the error; empty: none
	}{
		{"none", nil, ""},
		{"good", []Map{{0, 1000, 1}, {1, 100000, 65536}}, ""},
		{"up to the last id", []Map{{0, math.MaxUint32 - 10, 10}}, ""},
		{"size 0", []Map{{0, 1000, 0}}, "x[0]: its size is 0"},
		{"overlap inside", []Map{{0, 1000, 2}, {1, 2000, 1}}, "x[1]: 1 ids from 1 on, outside from 2000 on overlaps [0]"},
		{"overlap outside", []Map{{0, 1000, 2}, {5, 1001, 1}}, "x[1]"},
		{"the same", []Map{{0, 1000, 1}, {0, 1000, 1}}, "x[1]"},
		{"overflow inside", []Map{{math.MaxUint32, 0, 2}}, "x[0]: 2 ids from 4294967295 on, outside from 0 on goes beyond the last id"},
		{"overflow outside", []Map{{0, math.MaxUint32, 2}}, "beyond the last id"},
		{"too many", make([]Map, maxMaps+1), "x: 341 ranges"},
	} {
		err := Check("x", tc.maps)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestOutside(t *testing.T) {
	maps := []Map{{0, 1000, 1}, {1, 100000, 65536}}
	for id, want := range map[uint32]uint32{0: 1000, 1: 100000, 65536: 165535} {
		if got, ok := Outside(maps, id); !ok || got != want {
			t.Errorf("%d is %d %v, want %d", id, got, ok, want)
		}
	}
	if got, ok := Outside(maps, 65537); ok {
		t.Errorf("65537 is %d", got)
	}
}
