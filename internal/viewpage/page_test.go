package viewpage

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/internal/fsview"
	"github.com/nsboot/nsboot/internal/viewdiff"
)

const evil = `<script>alert("1")</script>&'` + "\x1b[31m"

// report has something of everything, with names that nobody should give.
func report() *viewdiff.Report {
	r := &viewdiff.Result{
		A: "nsboot", B: "/opt/" + evil + " --flag", Counts: viewdiff.Counts{Same: 1234567, Known: 2, Different: 1}, Entries: [2]int{3, 4}, Cut: fsview.Escape("/" + evil),
		Mounts: []*viewdiff.Mount{
			{Counts: viewdiff.Counts{Same: 1}},
			{Path: fsview.Escape("/" + evil), A: map[string]string{"type": "tmpfs", "access": "rw", "atime": "relatime", "size": "1048576"}, Counts: viewdiff.Counts{Same: 1, Known: 1, Different: 1},
				Differences: []viewdiff.Difference{
					{Class: viewdiff.Different, Kind: fsview.KindMount, A: viewdiff.Here, B: viewdiff.Gone},
					{Class: viewdiff.Known, Row: "seen-atime", Kind: fsview.KindEntry, Fact: "mode", A: "0755", B: fsview.Escape(evil), Paths: strings.Split(strings.Repeat("/p ", 40), " "), Below: 7},
				}},
		},
		Tree: viewdiff.Tree{Pruned: true, Omitted: 9, Rows: []viewdiff.TreeRow{
			{Path: "/", A: "d0755 0:0", B: "d0755 0:0", Class: viewdiff.Same},
			{Path: fsview.Escape("/" + evil), A: "-0644 0:0 1", Class: viewdiff.Different, Same: 5, Below: 2},
			{Path: "/known", A: "-0644 0:0 1", B: "-0600 0:0 1", Class: viewdiff.Known},
		}},
	}
	return &viewdiff.Report{
		Verdict: viewdiff.VerdictFailed, A: "nsboot", Comparisons: []*viewdiff.Comparison{{Result: r}}, Seconds: 1.25, Memory: 12 << 20,
		Failures: []viewdiff.Failure{{Name: evil, Reason: "exit code 1", Stderr: "one\n" + evil}},
		Times: []viewdiff.Timing{
			{Place: "the root", Op: "stat", Stats: []viewdiff.Stat{{Name: "nsboot", Median: 900, Low: 800, High: 1000, Samples: 9}, {Name: evil, Median: 20000, Low: 15000, High: 90000, Ratio: 22.2}}},
			{Place: "/tmp", Op: "rename", Stats: []viewdiff.Stat{{Name: "nsboot", Error: "EROFS"}, {Name: evil}}},
		},
	}
}

// TestPage: the page is well formed, asks for nothing, and text is text.
func TestPage(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, report()); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, bad := range []string{"<script", "http:", "https:", "src=", "url(", "@import", "\x1b", "onload"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for _, want := range []string{
		"Content-Security-Policy", "prefers-color-scheme: dark", "@media print", "A runtime failed", "&lt;script&gt;", `\x1b[31m`, "1,234,567", "seen-atime",
		"and 16 more", "with 7 below", "5 the same", "and 9 more rows", "not mounted", "size 1M", "20 µs ×22.2", "EROFS", "not measured", "12 MiB", "one\n&lt;",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not contain %q", want)
		}
	}
	wellFormed(t, text)
}

// wellFormed checks that each element that is opened is closed.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	var open []string
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local != "meta" && e.Name.Local != "br" {
				open = append(open, e.Name.Local)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("</%s> closes %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("left open: %v", open)
	}
}

func TestHeadline(t *testing.T) {
	one := func(verdict string, c viewdiff.Counts) *viewdiff.Report {
		return &viewdiff.Report{Verdict: verdict, Comparisons: []*viewdiff.Comparison{{Result: &viewdiff.Result{Counts: c}}}}
	}
	for want, r := range map[string]*viewdiff.Report{
		"No difference":                  one(viewdiff.VerdictSame, viewdiff.Counts{Same: 1}),
		"No unknown difference, 1 known": one(viewdiff.VerdictKnown, viewdiff.Counts{Known: 1}),
		"1,000 unknown differences":      one(viewdiff.VerdictDifferent, viewdiff.Counts{Different: 1000}),
		"A runtime failed":               one(viewdiff.VerdictFailed, viewdiff.Counts{}),
		"Unknown differences":            {Verdict: viewdiff.VerdictDifferent},
	} {
		if got := Headline(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestScale: all times are on the scale, each decade as wide as the others.
func TestScale(t *testing.T) {
	s := scaleOf(report().Times)
	if s.from != 2 || s.decades != 3 {
		t.Errorf("%+v, want three decades from 100 ns", s)
	}
	for ns, want := range map[int64]string{100: "0.0", 1000: "333.3", 10000: "666.7", 100000: "1000.0"} {
		if got := short(s.at(ns)); got != want {
			t.Errorf("%d ns is at %s, want %s", ns, got, want)
		}
	}
}
