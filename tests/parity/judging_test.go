package parity

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDisagreement(t *testing.T) {
	want := facts{
		Boots: true,
		Lines: []string{"look /a: directory mode 755 owner 0:0"},
		Host:  []string{"+ src/n file mode 644 owner 0:0 size 2"},
		Left:  []string{"+ rootfs/data dir mode 755 owner 0:0"},
	}
	same := answer{Boots: true, Lines: want.Lines, Host: want.Host}
	with := func(change func(*answer)) answer { a := same; change(&a); return a }
	for _, tt := range []struct {
		name          string
		want          facts
		got           answer
		loose, strict bool // do they agree?
	}{
		{"the same", want, same, true, true},
		{"a mount point that was left may be left", want, with(func(a *answer) { a.Host = append(want.Left[:1:1], want.Host...) }), true, true},
		{"nothing else may be left", want, with(func(a *answer) { a.Host = append([]string{"+ rootfs/x dir mode 755 owner 0:0"}, want.Host...) }), false, false},
		{"a change on the host is missing", want, with(func(a *answer) { a.Host = nil }), false, false},
		{"another mode", want, with(func(a *answer) { a.Lines = []string{"look /a: directory mode 555 owner 0:0"} }), true, false},
		{"another owner", want, with(func(a *answer) { a.Lines = []string{"look /a: directory mode 755 owner 1:0"} }), false, false},
		{"a line more", want, with(func(a *answer) { a.Lines = append(want.Lines[:1:1], "x") }), false, false},
		{"fails instead", want, with(func(a *answer) { a.Boots = false }), false, false},
		{"timed out", want, with(func(a *answer) { a.TimedOut = true }), false, false},
		{"both fail, whatever they left and said", facts{}, answer{Exit: 1, Host: want.Left, Stderr: "no"}, true, true},
		{"any mode", facts{Boots: true, Lines: []string{"look /a: directory mode * owner 0:0"}}, answer{Boots: true, Lines: want.Lines}, true, true},
		{"any mode on the host", facts{Boots: true, Host: []string{"+ a dir mode * owner 0:0"}}, answer{Boots: true, Host: []string{"+ a dir mode 1 owner 0:0"}}, true, true},
		{"a runtime's own directory", facts{Boots: true, Lines: []string{"list /: a b"}}, answer{Boots: true, Lines: []string{"list /: " + runtimesOwn + " a b"}}, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := disagreement(tt.want, tt.got, loose); (d == "") != tt.loose {
				t.Errorf("loosely: got %q, want agreement %v", d, tt.loose)
			}
			if d := disagreement(tt.want, tt.got, strict); (d == "") != tt.strict {
				t.Errorf("strictly: got %q, want agreement %v", d, tt.strict)
			}
		})
	}
}

// TestJudgeHoldsDivergences shows that the list of divergences stays true: a listed boot must differ, and as it is written.
func TestJudgeHoldsDivergences(t *testing.T) {
	text := "T.\nroot: rw\n-- probe --\nlist /\n-- recorded oci --\nboots\nlist /: a\n"
	listed := divergences{caseProfile("c", "oci"): {ID: "D0", Reason: "why"}}
	says := func(line string) answer { return answer{Boots: true, Lines: []string{line}} }
	const own = "-- nsboot oci --\nboots\nlist /: b\n"
	for _, tt := range []struct {
		name, text string
		table      divergences
		got        answer
		want       []string // parts of the problems, in order
	}{
		{"agrees", text, nil, says("list /: a"), nil},
		{"differs unlisted", text, nil, says("list /: b"), []string{"differs from the recorded answer"}},
		{"differs as listed", text + own, listed, says("list /: b"), nil},
		{"differs otherwise", text + own, listed, says("list /: z"), []string{"otherwise than its nsboot section"}},
		{"no longer differs", text + own, listed, says("list /: a"), []string{"take the row out", "otherwise than its nsboot section"}},
		{"listed without a section", text, listed, says("list /: b"), []string{"no nsboot section"}},
		{"leaves a mount", text, nil, answer{Boots: true, Lines: []string{"list /: a"}, Mounts: []string{"/x"}}, []string{"left mounts"}},
		{"fails without a word", text + "-- nsboot oci --\nfails\n", listed, answer{Exit: 1}, []string{"without an error of its own"}},
		{"fails and leaves a stub", text + "-- nsboot oci --\nfails\n", listed,
			answer{Exit: 1, Stderr: "nsboot: no", Host: []string{"+ rootfs/x dir mode 755 owner 0:0"}}, []string{"left on the host"}},
		{"panics", text, nil, answer{Boots: true, Lines: []string{"list /: a"}, Stderr: "panic: x"}, []string{"panicked"}},
		{"writes a read-only root", strings.Replace(text, "root: rw", "root: ro", 1), nil,
			answer{Boots: true, Lines: []string{"list /: a"}, Host: []string{"+ rootfs/x dir mode 755 owner 0:0"}},
			[]string{"changed a read-only or overlaid root", "differs from the recorded answer"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseCase("c", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			v := judge(c, "oci", tt.got, tt.table)
			if len(v.Problems) != len(tt.want) {
				t.Fatalf("got %d problems, want %d: %q", len(v.Problems), len(tt.want), v.Problems)
			}
			for i, p := range v.Problems {
				if !strings.Contains(p, tt.want[i]) {
					t.Errorf("problem %d is %q, want one with %q", i, p, tt.want[i])
				}
			}
		})
	}
}

func TestJudgeLooksForWords(t *testing.T) {
	c, err := parseCase("c", "T.\nargs: [\"x\"]\n-- rule oci --\nfails\nsays: /etc/hello\n")
	if err != nil {
		t.Fatal(err)
	}
	if v := judge(c, "oci", answer{Exit: 1, Stderr: "nsboot: mounts[3] /etc/hello: no"}, nil); len(v.Problems) != 0 {
		t.Errorf("got problems %q", v.Problems)
	}
	if v := judge(c, "oci", answer{Exit: 1, Stderr: "nsboot: no"}, nil); len(v.Problems) != 1 {
		t.Errorf("got problems %q, want one", v.Problems)
	}
}

func TestWithDivergences(t *testing.T) {
	text := "T.\n\n-- rule oci --\nboots\n\n-- nsboot runsc --\nold\n"
	got := withDivergences(text, map[string]string{"runsc": "fails\n", "runsc-2018": "boots\n", "oci": "fails\n"})
	want := "T.\n\n-- rule oci --\nboots\n\n-- nsboot runsc oci --\nfails\n\n-- nsboot runsc-2018 --\nboots\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff("T.\n\n-- rule oci --\nboots\n", withDivergences(text, nil)); d != "" {
		t.Errorf("without answers the section goes: %s", d)
	}
}

func TestForeignRuntimesMayLeaveMountPoints(t *testing.T) {
	c, err := parseCase("c", "T.\nargs: [\"x\"]\n-- rule oci --\nboots\nhost: + src/n file mode 644 owner 0:0 size 2\n")
	if err != nil {
		t.Fatal(err)
	}
	left := answer{Boots: true, Host: []string{"+ rootfs/data dir mode 755 owner 0:0", "+ src/n file mode 644 owner 0:0 size 2"}}
	if v := judgeOther(c, "oci", left); !v.Agrees {
		t.Errorf("another runtime's mount point: %q", v.Problems)
	}
	if v := judge(c, "oci", left, nil); v.Agrees {
		t.Error("nsboot may not leave a mount point where a rule speaks")
	}
}
