package docs

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsboot/nsboot/internal/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// warned are the fields of docs/config.md that a boot may go on without.
var warned = []string{"linux.cgroupsPath", "linux.resources"}

// TestConfigFields holds the tables of docs/config.md to internal/config: what
// it refuses or warns of is what --ignore takes, what it honours is listed by
// its own test, which walks all of the specification.
func TestConfigFields(t *testing.T) {
	doc := read(t, "docs/config.md")
	for _, c := range []struct {
		heading string
		want    []string
	}{
		{"## Refused", slices.DeleteFunc(ignorable(t), func(f string) bool { return slices.Contains(warned, f) })},
		{"## Cgroups", warned},
		{"## Honoured", honoured(t)},
	} {
		var got []string
		for _, row := range table(t, doc, c.heading) {
			got = append(got, codeSpans(row[0])...)
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("docs/config.md, %s (-code +document):\n%s", c.heading, d)
		}
	}
}

// configTables are the headings of docs/config.md whose tables list fields.
func configTables() []string { return []string{"## Honoured", "## Cgroups", "## Refused"} }

// TestConfigTableComplete: each field of the specification's types, the deepest ones
// included, is in a table, by its own name or by that of what it is in; and what is in
// a table is a field.
func TestConfigTableComplete(t *testing.T) {
	doc := read(t, "docs/config.md")
	listed := map[string]bool{} // and whether some field is meant
	for _, heading := range configTables() {
		for _, row := range table(t, doc, heading) {
			for _, field := range codeSpans(row[0]) {
				listed[field] = false
			}
		}
	}
	leaves := fieldsOf(reflect.TypeFor[specs.Spec](), "", nil)
	if len(leaves) < 200 {
		t.Fatalf("only %d fields are found", len(leaves))
	}
	for _, leaf := range leaves {
		found := false
		for name := leaf; name != "" && !found; name = name[:max(strings.LastIndexByte(name, '.'), 0)] {
			if _, found = listed[name]; found {
				listed[name] = true
			}
		}
		if !found {
			t.Errorf("docs/config.md has no row for %s", leaf)
		}
	}
	for field, meant := range listed {
		if !meant {
			t.Errorf("docs/config.md: %s is no field of the specification", field)
		}
	}
}

// fieldsOf adds the JSON paths of all that is below a type, without the indices of
// lists and the keys of maps.
func fieldsOf(typ reflect.Type, path string, to []string) []string {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fieldsOf(typ.Elem(), path, to)
	case reflect.Struct:
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			to = fieldsOf(typ.Field(i).Type, strings.Trim(path+"."+name, "."), to)
		}
		return to
	}
	return append(to, path)
}

// TestConfigNamesTests: each row names a test that is there, by package and function.
func TestConfigNamesTests(t *testing.T) {
	doc, functions := read(t, "docs/config.md"), testFunctions(t)
	for _, heading := range configTables() {
		for _, row := range table(t, doc, heading) {
			if len(row) != 3 {
				t.Errorf("%s: a row has %d cells, want field, what is done, test: %q", heading, len(row), row)
				continue
			}
			tests := codeSpans(row[2])
			if len(tests) == 0 {
				t.Errorf("%s: no test", row[0])
			}
			for _, name := range tests {
				if !functions[name] || !strings.Contains(name, ".") {
					t.Errorf("%s: there is no test %s", row[0], name)
				}
			}
		}
	}
}

// TestWarned: the fields that are only warned of do not stop a boot.
func TestWarned(t *testing.T) {
	limit := int64(1 << 20)
	refused, warnings, err := config.Check(&specs.Spec{Version: specs.Version, Root: &specs.Root{Path: "rootfs"}, Linux: &specs.Linux{
		CgroupsPath: "/x",
		Resources:   &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}},
	}}, nil)
	if err != nil || len(refused) > 0 {
		t.Fatalf("refused %v, error %v", refused, err)
	}
	for _, field := range warned {
		if !slices.ContainsFunc(warnings, func(w string) bool { return strings.HasPrefix(w, field+": not applied") }) {
			t.Errorf("no warning names %s: %q", field, warnings)
		}
	}
}

// ignorable are the fields that --ignore takes, as its error lists them.
func ignorable(t *testing.T) []string {
	t.Helper()
	_, _, err := config.Check(&specs.Spec{}, []string{"nothing"})
	if err == nil {
		t.Fatal("--ignore nothing is no error")
	}
	_, list, found := strings.Cut(err.Error(), "those are: ")
	if !found {
		t.Fatalf("the error lists no fields: %v", err)
	}
	return strings.Split(list, ", ")
}

var listItem = regexp.MustCompile(`"([A-Za-z.\[\]0]+)"`)

// honoured are the fields that the walk of internal/config's test passes over.
func honoured(t *testing.T) (fields []string) {
	t.Helper()
	_, list, found := strings.Cut(read(t, "internal/config/check_test.go"), "\nvar honoured = []string{\n")
	list, _, closed := strings.Cut(list, "\n}\n")
	if !found || !closed {
		t.Fatal("no list of honoured fields in internal/config/check_test.go")
	}
	for _, m := range listItem.FindAllStringSubmatch(list, -1) {
		fields = append(fields, strings.NewReplacer("[0]", "", "[k]", "").Replace(m[1]))
	}
	return fields
}
