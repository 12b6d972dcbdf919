package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// progress tells a person who waits longer than a second what is going on: on a
// terminal in one line that is rewritten, elsewhere in a line for each step.
type progress struct {
	w        io.Writer
	terminal bool
	quit     chan struct{}
	done     chan struct{}

	mu    sync.Mutex
	what  string
	since time.Time
	lines int
	told  string
}

func newProgress(f *os.File) *progress {
	p := &progress{w: f, quit: make(chan struct{}), done: make(chan struct{}), since: time.Now()}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	p.terminal = err == nil && os.Getenv("TERM") != "dumb"
	go p.tell()
	return p
}

// step says what comes now.
func (p *progress) step(what string) {
	p.mu.Lock()
	p.what, p.since, p.lines = what, time.Now(), 0
	p.mu.Unlock()
}

// count counts the lines that are written to w.
func (p *progress) count(w io.Writer) io.Writer { return &lineCounter{p, w} }

type lineCounter struct {
	p *progress
	w io.Writer
}

func (c *lineCounter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.p.mu.Lock()
	c.p.lines += bytes.Count(b[:n], []byte{'\n'})
	c.p.mu.Unlock()
	return n, err
}

// tell speaks up each second.
func (p *progress) tell() {
	defer close(p.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			if p.terminal && p.told != "" {
				io.WriteString(p.w, "\r\x1b[K")
			}
			return
		case <-tick.C:
		}
		p.mu.Lock()
		text := "nsboot: " + p.what
		if p.terminal {
			text += fmt.Sprintf(": %d s", int(time.Since(p.since).Seconds()))
			if p.lines > 0 {
				text += fmt.Sprintf(", %d things seen", p.lines)
			}
		}
		p.mu.Unlock()
		switch {
		case p.terminal:
			io.WriteString(p.w, "\r\x1b[K"+harmless(text))
		case text != p.told:
			io.WriteString(p.w, harmless(text)+"\n")
		}
		p.told = text
	}
}

// stop ends it, and clears the line.
func (p *progress) stop() {
	close(p.quit)
	<-p.done
}
