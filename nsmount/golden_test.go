package nsmount

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var update = flag.Bool("update", false, "rewrite the golden plans from the code")

// TestGolden compiles each testdata/NAME.json with every profile and compares
// what nsboot plan prints with testdata/NAME.PROFILE.plan. A NAME.options has
// the --overlay and --tmp of that case, a line each.
func TestGolden(t *testing.T) {
	configs, err := filepath.Glob("testdata/*.json")
	if err != nil || len(configs) < 12 {
		t.Fatalf("%d configs (%v), 12 are needed", len(configs), err)
	}
	for _, config := range configs {
		name := strings.TrimSuffix(config, ".json")
		for _, profile := range ProfileNames() {
			t.Run(filepath.Base(name)+"."+profile, func(t *testing.T) {
				golden(t, name+"."+profile+".plan", goldenText(t, config, goldenOptions(t, name, profile)))
			})
		}
	}
}

// TestGoldenOrphans fails for a plan that no config belongs to any more.
func TestGoldenOrphans(t *testing.T) {
	plans, err := filepath.Glob("testdata/*.plan")
	if err != nil {
		t.Fatal(err)
	}
	for _, plan := range plans {
		name := strings.TrimSuffix(plan, ".plan")
		name = name[:strings.LastIndexByte(name, '.')]
		if _, err := os.Stat(name + ".json"); err != nil {
			t.Errorf("%s: %v", plan, err)
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; make golden writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; make golden rewrites it, read the diff):\n%s", file, diff)
	}
}

func goldenOptions(t *testing.T, name, profile string) Options {
	t.Helper()
	o := Options{Profile: profile, Bundle: "/bundle"}
	text, err := os.ReadFile(name + ".options")
	if os.IsNotExist(err) {
		return o
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(text)) {
		flag, value, _ := strings.Cut(line, "=")
		switch flag {
		case "--overlay":
			if o.Overlay, err = ParseOverlay(value); err != nil {
				t.Fatal(err)
			}
		case "--tmp":
			o.Tmp = value
		default:
			t.Fatalf("%s.options: unknown flag %q", name, line)
		}
	}
	return o
}

// goldenText is the plan, or the error in its place.
func goldenText(t *testing.T, config string, o Options) string {
	t.Helper()
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	plan, err := Compile(&spec, o)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	if err := plan.Format(&b, false); err != nil {
		t.Fatal(err)
	}
	replayed(t, plan)
	return b.String()
}

// replayed checks that every golden plan survives being recorded (section 7).
func replayed(t *testing.T, plan *Plan) {
	t.Helper()
	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParsePlan(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plan, again, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("recorded and read again (-want +got):\n%s", diff)
	}
}
