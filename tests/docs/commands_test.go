package docs

import (
	"regexp"
	"strings"
	"testing"
)

var (
	flagDefined  = regexp.MustCompile(`Var(?:P)?\(&[^,]+, "([a-z-]+)"`)
	flagCited    = regexp.MustCompile(`(^|[\s\x60])--([a-z][a-z0-9-]+)`)
	commandNamed = regexp.MustCompile(`(?m)^\s*\{"([a-z]+)", `)
	commandCited = regexp.MustCompile(`(?:^|[\s(])(?:\./bin/)?nsboot ((?:--[a-z-]+(?:=\S+)? )*)([a-z]+)\b`)
	targetMade   = regexp.MustCompile(`(?m)^([a-z0-9]+):`)
	targetCited  = regexp.MustCompile(`\bmake ([a-z0-9]+)\b`)
)

// foreignFlags are those of other programs that documents show.
var foreignFlags = map[string]bool{
	"network": true, "platform": true, "overlay2": true, // runsc
	"user": true, "map-root-user": true, "mount": true, // unshare
	"one-file-system": true,                                                                                                                                                                      // rm
	"rm":              true, "volume": true, "name": true, "time": true, "tmpfs": true, "ulimit": true, "memory": true, "tag": true, "security-opt": true, "isolation": true, "privileged": true, // podman
	"runc-binary": true, // ctr
	"force":       true, // nsboot delete; read by hand
	"help":        true,
}

// TestFlagsExist: each flag of nsboot that a document names is defined.
func TestFlagsExist(t *testing.T) {
	defined := map[string]bool{}
	for _, text := range goFiles(t, func(p string) bool { return strings.Contains(p, "cmd/nsboot/") }) {
		for _, m := range flagDefined.FindAllStringSubmatch(text, -1) {
			defined[m[1]] = true
		}
	}
	if len(defined) < 10 {
		t.Fatalf("only %d flags found in cmd/nsboot", len(defined))
	}
	for name, text := range documents(t) {
		for _, m := range flagCited.FindAllStringSubmatch(text, -1) {
			if !defined[m[2]] && !foreignFlags[m[2]] {
				t.Errorf("%s names --%s, which nsboot does not have", name, m[2])
			}
		}
	}
}

// TestCommandsExist: each command in code that a document names is there.
func TestCommandsExist(t *testing.T) {
	defined := map[string]bool{"help": true}
	for _, m := range commandNamed.FindAllStringSubmatch(read(t, "cmd/nsboot/main.go"), -1) {
		defined[m[1]] = true
	}
	if len(defined) < 8 {
		t.Fatalf("only %d commands found in cmd/nsboot/main.go", len(defined))
	}
	for name, text := range documents(t) {
		for _, code := range codeOf(text) {
			for _, m := range commandCited.FindAllStringSubmatch(code, -1) {
				if !defined[m[2]] {
					t.Errorf("%s names the command nsboot %s, which does not exist", name, m[2])
				}
			}
		}
	}
}

// TestTargetsExist: each make target that a document names is in the Makefile.
func TestTargetsExist(t *testing.T) {
	defined := map[string]bool{}
	for _, m := range targetMade.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		defined[m[1]] = true
	}
	for name, text := range documents(t) {
		for _, code := range codeOf(text) {
			for _, m := range targetCited.FindAllStringSubmatch(code, -1) {
				if !defined[m[1]] {
					t.Errorf("%s names make %s, which the Makefile does not have", name, m[1])
				}
			}
		}
	}
}

// codeOf are the commands of a document: its words in backticks and, of its
// blocks, the lines that are typed.
func codeOf(text string) []string {
	out := codeSpans(withoutBlocks(text))
	for _, b := range blocks(text) {
		switch b.lang {
		case "sh":
			out = append(out, strings.Split(b.text, "\n")...)
		case "console":
			for _, line := range strings.Split(b.text, "\n") {
				if typed, ok := strings.CutPrefix(line, "$ "); ok {
					out = append(out, typed)
				}
			}
		}
	}
	return out
}
