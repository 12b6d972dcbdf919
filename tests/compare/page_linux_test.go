package compare

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsboot/nsboot/internal/fsbench"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nsboot/nsboot/tests/testns"
)

// measureScript, in a copy of a page, writes down what is wider than its place.
const measureScript = `<script>
const cut = [];
for (const e of document.querySelectorAll("body, body *:not(svg *)"))
  if (e.clientWidth && e.scrollWidth > e.clientWidth + 1) cut.push(e.tagName + "." + e.className + " " + e.scrollWidth + ">" + e.clientWidth + ": " + e.textContent.slice(0, 60));
for (const e of document.querySelectorAll("body *:not(svg *)"))
  if (e.getBoundingClientRect().right > innerWidth + 1) cut.push(e.tagName + "." + e.className + " reaches to " + e.getBoundingClientRect().right + ": " + e.textContent.slice(0, 60));
for (const e of document.querySelectorAll("svg, .bar"))
  if (e.getBoundingClientRect().width < 20 && getComputedStyle(e.closest("td")).display !== "none") cut.push("no room for a drawing: " + e.outerHTML.slice(0, 60));
const css = getComputedStyle(document.body);
document.documentElement.innerHTML = "<body><pre id=result>" + btoa(unescape(encodeURIComponent(JSON.stringify({
  cut: cut.slice(0, 10), width: document.documentElement.scrollWidth, room: innerWidth, rows: document.querySelectorAll("tbody tr").length,
  drawings: document.querySelectorAll("svg").length, colour: css.color, background: css.backgroundColor })))) + "</pre></body>";
</script></body>`

// rendered is what a browser made of a page.
type rendered struct {
	Cut                []string
	Width, Room        int
	Rows, Drawings     int
	Colour, Background string
}

// TestPage renders a page in a browser, wide and narrow, light and dark, and on
// paper: nothing is cut.
func TestPage(t *testing.T) {
	browser := runtime(t, "chromium")
	runtime(t, "runsc")
	l := newLab(t)
	l.changed = true // by what follows
	must(t, os.WriteFile(l.path("data/"+strings.Repeat("long", 60)), nil, 0o644))
	must(t, os.WriteFile(l.path("data/<b>\"&'\x1b[31m \xff"), nil, 0o644))
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/a/rather/long/destination/of/a/mount/" + strings.Repeat("x", 100), Type: "tmpfs", Source: "tmpfs"})
	l.save()
	page := filepath.Join(testns.Work(), "page.html")
	other := l.script(`[ "$1" = run ] && sed -i 's/"noexec","size=1m"/"size=1m"/' "$3/config.json"` + "\nexec " + nsboot() + ` "$@"` + "\n")
	r := l.run("compare", "--time", "--html", page, "--with", "runsc --network=none --overlay2=none --root="+l.tmp+"-runsc", "--with", other)
	if r.Code != 1 || r.Out != page+": unknown differences\n" {
		t.Fatalf("exit %d: %s%s", r.Code, r.Out, r.Err)
	}
	text, err := os.ReadFile(page)
	must(t, err)
	copied := strings.Replace(string(text), "default-src 'none'; style-src 'unsafe-inline'", "", 1)
	copied = strings.Replace(copied, "</body>", measureScript, 1)
	must(t, os.WriteFile(page+".copy.html", []byte(copied), 0o644))

	backgrounds := map[string]bool{}
	for _, width := range []int{500, 800, 1600} {
		for _, scheme := range []string{"0", "1"} { // dark, light
			d := render(t, browser, page+".copy.html", width, scheme)
			if len(d.Cut) > 0 || d.Width > d.Room || d.Room != width {
				t.Errorf("%d wide: the page is %d wide in %d; cut: %s", width, d.Width, d.Room, strings.Join(d.Cut, "\n"))
			}
			if d.Rows < 200 || d.Drawings < 20 {
				t.Errorf("%d wide: %d rows, %d drawings", width, d.Rows, d.Drawings)
			}
			backgrounds[d.Background] = true
		}
	}
	if len(backgrounds) != 2 {
		t.Errorf("dark and light are %v", backgrounds)
	}
	for _, arg := range []string{"--print-to-pdf=" + page + ".pdf", "--screenshot=" + page + ".png"} {
		browse(t, browser, arg, "--no-pdf-header-footer", "--window-size=1100,3000", "file://"+page)
		_, file, _ := strings.Cut(arg, "=")
		if st, err := os.Stat(file); err != nil || st.Size() < 50_000 {
			t.Errorf("%s: %v, %v", file, st, err)
		}
	}
}

func render(t *testing.T, browser, page string, width int, scheme string) (d rendered) {
	t.Helper()
	dom := browse(t, browser, "--dump-dom", "--window-size="+strconv.Itoa(width)+",900", "--blink-settings=preferredColorScheme="+scheme, "file://"+page)
	_, rest, found := strings.Cut(dom, `<pre id="result">`)
	code, _, _ := strings.Cut(rest, "<")
	var text []byte
	if found {
		if err := json.Unmarshal([]byte(`"`+code+`"`), &text); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%v: %.500s", err, dom)
	}
	return d
}

// TestTimes: each operation is measured in each place, and nothing is left.
func TestTimes(t *testing.T) {
	l := newLab(t)
	want := map[string]bool{}
	for _, op := range fsbench.Ops() {
		for _, place := range []string{"a bind", "a tmpfs", "/tmp"} {
			want[place+" "+op] = true
		}
	}
	for _, op := range []string{fsbench.OpStat, fsbench.OpOpen, fsbench.OpRead4K, fsbench.OpRead1M, fsbench.OpFault} {
		want["the root "+op] = true // which is read-only
	}
	for _, timing := range l.report(0, "compare", "--time", "--json", "--with", nsboot()).Times {
		for _, s := range timing.Stats {
			if s.Median < 1 || s.Low > s.Median || s.Median > s.High || s.Samples < 15 || s.Error != "" {
				t.Errorf("%s on %s: %+v", timing.Op, timing.Place, s)
			}
		}
		delete(want, timing.Place+" "+timing.Op)
	}
	if len(want) > 0 {
		t.Errorf("not measured: %v", want)
	}
}

// browse runs a headless browser, whose profile is thrown away.
func browse(t *testing.T, browser string, args ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp(testns.Work(), "browser-")
	must(t, err)
	args = append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--virtual-time-budget=2000", "--user-data-dir=" + dir}, args...)
	cmd := exec.Command(browser, args...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	timer := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", browser, args, err)
	}
	return string(out)
}
