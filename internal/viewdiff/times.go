package viewdiff

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/fsview"
)

// A Timing is what an operation costs in one place under each runtime.
type Timing struct {
	Place string `json:"place"`
	Op    string `json:"operation"`
	Stats []Stat `json:"runtimes"` // nsboot's first
}

// A Stat is what an operation costs under one runtime, in ns: the median, and
// between which values the middle half of the samples lies.
type Stat struct {
	Name    string  `json:"name"`
	Median  int64   `json:"median,omitempty"`
	Low     int64   `json:"low,omitempty"`
	High    int64   `json:"high,omitempty"`
	Samples int     `json:"samples,omitempty"`
	Ratio   float64 `json:"ratio,omitempty"` // to nsboot's
	Error   string  `json:"error,omitempty"` // why there is no time
}

// A Timer collects samples of several rounds.
type Timer struct {
	names   []string
	samples map[sampled][]int64
	errors  map[sampled]string
	places  []string
}

// sampled is what is measured.
type sampled struct {
	place, op string
	runtime   int
}

// NewTimer returns a Timer for runtimes of these names, nsboot's first.
func NewTimer(names []string) *Timer {
	return &Timer{names: names, samples: map[sampled][]int64{}, errors: map[sampled]string{}}
}

// Add adds what a runtime measured in a round. label names a path as a place.
func (t *Timer) Add(runtime int, r *fsview.Reader, label func(path string) string) error {
	rec, err := r.Header()
	for ; err == nil; rec, err = r.Next() {
		if rec.Kind != fsview.KindTime {
			continue
		}
		place := label(rec.Path)
		if !slices.Contains(t.places, place) {
			t.places = append(t.places, place)
		}
		for op, text := range rec.Facts {
			k := sampled{place, op, runtime}
			list, ok := numbers(text)
			if !ok {
				t.errors[k] = fsview.Escape(text)
				continue
			}
			t.samples[k] = append(t.samples[k], list...)
		}
	}
	if err != io.EOF {
		return err
	}
	return nil
}

// numbers reads samples; what is none is the reason why there are none.
func numbers(text string) (list []int64, ok bool) {
	for _, word := range strings.Fields(text) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil || n < 1 {
			return nil, false
		}
		list = append(list, n)
	}
	return list, len(list) > 0
}

// Timings are the results, by place in the order in which they were met, and by
// operation in the order of ops.
func (t *Timer) Timings(ops []string) (list []Timing) {
	for _, place := range t.places {
		for _, op := range ops {
			timing := Timing{Place: place, Op: op}
			met := false
			for i, name := range t.names {
				s := stat(t.samples[sampled{place, op, i}])
				s.Name, s.Error = name, t.errors[sampled{place, op, i}]
				if len(timing.Stats) > 0 && s.Median > 0 && timing.Stats[0].Median > 0 {
					s.Ratio = math.Round(100*float64(s.Median)/float64(timing.Stats[0].Median)) / 100
				}
				met = met || s.Median > 0
				timing.Stats = append(timing.Stats, s)
			}
			if met {
				list = append(list, timing)
			}
		}
	}
	return list
}

func stat(samples []int64) Stat {
	if len(samples) == 0 {
		return Stat{}
	}
	slices.Sort(samples)
	at := func(part float64) int64 { return samples[int(part*float64(len(samples)-1)+0.5)] }
	return Stat{Median: at(0.5), Low: at(0.25), High: at(0.75), Samples: len(samples)}
}

// WriteTimes writes timings for people.
func WriteTimes(w io.Writer, list []Timing) error {
	b := bufio.NewWriter(w)
	place := ""
	for _, t := range list {
		if t.Place != place {
			place = t.Place
			fmt.Fprintf(b, "\nTimes on %s\n", place)
			line := fmt.Sprintf("  %-24s", "")
			for _, s := range t.Stats {
				line += fmt.Sprintf("%-32s", ShortName(s.Name))
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		line := fmt.Sprintf("  %-24s", t.Op)
		for _, s := range t.Stats {
			text := s.Error
			if s.Median > 0 {
				text = Duration(s.Median) + " (" + Duration(s.Low) + " to " + Duration(s.High) + ")"
			}
			if s.Ratio > 0 {
				text += " ×" + Ratio(s.Ratio)
			}
			line += text + strings.Repeat(" ", max(1, 32-len([]rune(text))))
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.Flush()
}

// Duration shows ns with three digits.
func Duration(ns int64) string {
	v, unit := float64(ns), "ns"
	for _, u := range [...]string{"µs", "ms", "s"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, u
	}
	return digits3(v) + " " + unit
}

// Ratio shows a ratio with three digits at most.
func Ratio(r float64) string { return digits3(r) }

func digits3(v float64) string {
	switch {
	case v < 9.995 && v != math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95 && v != math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}
