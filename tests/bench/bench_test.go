package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func samples(ms ...int) []sample {
	var s []sample
	for _, m := range ms {
		s = append(s, sample{wall: time.Duration(m) * time.Millisecond, peak: int64(m) * 1024})
	}
	return s
}

func TestStatistics(t *testing.T) {
	tests := []struct {
		wall        []int
		median, min time.Duration
	}{
		{[]int{7}, 7 * time.Millisecond, 7 * time.Millisecond},
		{[]int{9, 1, 5}, 5 * time.Millisecond, time.Millisecond},
		{[]int{8, 2, 100, 4}, 6 * time.Millisecond, 2 * time.Millisecond},
	}
	for _, tt := range tests {
		r := result{samples: samples(tt.wall...)}
		if r.median() != tt.median || r.min() != tt.min {
			t.Errorf("%v: median %v min %v, want %v %v", tt.wall, r.median(), r.min(), tt.median, tt.min)
		}
	}
}

func TestPrintRow(t *testing.T) {
	var out strings.Builder
	err := printRow(&out, "base", []result{
		{runtime: "floor", samples: samples(1, 1, 2)},
		{runtime: "nsboot", samples: samples(2, 2, 3)},
		{runtime: "bwrap", note: "not installed"},
		{runtime: "runc", samples: samples(20, 25, 40)},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `
base
          median ms  min ms  nsboot/X median   min  peak MiB
   floor       1.00    1.00             2.00  2.00       2.0
  nsboot       2.00    2.00             1.00  1.00       3.0
   bwrap          -       -                -     -         -
    runc      25.00   20.00             0.08  0.10      40.0
  bwrap: not installed
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRefusesFailure boots stand-ins for runtimes: a wrong exit code ends the row, whichever way it is wrong.
func TestRefusesFailure(t *testing.T) {
	w := world{t.TempDir()}
	for _, d := range []string{"bundle", "state"} {
		if err := os.Mkdir(w.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	// A runtime as the row wants it: 42 for the script, 0 for the payload.
	good := `case "$*" in */bin/true) exit 0;; *) exit 42;; esac`
	tests := []struct {
		name, script, want string
	}{
		{"works", good, ""},
		{"fails", "echo why >&2; exit 1", "it: exit code 1, want exit code 42: why"},
		{"does nothing", "exit 0", "it: exit code 0, want exit code 42"},
		{"passes no exit code on", "exit 42", "it: exit code 42, want exit code 0"},
		{"is killed", "kill -9 $$", "it: killed by killed, want exit code 42"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			it := runtime{name: "it", path: sh, unable: never, command: func(_ world, _ row, args []string) ([]string, []byte) {
				return append([]string{"-c", tt.script, "it"}, args...), nil
			}}
			gone := runtime{name: "gone", missing: "not installed"}
			results, err := stopwatch{world: w}.row(t.Context(), rows()[0], []runtime{it, gone}, 3)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("error %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(results[0].samples) != 3 || len(results[1].samples) != 0 || results[1].note != "not installed" {
				t.Errorf("results %+v", results)
			}
		})
	}
}

// TestBwrapArgs wants every option in the descriptor, ended by NUL, and nothing but the command outside.
func TestBwrapArgs(t *testing.T) {
	w := world{"/w"}
	argv, text := bwrapCommand(w, row{binds: 2, readonly: true, pid: true}, []string{"/bin/true"})
	if diff := cmp.Diff([]string{"--args", "4", "--", "/bin/true"}, argv); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got := " " + strings.ReplaceAll(string(text), "\x00", " ")
	for _, want := range []string{" --ro-bind /w/rootfs / ", " --unshare-pid ", " --bind /w/src/0001 /b/0001 "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func TestUnchanged(t *testing.T) {
	w := world{t.TempDir()}
	tests := []struct {
		name, left string
		row        row
		bad        bool
	}{
		{"nothing", "", row{readonly: true}, false},
		{"a written file on a writable root", "written", row{}, false},
		{"a written file on a read-only root", "written", row{readonly: true}, true},
		{"a written file below an overlay", "written", row{root: overlayRoot}, true},
		{"a mount point", "opt/data", row{readonly: true, root: stubRoot}, true},
	}
	for _, tt := range tests {
		if err := os.MkdirAll(w.path("rootfs", tt.left), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := w.unchanged(tt.row); (err != nil) != tt.bad {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if err := w.unchanged(row{readonly: true}); err != nil {
			t.Errorf("%s: not removed: %v", tt.name, err)
		}
	}
}
