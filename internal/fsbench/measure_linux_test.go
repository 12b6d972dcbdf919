package fsbench

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nsboot/nsboot/internal/fsview"
	"golang.org/x/sys/unix"
)

// TestMeasure: every operation has samples, and nothing is left.
func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	var before, after unix.Stat_t
	if err := unix.Stat(dir, &before); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Measure(fsview.NewWriter(&b), Options{Places: []string{dir, dir}}); err != nil {
		t.Fatal(err)
	}
	r := fsview.NewReader(&b)
	if _, err := r.Header(); err != nil {
		t.Fatal(err)
	}
	rec, err := r.Next()
	if err != nil || rec.Kind != fsview.KindTime || rec.Path != dir {
		t.Fatalf("%+v, %v", rec, err)
	}
	for _, op := range Ops() {
		list := strings.Fields(rec.Facts[op])
		if len(list) < least || len(list) > samples {
			t.Errorf("%s: %q", op, rec.Facts[op])
		}
		for _, s := range list {
			if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < 1 {
				t.Errorf("%s: a sample of %q", op, s)
			}
		}
	}
	if len(rec.Facts) != len(Ops()) {
		t.Errorf("%d facts, want %d", len(rec.Facts), len(Ops()))
	}
	if err := unix.Stat(dir, &after); err != nil || after.Mtim != before.Mtim {
		t.Errorf("the times of the directory: %v, were %v, %v", after.Mtim, before.Mtim, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// TestNotWritable: what can be read is measured, and why nothing else.
func TestNotWritable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/data", make([]byte, 2*large), 0o644); err != nil {
		t.Fatal(err)
	}
	facts := measure(dir, &Options{Name: "no/such/directory"})
	if got := facts[OpCreate]; got != "ENOENT" {
		t.Errorf("create: %q", got)
	}
	for _, op := range []string{OpStat, OpOpen, OpRead4K, OpRead1M, OpFault} {
		if len(strings.Fields(facts[op])) < least {
			t.Errorf("%s: %q", op, facts[op])
		}
	}
}

func TestStopped(t *testing.T) {
	stop := new(atomic.Bool)
	stop.Store(true)
	if err := Measure(fsview.NewWriter(io.Discard), Options{Places: []string{t.TempDir()}, Stop: stop}); !errors.Is(err, fsview.ErrStopped) {
		t.Errorf("%v", err)
	}
}
