package parity

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// summary is the table of what the boots came to.
func (r *results) summary(subject string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\trecorded: loose\tstrict\trules\tlisted divergences\tproblems\n", subject)
	for _, p := range profiles {
		var rec, recLoose, recStrict, rules, met, listed, problems int
		for _, v := range r.verdicts {
			if v.Profile != p {
				continue
			}
			if v.Kind == recorded {
				rec++
				recLoose += one(v.Agrees)
				recStrict += one(v.Strict)
			} else {
				rules++
				met += one(v.Agrees)
			}
			listed += one(v.Divergence != "")
			problems += one(len(v.Problems) > 0)
		}
		if rec+rules > 0 {
			fmt.Fprintf(w, "%s\t%d/%d\t%d/%d\t%d/%d\t%d\t%d\n", p, recLoose, rec, recStrict, rec, met, rules, listed, problems)
		}
	}
	w.Flush()
	for _, p := range profiles {
		if off := r.differing(p); len(off) > 0 {
			fmt.Fprintf(&b, "differs in %s: %s\n", p, strings.Join(off, ", "))
		}
	}
	return b.String()
}

// differing names the cases of a profile that do not agree, each with its reason if it is listed.
func (r *results) differing(profile string) (names []string) {
	for _, v := range r.verdicts {
		switch {
		case v.Profile != profile || v.Agrees:
		case v.Divergence != "":
			names = append(names, v.Case+" ("+v.Divergence+")")
		default:
			names = append(names, v.Case)
		}
	}
	sortCaseNames(names)
	return names
}

// sortCaseNames puts the numbered cases first, by number, and then the named ones.
func sortCaseNames(names []string) {
	slices.SortFunc(names, func(a, b string) int {
		if d := caseNumber(a) - caseNumber(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
