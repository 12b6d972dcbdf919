package viewdiff

import (
	"path"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/fsview"
)

// A Report is what nsboot compare prints as JSON.
type Report struct {
	Verdict     string        `json:"verdict"` // same, known, different or failed
	A           string        `json:"a"`
	Comparisons []*Comparison `json:"comparisons"`
	Failures    []Failure     `json:"failures,omitempty"`
	Times       []Timing      `json:"times,omitempty"` // in ns

	Seconds float64 `json:"seconds"`
	Memory  int64   `json:"memory"` // bytes, at most, of nsboot itself
}

// A Comparison is one of a report.
type Comparison struct {
	*Result
}

// A Failure is a runtime that did not come up with a view.
type Failure struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Stderr string `json:"stderr,omitempty"`
}

// Verdicts of a report, the worst last.
const (
	VerdictSame      = "same"
	VerdictKnown     = "known"
	VerdictDifferent = "different"
	VerdictFailed    = "failed"
)

// Judge sets the verdict.
func (r *Report) Judge() {
	r.Verdict = VerdictSame
	for _, c := range r.Comparisons {
		switch {
		case c.Counts.Different > 0:
			r.Verdict = VerdictDifferent
		case c.Counts.Known > 0 && r.Verdict == VerdictSame:
			r.Verdict = VerdictKnown
		}
	}
	if len(r.Failures) > 0 {
		r.Verdict = VerdictFailed
	}
}

// Printable escapes what would command a terminal, but keeps lines.
func Printable(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = fsview.Escape(l)
	}
	return strings.Join(lines, "\n")
}

// Bytes shows a number of bytes in the largest unit that it is a whole number
// of.
func Bytes(text string) string {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return text
	}
	i := 0
	for units := len("KMGTPE"); n%1024 == 0 && i < units; i++ {
		n /= 1024
	}
	return strconv.FormatUint(n, 10) + strings.TrimSpace(" KMGTPE"[i:i+1])
}

// ShortName is what a runtime is called where there is little room: the name of
// its program, or of a file.
func ShortName(name string) string {
	word, _, _ := strings.Cut(name, " ")
	return path.Base(word)
}
