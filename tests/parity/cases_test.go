package parity

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rulesCovered are the rules of semantics.md that at least one case must exercise. C15 (descriptors handed over), section 6
// (pods) and section 7 (recorded plans) are not about one boot of one bundle and are tested elsewhere.
func rulesCovered() (rules []string) {
	for _, g := range []struct {
		letter string
		last   int
	}{{"C", 14}, {"S", 8}, {"T", 10}, {"P", 5}, {"E", 9}, {"D", 5}} {
		for i := 1; i <= g.last; i++ {
			rules = append(rules, fmt.Sprintf("%s%d", g.letter, i))
		}
	}
	return rules
}

func TestCasesCoverTheRules(t *testing.T) {
	cases := mustLoad(t)
	all := rulesCovered()
	seen := map[string]bool{}
	for _, c := range cases {
		if len(c.Rules) == 0 || !strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s: needs rules and a sentence as its first line", c.Name)
		}
		for _, r := range c.Rules {
			seen[r] = true
			if !slices.Contains(all, r) {
				t.Errorf("%s: there is no rule %s", c.Name, r)
			}
		}
	}
	for _, r := range all {
		if !seen[r] {
			t.Errorf("no case exercises rule %s", r)
		}
	}
}

// TestDivergencesAndCasesFit holds the table and the cases' nsboot sections together.
func TestDivergencesAndCasesFit(t *testing.T) {
	table, err := loadDivergences("testdata/divergences")
	if err != nil {
		t.Fatal(err)
	}
	unused := map[string]bool{}
	for key := range table {
		unused[key] = true
	}
	for _, c := range mustLoad(t) {
		for _, p := range profiles {
			key := caseProfile(c.Name, p)
			own := c.answer(p, instead) != nil
			if _, listed := table[key]; listed != own {
				t.Errorf("%s: listed in testdata/divergences: %v, has an nsboot section: %v", key, listed, own)
			}
			if own && c.answer(p, recorded, byRule) == nil {
				t.Errorf("%s: differs from nothing", key)
			}
			delete(unused, key)
		}
	}
	for key := range unused {
		t.Errorf("testdata/divergences lists %s, which does not exist", key)
	}
}

func TestParseCaseErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"header", "T.\nnonsense\n", "not `key: value`"},
		{"key", "T.\ncolour: red\n", "unknown header"},
		{"root", "T.\nroot: maybe\n", "neither ro nor rw"},
		{"args and probe", "T.\nargs: [\"a\"]\n-- probe --\nlist /\n", "either args or a probe"},
		{"neither", "T.\nroot: rw\n", "either args or a probe"},
		{"mount", "T.\n-- mounts --\na b c\n", "four columns"},
		{"config", "T.\n-- config --\n{\n", "not JSON"},
		{"section", "T.\n-- what --\nx\n", "unknown section"},
		{"profile", "T.\n-- rule runk --\nboots\n", "no profile is named"},
		{"twice", "T.\n-- rule oci --\nboots\n-- recorded oci --\nfails\n", "a second answer"},
		{"answer", "T.\n-- rule oci --\nsits\n", "neither boots nor fails"},
	} {
		if _, err := parseCase(tt.name, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

func mustLoad(t *testing.T) []*parityCase {
	t.Helper()
	cases, err := loadCases("testdata/cases")
	if err != nil {
		t.Fatal(err)
	}
	return cases
}
