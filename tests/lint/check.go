package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A source is one Go file: its path relative to the module, with slashes, and what it imports.
type source struct {
	file    string
	imports []string
}

// check returns a line for each import that the rules do not allow, in the order of the sources.
func check(rules []rule, heavy []string, files []source) []string {
	var bad []string
	for _, f := range files {
		if strings.HasSuffix(f.file, "_test.go") || below(f.file, "tests") {
			continue
		}
		r, ok := find(rules, path.Dir(f.file))
		if !ok {
			bad = append(bad, fmt.Sprintf("%s: package %s has no row in tests/lint/rules.go; add one that says what it may import",
				f.file, path.Dir(f.file)))
			continue
		}
		for _, imp := range f.imports {
			if why := r.refuses(f.file, imp, heavy); why != "" {
				bad = append(bad, fmt.Sprintf("%s: imports %s: %s", f.file, imp, why))
			}
		}
	}
	return bad
}

// find returns the row of the longest directory that dir is at or below.
func find(rules []rule, dir string) (rule, bool) {
	best := -1
	for i, r := range rules {
		if below(dir, r.dir) && (best < 0 || len(r.dir) > len(rules[best].dir)) {
			best = i
		}
	}
	if best < 0 {
		return rule{}, false
	}
	return rules[best], true
}

// refuses says why file may not import imp, or nothing if it may.
func (r rule) refuses(file, imp string, heavy []string) string {
	if own, ok := ownDir(imp); ok {
		if own == path.Dir(file) || slices.ContainsFunc(r.own, func(d string) bool { return below(own, d) }) {
			return ""
		}
		return fmt.Sprintf("%s may import of ours: %s", r.dir, list(r.own))
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		if slices.Contains(heavy, imp) {
			return "costs every boot start-up time"
		}
		return ""
	}
	i := slices.IndexFunc(r.others, func(m string) bool { return below(imp, m) })
	if i < 0 {
		return fmt.Sprintf("%s may import of others: %s", r.dir, list(r.others))
	}
	if allowed := r.limits[r.others[i]]; allowed != nil && !allowed(file) {
		return fmt.Sprintf("not in this file of %s (see its limits in tests/lint/rules.go)", r.dir)
	}
	return ""
}

// ownDir returns the directory of a package of ours.
func ownDir(imp string) (string, bool) {
	if imp == module {
		return ".", true
	}
	return strings.CutPrefix(imp, module+"/")
}

// below reports whether the slash-separated path p is dir or lies below it.
func below(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, dir+"/")
}

// list joins names for a message.
func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
