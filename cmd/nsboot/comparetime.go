package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/nsboot/nsboot/internal/fsbench"
	"github.com/nsboot/nsboot/internal/fsview"
	"github.com/nsboot/nsboot/internal/trial"
	"github.com/nsboot/nsboot/internal/viewdiff"
)

// rounds is how often each runtime measures: in turns, so that what else the
// machine does hits all alike.
const rounds = 5

// measure has the runtimes that came up with a view measure in turns.
func (c *contest) measure(ctx context.Context, report *viewdiff.Report) error {
	names := make([]string, len(c.views))
	for i, v := range c.views {
		names[i] = v.Name
	}
	timer := viewdiff.NewTimer(names)
	failed := make([]bool, len(c.views))
	for round := range rounds {
		for i := range c.views {
			at := (i + round) % len(c.views)
			if failed[at] {
				continue
			}
			c.progress.step(fmt.Sprintf("%s: measuring, round %d of %d", names[at], round+1, rounds))
			reason, stderr := c.round(ctx, timer, at)
			if ctx.Err() != nil {
				return nil
			}
			if failed[at] = reason != ""; failed[at] {
				c.failures = append(c.failures, viewdiff.Failure{Name: names[at], Reason: "measuring: " + reason, Stderr: stderr})
			}
		}
	}
	report.Times = timer.Timings(fsbench.Ops())
	return nil
}

// round has one runtime measure once. reason is why it did not.
func (c *contest) round(ctx context.Context, timer *viewdiff.Timer, at int) (reason, stderr string) {
	bind, tmpfs := c.BenchPlaces()
	var out bytes.Buffer
	job := trial.Job{Probe: fsview.NewProbeName(), Out: &out, Bench: true}
	job.Args = []string{"view", "--time", "--json", "--probe-name", job.Probe, "/", "/tmp", bind, tmpfs}
	if end := c.Run(ctx, c.views[at].Runtime, job); end.Failed() {
		return end.Reason(), end.Stderr
	}
	err := timer.Add(at, fsview.NewReader(&out), func(path string) string {
		switch path {
		case bind:
			return "a bind"
		case tmpfs:
			return "a tmpfs"
		case "/":
			return "the root"
		}
		return path
	})
	if err != nil {
		return err.Error(), ""
	}
	return "", ""
}
