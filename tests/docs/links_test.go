package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks: a relative link leads to a file of the project, and its fragment
// to a heading of that file.
func TestLinks(t *testing.T) {
	docs := documents(t)
	for name, text := range docs {
		for _, m := range link.FindAllStringSubmatch(withoutBlocks(text), -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			rel := name
			if target != "" {
				rel = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(filepath.Join(root, rel)); err != nil {
				t.Errorf("%s: link to %s: %v", name, m[1], err)
				continue
			}
			if fragment != "" && !slices.Contains(anchors(docs[rel]), fragment) {
				t.Errorf("%s: link to %s: no such heading; there are %q", name, m[1], anchors(docs[rel]))
			}
		}
	}
}

// anchors are the fragments of a document's headings, as hosts of Markdown make
// them.
func anchors(text string) (out []string) {
	for _, line := range strings.Split(withoutBlocks(text), "\n") {
		head := strings.TrimLeft(line, "#")
		if head == line || !strings.HasPrefix(head, " ") {
			continue
		}
		var b strings.Builder
		for _, r := range strings.ToLower(strings.TrimSpace(head)) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				b.WriteRune(r)
			}
		}
		out = append(out, b.String())
	}
	return out
}

// withoutBlocks is a document without its fenced blocks.
func withoutBlocks(text string) string {
	for _, b := range blocks(text) {
		text = strings.Replace(text, "```"+b.lang+"\n"+b.text+"```\n", "", 1)
	}
	return text
}

var citedDocument = regexp.MustCompile(`\b(docs/)?[A-Za-z]+\.md\b`)

// TestCitedDocuments: a document that the code points at exists.
func TestCitedDocuments(t *testing.T) {
	docs := documents(t)
	for name, text := range goFiles(t, func(p string) bool { return !strings.Contains(p, "tests/docs/") }) {
		for _, cited := range citedDocument.FindAllString(text, -1) {
			if _, ok := docs[cited]; !ok && docs["docs/"+cited] == "" {
				t.Errorf("%s points at %s, which does not exist", name, cited)
			}
		}
	}
}

var (
	ruleDefined = regexp.MustCompile(`(?m)^\| ([CSTPEKD][0-9]{1,2}) \|`)
	ruleCited   = regexp.MustCompile(`\b[CSTPEKD][0-9]{1,2}\b`)
	comment     = regexp.MustCompile(`(?m)//.*$|"(?:rules?: |[^"]*\()[^"]*"|Rule: +"[^"]*"`)
)

// TestRulesExist: every rule number that code, cases and documents cite stands
// in docs/semantics.md.
func TestRulesExist(t *testing.T) {
	var defined []string
	for _, m := range ruleDefined.FindAllStringSubmatch(read(t, "docs/semantics.md"), -1) {
		if slices.Contains(defined, m[1]) {
			t.Errorf("docs/semantics.md defines %s twice", m[1])
		}
		defined = append(defined, m[1])
	}
	if len(defined) < 55 {
		t.Fatalf("only %d rules found in docs/semantics.md", len(defined))
	}
	cited := 0
	check := func(name, text string) {
		for _, rule := range ruleCited.FindAllString(text, -1) {
			if cited++; !slices.Contains(defined, rule) {
				t.Errorf("%s cites %s: no such rule in docs/semantics.md", name, rule)
			}
		}
	}
	for name, text := range goFiles(t, func(string) bool { return true }) {
		for _, c := range comment.FindAllString(text, -1) {
			check(name, c)
		}
	}
	for name, text := range documents(t) {
		check(name, text)
	}
	cases, err := filepath.Glob(filepath.Join(root, "tests/parity/testdata/cases/*.case"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		text, err := os.ReadFile(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if rules, ok := strings.CutPrefix(line, "rules: "); ok {
				check(filepath.Base(c), rules)
			}
		}
	}
	if cited < 500 {
		t.Errorf("only %d citations found: the search is broken", cited)
	}
}
