package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestHoldWarnings: a pipe gets a warning only with an error, and then before it;
// a file gets it at once, and so does a pipe with --debug.
func TestHoldWarnings(t *testing.T) {
	for _, c := range []struct {
		name               string
		pipe, debug, fails bool
		want               string
	}{
		{"pipe", true, false, false, ""},
		{"pipe, failed", true, false, true, "nsboot: warning: w\nnsboot: e\n"},
		{"pipe, debug", true, true, false, "nsboot: warning: w\n"},
		{"file", false, false, true, "nsboot: warning: w\nnsboot: e\n"},
		{"file", false, false, false, "nsboot: warning: w\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := outputs(t, c.pipe)
			l := &logger{w: w, debug: c.debug}
			l.holdWarnings()
			l.warning("w")
			if c.fails {
				l.error("e", "")
			}
			w.Close()
			if got, err := io.ReadAll(r); err != nil || string(got) != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// outputs is something to write to and the same to read from.
func outputs(t *testing.T, pipe bool) (w, r *os.File) {
	t.Helper()
	var err error
	if pipe {
		r, w, err = os.Pipe()
	} else if w, err = os.Create(filepath.Join(t.TempDir(), "f")); err == nil {
		r, err = os.Open(w.Name())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close(); r.Close() })
	return w, r
}
