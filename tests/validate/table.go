package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// row is what README.md says of a case.
type row struct {
	name    string
	verdict string // passes, fails, or: needs X
}

var rowLine = regexp.MustCompile("^\\| `([a-z_]+)` \\| (passes|fails|needs .+?) \\| ")

// table reads the rows of README.md.
func table(text string) (rows []row) {
	for line := range strings.Lines(text) {
		if m := rowLine.FindStringSubmatch(line); m != nil {
			rows = append(rows, row{m[1], m[2]})
		}
	}
	return rows
}

// missing reports what a row needs and the machine does not have: the files that
// are named, each in backquotes.
func missing(verdict string) string {
	for _, f := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(verdict, -1) {
		if _, err := os.Stat(f[1]); err != nil {
			return f[1]
		}
	}
	return ""
}

var notOK = regexp.MustCompile(`(?m)^\s*not ok\b.*$`)

// judge says how a case ended: nil if it passed. Its output is TAP; some cases say
// nothing where all is well.
func judge(tap, errs string, exit error) error {
	if exit != nil {
		return fmt.Errorf("%w: %s", exit, lastLine(errs))
	}
	if m := notOK.FindString(tap); m != "" {
		return errors.New(strings.TrimSpace(m))
	}
	if m := reported.FindString(tap); m != "" && !isOK.MatchString(tap) {
		return errors.New(strings.TrimSpace(m))
	}
	return nil
}

// Some cases tell of a failure beside the results.
var (
	reported = regexp.MustCompile(`(?m)^\s*"error": .*$`)
	isOK     = regexp.MustCompile(`(?m)^ok\b`)
)

// lastLine prefers what the runtime said to what the case made of it.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, l := range lines {
		if strings.HasPrefix(l, "nsboot: ") && !strings.HasPrefix(l, "nsboot: warning: ") {
			return l
		}
	}
	return lines[len(lines)-1]
}
