package viewpage

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/viewdiff"
)

// page writes HTML. What is not markup of its own goes through text.
type page struct {
	w      *bufio.Writer
	escape *strings.Replacer
}

// Write writes the page of a report.
func Write(w io.Writer, r *viewdiff.Report) error {
	p := &page{bufio.NewWriter(w), strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")}
	p.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>")
	p.text("nsboot compare: " + strings.ToLower(Headline(r)[:1]) + Headline(r)[1:])
	p.raw("</title>\n<style>" + style + "</style>\n</head>\n<body>\n")
	p.summary(r)
	p.charts(r)
	for i, c := range r.Comparisons {
		p.comparison(i, c.Result)
	}
	p.raw("</body>\n</html>\n")
	return p.w.Flush()
}

// Headline is the verdict of a report in a few words.
func Headline(r *viewdiff.Report) string {
	switch {
	case r.Verdict == viewdiff.VerdictFailed:
		return "A runtime failed"
	case len(r.Comparisons) == 1:
		v := r.Comparisons[0].Verdict()
		return strings.ToUpper(v[:1]) + v[1:]
	case r.Verdict == viewdiff.VerdictSame:
		return "No difference"
	case r.Verdict == viewdiff.VerdictKnown:
		return "No unknown difference"
	}
	return "Unknown differences"
}

func (p *page) raw(s string) { p.w.WriteString(s) }

// text writes what somebody else has named. HTML has no control characters.
func (p *page) text(s string) {
	p.escape.WriteString(p.w, strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, s))
}

// cell writes a table cell of a class.
func (p *page) cell(class, s string) {
	p.raw("<td")
	if class != "" {
		p.raw(` class="` + class + `"`)
	}
	p.raw(">")
	p.text(s)
	p.raw("</td>")
}

func (p *page) counts(c viewdiff.Counts) {
	for _, n := range [...]int{c.Same, c.Known, c.Different} {
		p.cell("n", viewdiff.Number(n))
	}
}

// chip writes a word that stands out.
func (p *page) chip(class, word string) {
	p.raw(`<span class="chip ` + class + `">`)
	p.text(word)
	p.raw("</span>")
}

// letter is the class of a row.
func letter(c viewdiff.Class) string {
	switch c {
	case viewdiff.Known:
		return "k"
	case viewdiff.Different:
		return "d"
	}
	return "s"
}

// summary is the head of the page.
func (p *page) summary(r *viewdiff.Report) {
	p.raw("<h1>")
	p.text(Headline(r))
	p.raw("</h1>\n<p class=\"dim\">File systems of a container under <code>")
	p.text(r.A)
	p.raw("</code> and others, as its process sees them. <em>Known</em> is what a row of DIVERGENCES.md explains, <em>different</em> what none does. Took " +
		strconv.FormatFloat(r.Seconds, 'f', 1, 64) + " s and " + strconv.FormatInt(r.Memory>>20, 10) + " MiB.</p>\n")
	if len(r.Comparisons) > 0 {
		p.raw("<table><thead><tr><th>Compared with</th><th class=\"n\">Same</th><th class=\"n\">Known</th><th class=\"n\">Differ</th><th class=\"n wide\">In the trees</th></tr></thead>\n<tbody>\n")
		for i, c := range r.Comparisons {
			p.raw("<tr><td><a href=\"#c" + strconv.Itoa(i) + "\"><code>")
			p.text(c.B)
			p.raw("</code></a><br>")
			class := "g"
			if c.Counts.Different > 0 {
				class = "d"
			}
			p.chip(class, c.Verdict())
			p.raw("</td>")
			p.counts(c.Counts)
			p.cell("n wide", viewdiff.Number(c.Entries[0])+" and "+viewdiff.Number(c.Entries[1]))
			p.raw("</tr>\n")
		}
		p.raw("</tbody></table>\n")
	}
	for _, f := range r.Failures {
		p.raw("<p>")
		p.chip("d", "failed")
		p.raw(" <code>")
		p.text(f.Name)
		p.raw("</code>: ")
		p.text(f.Reason)
		p.raw("</p>\n")
		if f.Stderr != "" {
			p.raw("<pre>")
			p.text(viewdiff.Printable(f.Stderr))
			p.raw("</pre>\n")
		}
	}
}
