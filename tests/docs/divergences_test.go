package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var testDefined = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)

// testFunctions are the names of all tests, TestX, and with their package, e2e.TestX.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	functions := map[string]bool{}
	for file, text := range goFiles(t, func(p string) bool { return strings.HasSuffix(p, "_test.go") }) {
		pkg := filepath.Base(filepath.Dir(file))
		for _, m := range testDefined.FindAllStringSubmatch(text, -1) {
			functions[m[1]], functions[pkg+"."+m[1]] = true, true
		}
	}
	return functions
}

// TestDivergencesNameTests: each row names a test that shows it, by its
// function or by its case of tests/parity, and each exists.
func TestDivergencesNameTests(t *testing.T) {
	functions := testFunctions(t)
	seen := map[string]bool{}
	for _, row := range divergenceRows(t) {
		if len(row) != 7 {
			t.Errorf("a row has %d cells, want id, behaviour, runsc, runc, nsboot, why, test: %q", len(row), row)
			continue
		}
		id := strings.Trim(row[0], "`")
		if seen[id] {
			t.Errorf("%s: two rows", id)
		}
		seen[id] = true
		tests := codeSpans(row[6])
		if len(tests) == 0 {
			t.Errorf("%s: no test", id)
		}
		for _, name := range tests {
			function, _, _ := strings.Cut(name, "/")
			if _, err := os.Stat(caseFile(name)); err != nil && !functions[function] {
				t.Errorf("%s: there is no test or case %s", id, name)
			}
		}
	}
}

// TestDivergencesComplete: each divergence that the parity test lists is a row
// of that id, which names its cases.
func TestDivergencesComplete(t *testing.T) {
	rows := map[string][]string{}
	for _, row := range divergenceRows(t) {
		rows[strings.Trim(row[0], "`")] = codeSpans(row[len(row)-1])
	}
	id := ""
	for _, line := range strings.Split(read(t, "tests/parity/testdata/divergences"), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ' && line[0] != '\t':
			id, _, _ = strings.Cut(line, ": ")
			if rows[id] == nil {
				t.Errorf("DIVERGENCES.md has no row %s", id)
			}
		default:
			if name := strings.Fields(line)[0]; rows[id] != nil && !slices.Contains(rows[id], name) {
				t.Errorf("DIVERGENCES.md: row %s does not name the case %s", id, name)
			}
		}
	}
}

// TestParityFigures: the table of figures counts what tests/parity lists; all
// else agrees, or the parity test fails.
func TestParityFigures(t *testing.T) {
	const recorded = 37
	differs := map[string]int{}
	for _, line := range strings.Split(read(t, "tests/parity/testdata/divergences"), "\n") {
		if f := strings.Fields(line); len(f) > 1 && (line[0] == ' ' || line[0] == '\t') {
			for _, profile := range f[1:] {
				differs[profile]++
			}
		}
	}
	rows := table(t, read(t, "DIVERGENCES.md"), "## Parity figures")
	if len(rows) != len(nsmount.ProfileNames()) {
		t.Fatalf("%d rows, want one for each profile", len(rows))
	}
	for _, row := range rows {
		n := differs[strings.Trim(row[0], "`")]
		if row[1] != strconv.Itoa(recorded-n) || row[3] != strconv.Itoa(n) {
			t.Errorf("%q: want %d the same, %d listed", row, recorded-n, n)
		}
	}
}

func divergenceRows(t *testing.T) [][]string {
	t.Helper()
	text := read(t, "DIVERGENCES.md")
	var rows [][]string
	for _, h := range []string{"## Never looser than the config", "## What a host kernel does differently",
		"## The host is kept clean", "## Nothing stands in for the kernel", "## Refused instead of guessed", "## The process", "## Pods", "## Seen by nsboot compare"} {
		rows = append(rows, table(t, text, h)...)
	}
	if len(rows) < 30 {
		t.Fatalf("DIVERGENCES.md: only %d rows", len(rows))
	}
	return rows
}

func caseFile(name string) string {
	return filepath.Join(root, "tests/parity/testdata/cases", name+".case")
}

// planOf compiles a spec of one mount.
func planOf(profile string, m specs.Mount) (*nsmount.Plan, error) {
	spec := &specs.Spec{Root: &specs.Root{Path: "/srv/rootfs"}, Mounts: []specs.Mount{m}}
	return nsmount.Compile(spec, nsmount.Options{Profile: profile, Bundle: "/srv"})
}

// TestPlanTightens: parameters that tighten are kept in the profiles whose
// originals dropped them (the standing rule, C3, C9, C10).
func TestPlanTightens(t *testing.T) {
	old := []string{"runsc-2019", "runsc-2018"}
	all := append([]string{"runsc", "oci"}, old...)
	for _, c := range []struct {
		name     string
		profiles []string
		mount    specs.Mount
		target   string
		want     string // of the step's flags or data
	}{
		{"size", all, specs.Mount{Destination: "/t", Type: "tmpfs", Options: []string{"size=64k"}}, "/t", "size=64k"},
		{"inodes", all, specs.Mount{Destination: "/t", Type: "tmpfs", Options: []string{"nr_inodes=10"}}, "/t", "nr_inodes=10"},
		{"nosymfollow", all, specs.Mount{Destination: "/t", Type: "tmpfs", Options: []string{"nosymfollow"}}, "/t", "nosymfollow"},
		{"recursive", all, specs.Mount{Destination: "/t", Type: "bind", Source: "x", Options: []string{"rnoexec"}}, "/t", "rnoexec"},
		{"hidepid", all, specs.Mount{Destination: "/proc", Type: "proc", Options: []string{"hidepid=2"}}, "/proc", "hidepid=2"},
		{"skipped dev", old, specs.Mount{Destination: "/dev", Type: "tmpfs", Options: []string{"noexec"}}, "/dev", "noexec"},
	} {
		for _, profile := range c.profiles {
			plan, err := planOf(profile, c.mount)
			if err != nil {
				t.Errorf("%s in %s: %v", c.name, profile, err)
				continue
			}
			i := slices.IndexFunc(plan.Steps, func(s nsmount.Step) bool { return s.Target == c.target && s.Op != nsmount.OpNodes })
			if i < 0 || !slices.Contains(append(slices.Clone(plan.Steps[i].Flags), plan.Steps[i].Data...), c.want) {
				t.Errorf("%s in %s: %s is not in the plan of %s: %+v", c.name, profile, c.want, c.target, plan.Steps)
			}
		}
	}
}

// TestPlanImplicitFlags: what is mounted without being asked for is as tight as
// it can be (D3).
func TestPlanImplicitFlags(t *testing.T) {
	want := map[string]string{
		"/proc": "nosuid nodev noexec", "/sys": "ro nosuid nodev noexec", "/dev": "nosuid", "/dev/pts": "nosuid noexec", "/tmp": "nosuid nodev",
	}
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018"} {
		plan, err := planOf(profile, specs.Mount{Destination: "/t", Type: "tmpfs"})
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, s := range plan.Steps {
			if flags, ok := want[s.Target]; ok {
				if found++; strings.Join(s.Flags, " ") != flags {
					t.Errorf("%s: %s has %q, want %q", profile, s.Target, s.Flags, flags)
				}
			}
		}
		if found != len(want) {
			t.Errorf("%s: %d of %d implicit mounts", profile, found, len(want))
		}
	}
}

// TestPlanRefuses: what would have to be guessed at is an error that says so.
func TestPlanRefuses(t *testing.T) {
	bind := func(options ...string) specs.Mount {
		return specs.Mount{Destination: "/t", Type: "bind", Source: "x", Options: options}
	}
	for _, c := range []struct {
		profile string
		mount   specs.Mount
		want    string
	}{
		{"oci", bind("size=1k"), "a bind has none"},
		{"oci", bind("tmpcopyup"), `"tmpcopyup" is for a tmpfs`},
		{"runsc", specs.Mount{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}}, "only procfs may be mounted on /proc"},
		{"oci", specs.Mount{Destination: "/proc", Type: "tmpfs"}, "only procfs may be mounted on /proc"},
		{"runsc", specs.Mount{Destination: "/proc/version", Type: "bind", Source: "x"}, "could fake what the kernel says"},
	} {
		_, err := planOf(c.profile, c.mount)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %+v: got error %v, want %q", c.profile, c.mount, err, c.want)
		}
	}
	if _, err := planOf("runsc", specs.Mount{Destination: "/proc/uptime", Type: "bind", Source: "x"}); err != nil {
		t.Errorf("/proc/uptime may be covered: %v", err)
	}
}

// TestPlanPrivateDev: in oci a read-only root with nothing on /dev gets a private
// /dev, with a warning (S5, D1); a writable one gets its nodes.
func TestPlanPrivateDev(t *testing.T) {
	for _, readonly := range []bool{true, false} {
		spec := &specs.Spec{Root: &specs.Root{Path: "/srv/rootfs", Readonly: readonly}}
		plan, err := nsmount.Compile(spec, nsmount.Options{Profile: "oci"})
		if err != nil {
			t.Fatal(err)
		}
		private := slices.ContainsFunc(plan.Steps, func(s nsmount.Step) bool { return s.Op == nsmount.OpDev })
		if private != readonly || len(plan.Warnings) > 0 != readonly {
			t.Errorf("readonly %v: private /dev %v, warnings %v", readonly, private, plan.Warnings)
		}
	}
}
