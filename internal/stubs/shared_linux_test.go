package stubs

import (
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/pathres"
)

// Concurrent boots of one tree: the last one removes, also for the dead.
func TestShared(t *testing.T) {
	p := newPlace(t)
	first, second := p.open(true), p.open(true)
	third := p.open(false)
	if third == nil {
		t.Fatal("a live boot's journal was not joined")
	}
	p.make(first, "/a", false)
	p.make(second, "/b", false)
	p.close(first)
	p.want(true, "a", "b")
	crash(second)
	fourth := p.open(true)
	p.want(true, "a", "b") // the third may be using them
	p.close(third)
	p.want(true, "a", "b")
	p.close(fourth)
	p.want(false)
}

// Boots that start, crash and end at the same time: a stub never disappears while
// its user holds the journal, and nothing is left in the end.
func TestRace(t *testing.T) {
	p := newPlace(t)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for round := range 1500 {
				if worker >= 4 { // a boot that makes nothing: it clears up after the dead
					j, err := Open(p.state, p.root, p.base, false)
					if err != nil {
						t.Error(err)
					}
					if err := j.Close(); err != nil {
						t.Error(err)
					}
					continue
				}
				j, err := Open(p.state, p.root, p.base, true)
				if err != nil {
					t.Error(err)
					return
				}
				fd, _, err := p.root.Make("/a/b", pathres.MakeOptions{DirMode: 0o755, Before: j.Before, Made: j.Made})
				if err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
				var st unix.Stat_t
				if err := unix.Fstat(fd, &st); err != nil || st.Nlink == 0 {
					t.Errorf("the stub is gone while in use: %d links, %v", st.Nlink, err)
				}
				unix.Close(fd)
				if (worker+round)%5 == 0 {
					crash(j)
				} else if err := j.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	p.close(p.open(false))
	p.want(false)
}
