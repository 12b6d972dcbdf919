package docs

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts of README.md")

// root is the module's directory, seen from this package.
const root = "../.."

// documents are all documents for people, by path from the module's root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := make(map[string]string)
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			rel, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			docs[rel] = read(t, rel)
		}
	}
	if len(docs) < 5 {
		t.Fatalf("only %d documents found", len(docs))
	}
	return docs
}

// read reads a file of the module.
func read(t *testing.T, rel string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, rel))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// goFiles are the module's Go files of which name holds true.
func goFiles(t *testing.T, name func(string) bool) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin"):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(p, ".go") && name(p):
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			files[rel] = read(t, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A block is one fenced block of a document.
type block struct {
	lang, text string
	mark       string // the HTML comment right before it: "transcript"
	line       int
}

var markLine = regexp.MustCompile(`^<!-- ([a-z]+) -->$`)

// blocks are the fenced blocks of a document.
func blocks(text string) (out []block) {
	var current *block
	mark := ""
	for n, line := range strings.Split(text, "\n") {
		switch {
		case current == nil && strings.HasPrefix(line, "```"):
			current = &block{lang: line[3:], mark: mark, line: n + 1}
		case current != nil && line == "```":
			out = append(out, *current)
			current, mark = nil, ""
		case current != nil:
			current.text += line + "\n"
		case markLine.MatchString(line):
			mark = markLine.FindStringSubmatch(line)[1]
		case line != "":
			mark = ""
		}
	}
	return out
}

// table are the cells of every table row below a heading, the header and its
// rule left out.
func table(t *testing.T, text, heading string) (rows [][]string) {
	t.Helper()
	_, body, found := strings.Cut(text, "\n"+heading+"\n")
	if !found {
		t.Fatalf("no heading %q", heading)
	}
	n := 0
	for _, line := range strings.Split(body, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			return rows
		case !strings.HasPrefix(line, "|"):
			n = 0
		default:
			if n++; n > 2 {
				cells := strings.Split(strings.Trim(line, "| "), " | ")
				for i := range cells {
					cells[i] = strings.TrimSpace(cells[i])
				}
				rows = append(rows, cells)
			}
		}
	}
	return rows
}

var codeSpan = regexp.MustCompile("`([^`\n]+)`")

// codeSpans are the words in backticks of a text.
func codeSpans(text string) (out []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}
