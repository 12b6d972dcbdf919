package parity

import (
	"fmt"
	"os"
	"strings"
)

// A divergence is one reason for which nsboot's answer is not the oracle's: a row of DIVERGENCES.md.
type divergence struct {
	ID     string
	Reason string
}

// A divergences table says which case differs in which profile, and why.
type divergences map[string]divergence // by caseProfile

// caseProfile is the key of one boot.
func caseProfile(name, profile string) string { return name + " " + profile }

// loadDivergences reads testdata/divergences: a line `ID: reason`, then a line `CASE PROFILE...`, indented, for each case.
func loadDivergences(path string) (divergences, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	table := divergences{}
	var current divergence
	for n, line := range strings.Split(string(text), "\n") {
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
		case !indented:
			id, reason, ok := strings.Cut(line, ": ")
			if !ok {
				return nil, fmt.Errorf("%s:%d: not `ID: reason`", path, n+1)
			}
			current = divergence{id, reason}
		case current.ID == "" || len(fields) < 2:
			return nil, fmt.Errorf("%s:%d: not `CASE PROFILE...` below an ID", path, n+1)
		default:
			for _, p := range fields[1:] {
				key := caseProfile(fields[0], p)
				if _, twice := table[key]; twice {
					return nil, fmt.Errorf("%s:%d: %s stands twice", path, n+1, key)
				}
				table[key] = current
			}
		}
	}
	return table, nil
}

// withDivergences returns the text of a case file with its nsboot sections replaced by the given answers, equal ones together.
func withDivergences(text string, answers map[string]string) string {
	kept, skipping := []string{}, false
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "-- ") {
			skipping = strings.HasPrefix(line, "-- "+string(instead)+" ")
		}
		if !skipping {
			kept = append(kept, line)
		}
	}
	out := strings.TrimRight(strings.Join(kept, "\n"), "\n") + "\n"
	done := map[string]bool{}
	for _, p := range profiles {
		body, listed := answers[p]
		if !listed || done[p] {
			continue
		}
		var same []string
		for _, q := range profiles {
			if b, ok := answers[q]; ok && b == body {
				same, done[q] = append(same, q), true
			}
		}
		out += fmt.Sprintf("\n-- %s %s --\n%s", instead, strings.Join(same, " "), body)
	}
	return out
}
