package viewdiff

// A Report is what nsboot compare prints as JSON.
type Report struct {
	Verdict     string        `json:"verdict"` // same, known, different or failed
	A           string        `json:"a"`
	Comparisons []*Comparison `json:"comparisons"`
	Failures    []Failure     `json:"failures,omitempty"`

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
