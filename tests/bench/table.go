package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A result is a runtime's part of a row: samples, or why there are none.
type result struct {
	runtime string
	samples []sample
	note    string
}

func (r result) median() time.Duration {
	w := r.sorted()
	n := len(w)
	return (w[(n-1)/2] + w[n/2]) / 2
}

func (r result) min() time.Duration { return r.sorted()[0] }

func (r result) sorted() []time.Duration {
	var w []time.Duration
	for _, s := range r.samples {
		w = append(w, s.wall)
	}
	slices.Sort(w)
	return w
}

// peak returns the largest resident set of all samples, in KiB.
func (r result) peak() int64 {
	var p int64
	for _, s := range r.samples {
		p = max(p, s.peak)
	}
	return p
}

// printRow prints the table of one row. Ratios are nsboot's time by the other's: below 1, nsboot is faster.
func printRow(out io.Writer, name string, results []result) error {
	var base result
	for _, r := range results {
		if r.runtime == "nsboot" {
			base = r
		}
	}
	fmt.Fprintf(out, "\n%s\n", name)
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\tmedian ms\tmin ms\tnsboot/X median\tmin\tpeak MiB\t")
	var notes []string
	for _, r := range results {
		if len(r.samples) == 0 {
			fmt.Fprintf(tw, "%s\t-\t-\t-\t-\t-\t\n", r.runtime)
			notes = append(notes, fmt.Sprintf("  %s: %s\n", r.runtime, r.note))
			continue
		}
		median, least := "-", "-"
		if len(base.samples) > 0 {
			median, least = ratio(base.median(), r.median()), ratio(base.min(), r.min())
		}
		peak := "-"
		if p := r.peak(); p > 0 {
			peak = fmt.Sprintf("%.1f", float64(p)/1024)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t\n", r.runtime, ms(r.median()), ms(r.min()), median, least, peak)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(out, strings.Join(notes, ""))
	return err
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }
