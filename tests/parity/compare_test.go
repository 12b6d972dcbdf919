package parity

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// strictness is how much of an answer is compared.
type strictness int

const (
	loose  strictness = iota // file modes aside
	strict                   // all of it
)

// An answer is what a runtime did with a case.
type answer struct {
	Boots    bool
	Exit     int
	Lines    []string
	Host     []string // "+ path ..." and "- path ..."
	Stderr   string
	Mounts   []string // mounts below the bundle that were not there before
	TimedOut bool
}

// modePattern finds a file mode in a probe line or a host line.
var modePattern = regexp.MustCompile(`mode \S+`)

// runtimesOwn is the directory that a runsc keeps in a pod's root (K1); listings are compared without it.
const runtimesOwn = "__runsc_containers__"

// disagreement returns a readable difference between the expected and the actual answer, empty if they agree. Both failing is
// agreement, whatever the words. On the host nothing may differ but for mount points that the expectation lists as left.
func disagreement(want facts, got answer, how strictness) string {
	if got.TimedOut {
		return "timed out\n"
	}
	if want.Boots != got.Boots {
		return fmt.Sprintf("want %s, got %s: %s\n", verb(want.Boots), verb(got.Boots), lastLine(got.Stderr))
	}
	if !want.Boots {
		return ""
	}
	wantLines, gotLines := aligned(want.Lines, got.Lines, how)
	var b strings.Builder
	if d := cmp.Diff(wantLines, gotLines); d != "" {
		fmt.Fprintf(&b, "what the probe printed (-want +got):\n%s", d)
	}
	var host []string
	needed, left := views(want.Host, how), views(want.Left, how)
	for _, l := range views(got.Host, how) {
		if anyMatches(needed, l) || !anyMatches(left, l) {
			host = append(host, l)
		}
	}
	wantHost, gotHost := aligned(want.Host, host, how)
	slices.Sort(wantHost)
	slices.Sort(gotHost)
	if d := cmp.Diff(wantHost, gotHost); d != "" {
		fmt.Fprintf(&b, "what changed on the host (-want +got):\n%s", d)
	}
	return b.String()
}

// missingWords lists the expected parts of stderr that are not in it.
func missingWords(want facts, got answer) (missing []string) {
	for _, s := range want.Says {
		if !strings.Contains(got.Stderr, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

// aligned brings both sides to the form in which they are compared: modes removed if loose, and a line that
// matches a wanted one with stars replaced by it.
func aligned(want, got []string, how strictness) (w, g []string) {
	w, g = views(want, how), views(got, how)
	for i, l := range g {
		for _, x := range w {
			if matchesStars(x, l) {
				g[i] = x
			}
		}
	}
	return w, g
}

func anyMatches(wanted []string, got string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool { return w == got || matchesStars(w, got) })
}

// matchesStars says whether the wanted line has a word `*` and is otherwise the other line.
func matchesStars(want, got string) bool {
	w, g := strings.Fields(want), strings.Fields(got)
	if !slices.Contains(w, "*") || len(w) != len(g) {
		return false
	}
	for i := range w {
		if w[i] != "*" && w[i] != g[i] {
			return false
		}
	}
	return true
}

func views(lines []string, how strictness) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		l = strings.TrimRight(strings.Replace(l, runtimesOwn+" ", "", 1), " ")
		if how == loose && !strings.Contains(l, "mode *") {
			l = modePattern.ReplaceAllString(l, "mode -")
		}
		out = append(out, l)
	}
	return out
}

// asFacts turns what a runtime did into an expectation for another: new directories and empty files may be mount points.
func (a answer) asFacts() facts {
	f := facts{Boots: a.Boots, Lines: a.Lines}
	for _, h := range a.Host {
		if strings.HasPrefix(h, "+ ") && (strings.Contains(h, " dir mode ") || strings.HasSuffix(h, " size 0")) {
			f.Left = append(f.Left, h)
		} else {
			f.Host = append(f.Host, h)
		}
	}
	return f
}

// allowing is the expectation for a runtime that, unlike nsboot, leaves its mount points on the host.
func (f facts) allowing(a answer) facts {
	f.Left = append(slices.Clone(f.Left), a.asFacts().Left...)
	return f
}

// text is the answer in the form of a case file's section.
func (f facts) text() string {
	var b strings.Builder
	b.WriteString(verb(f.Boots) + "\n")
	if f.Boots {
		for _, l := range f.Lines {
			b.WriteString(strings.TrimRight(l, " ") + "\n")
		}
		for _, h := range f.Host {
			b.WriteString("host: " + h + "\n")
		}
	}
	for _, s := range f.Says {
		b.WriteString("says: " + s + "\n")
	}
	return b.String()
}

func verb(boots bool) string {
	if boots {
		return "boots"
	}
	return "fails"
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '\n'); i >= 0 && len(s) > 400 {
		s = s[i+1:]
	}
	return s
}
