package main

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	files, err := read(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	}
	bad := check(rules(), heavy(), files)
	for _, b := range bad {
		fmt.Fprintln(os.Stderr, "lint:", b)
	}
	if len(bad) > 0 {
		os.Exit(1)
	}
	fmt.Printf("lint: imports of %d files run one way\n", len(files))
}

// read parses the import clauses of every Go file of the module at root. Like the go command it passes over
// testdata, vendored packages and names that start with a dot or an underscore. Build constraints are not
// looked at: a file for another system keeps the rules too.
func read(root string) ([]source, error) {
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil, fmt.Errorf("run this at the root of the module: %w", err)
	}
	var files []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		hidden := name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
		if d.IsDir() {
			if hidden || base == "testdata" || base == "vendor" {
				return filepath.SkipDir
			}
			return nil
		}
		if hidden || filepath.Ext(base) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		imports, err := importsOf(name)
		files = append(files, source{file: filepath.ToSlash(rel), imports: imports})
		return err
	})
	if err == nil && len(files) == 0 {
		err = errors.New("no Go file found")
	}
	return files, err
}

// importsOf returns the import paths of one file.
func importsOf(name string) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []string
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", name, i.Path.Value, err)
		}
		imports = append(imports, p)
	}
	return imports, nil
}
