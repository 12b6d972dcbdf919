package pathres

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// TestJudge is E5 to E8 as decisions alone, those included that no test tree can
// bring about.
func TestJudge(t *testing.T) {
	failed := func(e syscall.Errno) finding {
		return finding{err: &PathError{Op: "open", Path: "/x", Err: e}}
	}
	file := finding{regular: true, read: true, exec: true}
	tests := []struct {
		rule string
		f    finding
		want [4]Verdict // 2018, 2019, runsc, oci
	}{
		{"found", file, [4]Verdict{Accept, Accept, Accept, Accept}},
		{"E5 ENOENT", failed(syscall.ENOENT), [4]Verdict{Next, Next, Next, Next}},
		{"E5 EACCES", failed(syscall.EACCES), [4]Verdict{Next, Next, Remember, Next}},
		{"E5 ESTALE", failed(syscall.ESTALE), [4]Verdict{Abort, Abort, Next, Next}},
		{"E6 ENOTDIR", failed(syscall.ENOTDIR), [4]Verdict{Abort, Abort, Next, Next}},
		{"E6 ELOOP", failed(syscall.ELOOP), [4]Verdict{Abort, Abort, Abort, Next}},
		{"another errno", failed(syscall.EIO), [4]Verdict{}},
		{"no errno at all", finding{err: errors.New("x")}, [4]Verdict{}},
		{"a magic link", finding{err: &PathError{Err: ErrMagicLink}}, [4]Verdict{}},
		{"E7 unreadable", finding{regular: true, exec: true}, [4]Verdict{Next, Next, Remember, Remember}},
		{"E7 not executable", finding{regular: true, read: true}, [4]Verdict{Next, Next, Remember, Remember}},
		{"E8 directory", finding{dir: true, read: true, exec: true}, [4]Verdict{Accept, Accept, Remember, Next}},
	}
	rules := [4]LookRules{RulesRunsc2018(), RulesRunsc2019(), RulesRunsc(), RulesOCI()}
	for _, tt := range tests {
		for i, r := range rules {
			if got, err := r.judge(tt.f); got != tt.want[i] || got == Abort && err == nil {
				t.Errorf("%s, rules %d: %v, %v, want %v", tt.rule, i, got, err, tt.want[i])
			}
		}
	}
}

// TestInterpreter follows what the kernel reads from a "#!" line.
func TestInterpreter(t *testing.T) {
	tests := []struct{ head, want string }{
		{"", ""}, {"#", ""}, {"#!", ""}, {"#!\n", ""}, {"x#!/bin/sh", ""}, {" #!/bin/sh", ""},
		{"#!/bin/sh\n", "/bin/sh"}, {"#!/bin/sh", "/bin/sh"}, {"#!/bin/sh -e x\n", "/bin/sh"},
		{"#! \t/bin/sh\t-e\n", "/bin/sh"}, {"#!sh\nx", "sh"}, {"#!/a\x00b\n", "/a"},
		{"#!" + strings.Repeat("a", 253) + "\n", strings.Repeat("a", 253)},
		{"#!" + strings.Repeat("a", 254), ""}, // cut off
		{"#!" + strings.Repeat("a", 300) + "\n", ""},
	}
	for _, tt := range tests {
		if got := interpreter([]byte(tt.head)); got != tt.want {
			t.Errorf("interpreter(%.30q) = %q, want %q", tt.head, got, tt.want)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	tests := []struct{ err, want string }{
		{(&PathError{Op: "open", Path: "/a", Err: syscall.ENOENT}).Error(), "open /a: no such file or directory"},
		{(&PathError{Op: "open", Path: "/a", At: "/a", Err: syscall.ENOENT}).Error(), "open /a: no such file or directory"},
		{(&PathError{Op: "open", Path: "/a/b", At: "/a", Err: syscall.ENOTDIR}).Error(), "open /a/b: /a: not a directory"},
		{(&PathError{Op: "open", Path: "/a\n\x1b[2Jb c", Err: syscall.ENOENT}).Error(), `open "/a\n\x1b[2Jb c": no such file or directory`},
	}
	for _, tt := range tests {
		if tt.err != tt.want {
			t.Errorf("got  %s\nwant %s", tt.err, tt.want)
		}
	}
}
