package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	const text = "| case | nsboot | runc | why |\n|---|---|---|---|\n| `a_b` | passes | fails | x |\n| `c` | needs y: `/nosuch/file` | fails | |\n| `d` | perhaps | fails | |\n"
	if d := cmp.Diff([]row{{"a_b", "passes"}, {"c", "needs y: `/nosuch/file`"}}, table(text), cmp.AllowUnexported(row{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := missing("needs y: `/nosuch/file`"); got != "/nosuch/file" {
		t.Errorf("missing: %q", got)
	}
	if got := missing("needs y: `/proc/self/status`"); got != "" {
		t.Errorf("missing: %q", got)
	}
}

// TestRows: each case that is built has a row, and each row is built.
func TestRows(t *testing.T) {
	mod, err := os.ReadFile("cases/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows, built []string
	for _, r := range table(string(text)) {
		rows = append(rows, r.name)
	}
	for line := range strings.Lines(string(mod)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "runtime-tools/validation/"); ok {
			built = append(built, name)
		}
	}
	if d := cmp.Diff(built, rows); d != "" {
		t.Errorf("-built +rows:\n%s", d)
	}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		tap, errs string
		exit      error
		want      string
	}{
		"good":                      {"ok 1 - x\n1..1\n", "", nil, ""},
		"nothing to say":            {"TAP version 13\n1..0\n", "", nil, ""},
		"one of two":                {"ok 1 - x\nnot ok 2 - y\n", "", nil, "not ok 2 - y"},
		"within another's":          {"not fine\n  not ok 2 - y\nok 1\n", "", nil, "not ok 2 - y"},
		"told beside the results":   {"TAP version 13\n  ---\n  \"error\": \"z\"\n1..0\n", "", nil, `"error": "z"`},
		"told of what was expected": {"ok 1 - it fails\n  \"error\": \"z\"\n", "", nil, ""},
		"exit":                      {"ok 1\n", "nsboot: warning: w\nnsboot: x is y\n  hint: h\nexit status 125\n", errors.New("exit status 1"), "exit status 1: nsboot: x is y"},
		"exit of another":           {"", "first\nlast\n", errors.New("exit status 1"), "exit status 1: last"},
	} {
		got := ""
		if err := judge(c.tap, c.errs, c.exit); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestEdit(t *testing.T) {
	const config = `{"mounts":[{"options":["bind","mode=755","ro"],"type":"none"},{"options":["mode=755"],"type":"tmpfs"}],"process":{"capabilities":{"bounding":["CAP_KILL","CAP_SYS_RESOURCE"]},"rlimits":[{"hard":18446744073709551615}]}}`
	for mayRaise, want := range map[bool]string{
		true:  strings.Replace(config, `"mode=755","ro"`, `"ro"`, 1),
		false: strings.Replace(strings.Replace(config, `"mode=755","ro"`, `"ro"`, 1), `,"CAP_SYS_RESOURCE"`, "", 1),
	} {
		got, err := edit([]byte(config), mayRaise)
		if err != nil || string(got) != want {
			t.Errorf("%v: %s, %v, want %s", mayRaise, got, err, want)
		}
	}
}
