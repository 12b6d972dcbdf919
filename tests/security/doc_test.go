package security

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestDocument: docs/security.md names every attack of this package, and none
// that is neither here nor in another package of tests.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(string(text), -1) {
		named[name[1]] = true
	}
	files, err := filepath.Glob("../../tests/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Glob("../../internal/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, own...)
	there := map[string]bool{} // two packages may have a test of the same name
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test[A-Za-z]+)\(t \*testing\.T\)`).FindAllSubmatch(code, -1) {
			name := string(m[1])
			if here := filepath.Base(filepath.Dir(file)) == "security"; here && !named[name] && name != "TestDocument" {
				t.Errorf("%s has no row in docs/security.md", name)
			}
			there[name] = true
		}
	}
	for name := range named {
		if !there[name] {
			t.Errorf("docs/security.md names %s, which is not there", name)
		}
	}
}
