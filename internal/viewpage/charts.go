package viewpage

import (
	"math"
	"strconv"

	"github.com/nsboot/nsboot/internal/viewdiff"
)

// colours is how many runtimes have a colour of their own.
const colours = 6

// scale is a logarithmic one, over whole decades of ns.
type scale struct{ from, decades int }

// scaleOf covers all that is drawn, so that all charts have the same one.
func scaleOf(times []viewdiff.Timing) scale {
	low, high := math.MaxFloat64, 1.0
	for _, t := range times {
		for _, s := range t.Stats {
			if s.Median > 0 {
				low, high = min(low, float64(s.Low)), max(high, float64(s.High))
			}
		}
	}
	from := int(math.Floor(math.Log10(min(low, high))))
	return scale{from, max(1, int(math.Ceil(math.Log10(high)))-from)}
}

// at is where a time is, in thousandths of the width.
func (s scale) at(ns int64) float64 {
	return 1000 * (math.Log10(float64(max(ns, 1))) - float64(s.from)) / float64(s.decades)
}

// charts shows what operations cost: a chart for each place.
func (p *page) charts(r *viewdiff.Report) {
	if len(r.Times) == 0 {
		return
	}
	p.raw("<h2>What it costs</h2>\n<p class=\"dim\">The median of all samples, with a line from the lower to the upper quarter; the scale is logarithmic. × is the ratio to ")
	p.text(r.A)
	p.raw(". The runtimes measured in turns, everything warm.</p>\n<div class=\"key\">")
	for i, s := range r.Times[0].Stats {
		p.raw("<span><i style=\"background:" + colour(i) + "\"></i>")
		p.text(s.Name)
		p.raw("</span>")
	}
	p.raw("</div>\n")
	sc := scaleOf(r.Times)
	for i := 0; i < len(r.Times); {
		n := i + 1
		for n < len(r.Times) && r.Times[n].Place == r.Times[i].Place {
			n++
		}
		p.chart(r.Times[i:n], sc)
		i = n
	}
}

func colour(i int) string { return "var(--c" + strconv.Itoa(i%colours) + ")" }

// chart is the chart of one place: a table whose middle column is drawn.
func (p *page) chart(times []viewdiff.Timing, sc scale) {
	p.raw("<h3>")
	p.text("On " + times[0].Place)
	p.raw("</h3>\n<table class=\"chart\"><thead><tr><th class=\"third\">Operation</th><th><div class=\"axis\">")
	for d := range sc.decades {
		p.raw(`<span style="left:` + short(100*float64(d)/float64(sc.decades)) + `%">`)
		p.text(viewdiff.Duration(int64(math.Pow10(sc.from + d))))
		p.raw("</span>")
	}
	p.raw("</div></th><th class=\"third\"></th></tr></thead>\n<tbody>\n")
	for _, t := range times {
		p.raw("<tr><td>")
		p.text(t.Op)
		p.raw("</td><td>")
		p.bars(t, sc)
		p.raw("</td><td class=\"values\">")
		for _, s := range t.Stats {
			p.raw("<div>")
			p.text(label(s))
			p.raw("</div>")
		}
		p.raw("</td></tr>\n")
	}
	p.raw("</tbody></table>\n")
}

// label is a time in words.
func label(s viewdiff.Stat) string {
	switch {
	case s.Median == 0 && s.Error == "":
		return "not measured"
	case s.Median == 0:
		return s.Error
	case s.Ratio > 0:
		return viewdiff.Duration(s.Median) + " ×" + viewdiff.Ratio(s.Ratio)
	}
	return viewdiff.Duration(s.Median)
}

// lineHeight is the height of a bar's line, in pixels, and of a line of values.
const lineHeight = 18

// bars draws the bars of one operation.
func (p *page) bars(t viewdiff.Timing, sc scale) {
	height := strconv.Itoa(lineHeight * len(t.Stats))
	p.raw(`<svg viewBox="0 0 1000 ` + height + `" height="` + height + `" preserveAspectRatio="none" role="img" aria-label="`)
	for i, s := range t.Stats {
		if i > 0 {
			p.raw(", ")
		}
		p.text(viewdiff.ShortName(s.Name) + " " + label(s))
	}
	p.raw(`">`)
	for d := range sc.decades + 1 {
		x := short(1000 * float64(d) / float64(sc.decades))
		p.raw(`<line class="g" x1="` + x + `" x2="` + x + `" y1="0" y2="` + height + `"/>`)
	}
	for i, s := range t.Stats {
		if s.Median == 0 {
			continue
		}
		y := lineHeight * i
		p.raw(`<rect x="0" y="` + strconv.Itoa(y+3) + `" width="` + short(sc.at(s.Median)) + `" height="12" style="fill:` + colour(i) + `"/>`)
		middle := strconv.Itoa(y + 9)
		p.raw(`<line class="w" x1="` + short(sc.at(s.Low)) + `" x2="` + short(sc.at(s.High)) + `" y1="` + middle + `" y2="` + middle + `"/>`)
	}
	p.raw("</svg>")
}

// short writes a coordinate.
func short(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }
