package parity

import (
	"fmt"
	"strings"
)

// A verdict is what one boot in one profile came to.
type verdict struct {
	Case, Profile string
	Kind          answerKind // what it was compared with: recorded or rule
	Agrees        bool       // loosely with a record, to the letter with a rule
	Strict        bool
	Divergence    string // the listed reason for differing, or empty
	Problems      []string
}

// compared is how closely an answer of a kind must be met.
func (k answerKind) compared() strictness {
	if k == recorded {
		return loose
	}
	return strict
}

// judge compares an answer of nsboot with what the case expects of it.
func judge(c *parityCase, profile string, got answer, table divergences) verdict {
	want := c.answer(profile, recorded, byRule)
	v, difference := compare(c, profile, want.Kind, want.Facts, got)
	v.Problems = standingProblems(c, profile, got)
	if d, listed := table[caseProfile(c.Name, profile)]; listed {
		v.Divergence = d.ID
		v.Problems = append(v.Problems, divergenceProblems(c, profile, got, v.Agrees)...)
		return v
	}
	if difference != "" {
		v.Problems = append(v.Problems, fmt.Sprintf("differs from the %s answer:\n%s", v.Kind, difference))
	}
	for _, s := range missingWords(want.Facts, got) {
		v.Problems = append(v.Problems, fmt.Sprintf("stderr does not contain %q:\n%s", s, got.Stderr))
	}
	return v
}

// compare compares any runtime's answer with an expected one and explains the difference.
func compare(c *parityCase, profile string, kind answerKind, want facts, got answer) (v verdict, difference string) {
	v = verdict{Case: c.Name, Profile: profile, Kind: kind}
	difference = disagreement(want, got, kind.compared())
	v.Agrees = difference == ""
	v.Strict = v.Agrees && disagreement(want, got, strict) == ""
	return v, difference
}

// judgeOther compares the answer of a runtime that is not nsboot, and so is not held to its promises.
func judgeOther(c *parityCase, profile string, got answer) verdict {
	want := c.answer(profile, recorded, byRule)
	v, difference := compare(c, profile, want.Kind, want.Facts.allowing(got), got)
	if difference != "" {
		v.Problems = []string{difference}
	}
	return v
}

// divergenceProblems holds a listed divergence to its nsboot section.
func divergenceProblems(c *parityCase, profile string, got answer, agrees bool) (problems []string) {
	if agrees {
		problems = append(problems, "is listed in testdata/divergences, but agrees with the oracle: take the row out")
	}
	own := c.answer(profile, instead)
	if own == nil {
		return append(problems, "is listed in testdata/divergences, but the case has no nsboot section: run with -update and read it")
	}
	if d := disagreement(own.Facts, got, strict); d != "" {
		problems = append(problems, "differs from the oracle otherwise than its nsboot section says:\n"+d)
	}
	for _, s := range missingWords(own.Facts, got) {
		problems = append(problems, fmt.Sprintf("stderr does not contain %q:\n%s", s, got.Stderr))
	}
	return problems
}

// standingProblems are the promises that hold for every boot of nsboot, whatever the case.
func standingProblems(c *parityCase, profile string, got answer) (problems []string) {
	if len(got.Mounts) > 0 {
		problems = append(problems, fmt.Sprintf("left mounts: %v", got.Mounts))
	}
	if strings.Contains(got.Stderr, "panic:") || strings.Contains(got.Stderr, "goroutine ") {
		problems = append(problems, "panicked:\n"+got.Stderr)
	}
	if !got.Boots {
		if !strings.Contains(got.Stderr, "nsboot: ") {
			problems = append(problems, fmt.Sprintf("failed (exit %d) without an error of its own: %q", got.Exit, got.Stderr))
		}
		if len(got.Host) > 0 {
			problems = append(problems, fmt.Sprintf("failed, and left on the host (S5): %q", got.Host))
		}
	}
	if c.ReadOnly || c.overlayFor(profile) != "" {
		var changes []string
		for _, h := range got.Host {
			if strings.HasPrefix(h[2:], "rootfs") {
				changes = append(changes, h)
			}
		}
		if len(changes) > 0 {
			problems = append(problems, fmt.Sprintf("changed a read-only or overlaid root (S5): %q", changes))
		}
	}
	return problems
}
