package viewpage

import (
	"path"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/fsview"
	"github.com/nsboot/nsboot/internal/viewdiff"
)

// shownPaths is how many paths of a difference are named.
const shownPaths = 25

// comparison is all of one comparison.
func (p *page) comparison(i int, r *viewdiff.Result) {
	p.raw("<h2 id=\"c" + strconv.Itoa(i) + "\">")
	p.text(r.A + " and " + r.B)
	p.raw("</h2>\n")
	if r.Cut != "" {
		p.raw("<p>The trees are not compared from <code>")
		p.text(r.Cut)
		p.raw("</code> on: there were too many entries.</p>\n")
	}
	p.byMount(r)
	p.differences(r)
	p.mountTables(r)
	p.trees(r)
}

// byMount counts what was found at each mount point.
func (p *page) byMount(r *viewdiff.Result) {
	p.raw("<h3>By mount point</h3>\n<table><thead><tr><th class=\"half\">Mount point</th><th class=\"n\">Same</th><th class=\"n\">Known</th><th class=\"n\">Differ</th><th class=\"wide\"></th></tr></thead>\n<tbody>\n")
	for _, m := range r.Mounts {
		p.raw("<tr><td><code>")
		p.text(title(m))
		p.raw("</code> <small>")
		p.text(m.Types())
		p.raw("</small></td>")
		p.counts(m.Counts)
		p.raw(`<td class="wide"><div class="bar" role="img" aria-label="`)
		p.text(strconv.Itoa(m.Counts.Same) + " same, " + strconv.Itoa(m.Counts.Known) + " known, " + strconv.Itoa(m.Counts.Different) + " different")
		p.raw(`">`)
		for _, part := range []struct {
			class string
			n     int
		}{{"s", m.Counts.Same}, {"k", m.Counts.Known}, {"d", m.Counts.Different}} {
			if part.n > 0 {
				p.raw(`<i class="` + part.class + `" style="flex:` + strconv.Itoa(part.n) + `"></i>`)
			}
		}
		p.raw("</div></td></tr>\n")
	}
	p.raw("</tbody></table>\n<div class=\"key dim wide\"><span><i class=\"s\"></i>the same</span><span><i class=\"k\"></i>known</span><span><i class=\"d\"></i>different</span></div>\n")
}

func title(m *viewdiff.Mount) string {
	if m.Path == "" {
		return "the process"
	}
	return m.Path
}

// differences lists what differs, by mount point.
func (p *page) differences(r *viewdiff.Result) {
	p.raw("<h3>Differences</h3>\n")
	if r.Counts.Known+r.Counts.Different == 0 {
		p.raw("<p>There is none.</p>\n")
	}
	for _, m := range unknownFirst(r.Mounts) {
		p.raw("<table><caption class=\"m\">")
		p.text(title(m))
		p.raw("</caption><thead><tr><th class=\"half\">What</th><th>")
		p.text(viewdiff.ShortName(r.A))
		p.raw("</th><th>")
		p.text(viewdiff.ShortName(r.B))
		p.raw("</th><th>Known as</th></tr></thead>\n<tbody>\n")
		for i := range m.Differences {
			p.difference(&m.Differences[i])
		}
		p.raw("</tbody></table>\n")
	}
}

// unknownFirst are the mounts at which something differs, those first at which
// nobody knows why.
func unknownFirst(mounts []*viewdiff.Mount) (list []*viewdiff.Mount) {
	for _, unknown := range []bool{true, false} {
		for _, m := range mounts {
			if len(m.Differences) > 0 && (m.Counts.Different > 0) == unknown {
				list = append(list, m)
			}
		}
	}
	return list
}

func (p *page) difference(d *viewdiff.Difference) {
	p.raw(`<tr class="` + letter(d.Class) + `"><td>`)
	switch {
	case d.Fact != "":
		p.text(d.Fact)
	case d.Kind == fsview.KindMount:
		p.raw("the mount")
	case d.Kind == fsview.KindEntry:
		p.raw("only on one side")
	default:
		p.text(d.Kind)
	}
	for i, name := range d.Paths {
		if i == shownPaths {
			p.raw("<br><small>and ")
			p.text(viewdiff.Number(len(d.Paths) - i))
			p.raw(" more</small>")
			break
		}
		p.raw("<br><code>")
		p.text(name)
		p.raw("</code>")
	}
	if d.Below > 0 {
		p.raw("<br><small>with ")
		p.text(viewdiff.Number(d.Below))
		p.raw(" below</small>")
	}
	p.raw("</td>")
	p.cell("m", value(d.A))
	p.cell("m", value(d.B))
	if d.Class == viewdiff.Known {
		p.raw("<td><b class=\"k\">≈</b> <code>")
		p.text(d.Row)
		p.raw("</code></td></tr>\n")
	} else {
		p.raw("<td><b class=\"d\">≠ unknown</b></td></tr>\n")
	}
}

func value(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// mountTables shows the two tables side by side.
func (p *page) mountTables(r *viewdiff.Result) {
	p.raw("<h3>Mount tables</h3>\n<table><thead><tr><th class=\"third\">Mount point</th><th>")
	p.text(viewdiff.ShortName(r.A))
	p.raw("</th><th>")
	p.text(viewdiff.ShortName(r.B))
	p.raw("</th></tr></thead>\n<tbody>\n")
	for _, m := range r.Mounts {
		if m.A == nil && m.B == nil {
			continue
		}
		class := "s"
		for _, d := range m.Differences {
			if d.Kind == fsview.KindMount && class != "d" {
				class = letter(d.Class)
			}
		}
		p.raw(`<tr class="` + class + `">`)
		p.cell("m", m.Path)
		p.cell("m", mountLine(m.A))
		p.cell("m", mountLine(m.B))
		p.raw("</tr>\n")
	}
	p.raw("</tbody></table>\n")
}

// mountLine is a mount as mount(8) shows it, with its size.
func mountLine(f map[string]string) string {
	if f == nil {
		return "not mounted"
	}
	text := value(f["type"]) + " " + fsview.Flags(f)
	if f["propagation"] != "private" && f["propagation"] != "" {
		text += " " + f["propagation"]
	}
	if f["size"] != "" {
		text += " size " + viewdiff.Bytes(f["size"])
	}
	return viewdiff.Printable(text)
}

// trees shows the two trees side by side.
func (p *page) trees(r *viewdiff.Result) {
	p.raw("<h3>Trees</h3>\n")
	if r.Tree.Pruned {
		p.raw("<p class=\"dim\">The trees are large: what is the same in both is left out, but for the way to what is not.</p>\n")
	}
	p.raw("<table class=\"tree\"><thead><tr><th class=\"half\">Path</th><th>")
	p.text(viewdiff.ShortName(r.A))
	p.raw("</th><th>")
	p.text(viewdiff.ShortName(r.B))
	p.raw("</th></tr></thead>\n<tbody>\n")
	for _, row := range r.Tree.Rows {
		if row.Same > 0 {
			p.raw(`<tr class="o"><td colspan="3">`)
			p.text(viewdiff.Number(row.Same) + " the same")
			p.raw("</td></tr>\n")
		}
		p.treeRow(&row)
	}
	if r.Tree.Omitted > 0 {
		p.raw(`<tr class="o"><td colspan="3">and `)
		p.text(viewdiff.Number(r.Tree.Omitted) + " more rows that differ: nsboot compare --json has them")
		p.raw("</td></tr>\n")
	}
	p.raw("</tbody></table>\n")
}

func (p *page) treeRow(row *viewdiff.TreeRow) {
	name, depth := row.Path, 0
	if name != "/" {
		depth = strings.Count(name, "/")
		name = path.Base(name)
	}
	sign := ""
	switch row.Class {
	case viewdiff.Known:
		sign = "≈ "
	case viewdiff.Different:
		sign = "≠ "
	}
	p.raw(`<tr class="` + letter(row.Class) + `"><td class="m" style="padding-left:` + strconv.Itoa(min(depth, 24)) + `.2em">`)
	p.text(sign + name)
	if row.Below > 0 {
		p.raw(" <small>with ")
		p.text(viewdiff.Number(row.Below))
		p.raw(" below</small>")
	}
	p.raw("</td>")
	p.cell("m", orMissing(row.A))
	p.cell("m", orMissing(row.B))
	p.raw("</tr>\n")
}

func orMissing(s string) string {
	if s == "" {
		return "not there"
	}
	return s
}
