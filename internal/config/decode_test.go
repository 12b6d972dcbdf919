package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// fixtures are what other programs write; they are also the fuzzer's seeds.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) < 5 {
		t.Fatalf("fixtures: %v, %v", names, err)
	}
	out := make(map[string][]byte)
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(n)] = data
	}
	return out
}

func TestDecodeErrors(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "the file is empty"},
		{"blank", " \n\t", "the file is empty"},
		{"bom", "\xef\xbb\xbf{}", "byte order mark"},
		{"cut short", `{"ociVersion":"1.0.0","process":{"args":["a`, "line 1, column 44 (byte 43): process.args[0]: cut short"},
		{"trailing data", `{"ociVersion":"1.0.0"} {}`, "line 1, column 24 (byte 23): data after the end"},
		{"trailing comma", `{"ociVersion":"1.0.0",}`, "expected a property name in double quotes, found '}'"},
		{"comma in list", `{"mounts":[{},]}`, "mounts[1]: expected an object, found ']'"},
		{"not an object", `[]`, "expected an object, found a list"},
		{"null", `null`, "expected an object, found null"},
		{"garbage", "\x7fELF", "expected an object, found '\\x7f'"},
		{"binary", "\xff\xfe{", "expected an object, found byte 0xff"},
		{"version missing", `{}`, "ociVersion is missing"},
		{"version type", `{"ociVersion":1}`, "ociVersion: expected a string, found a number"},
		{"wrong type in list", "{\"mounts\":[{},{\"options\":[\"ro\",\n 7]}]}", "line 2, column 2 (byte 33): mounts[1].options[1]: expected a string, found a number"},
		{"wrong type in object", `{"process":{"rlimits":[{"soft":"many"}]}}`, "process.rlimits[0].soft: expected a number, found a string"},
		{"list for object", `{"process":[]}`, "process: expected an object, found a list"},
		{"object for list", `{"mounts":{}}`, "mounts: expected a list, found an object"},
		{"number for boolean", `{"root":{"readonly":1}}`, "root.readonly: expected a boolean, found a number"},
		{"null in a list", `{"process":{"args":[null]}}`, "process.args[0]: expected a string, found null"},
		{"fraction", `{"process":{"user":{"uid":1.5}}}`, `process.user.uid: "1.5" is not written as a whole number`},
		{"too big", `{"process":{"user":{"uid":4294967296}}}`, `process.user.uid: "4294967296" is out of range`},
		{"negative", `{"process":{"user":{"gid":-1}}}`, `process.user.gid: "-1" is out of range`},
		{"malformed number", `{"process":{"oomScoreAdj":01}}`, "process.oomScoreAdj: a malformed number"},
		{"word", `{"root":{"readonly":trie}}`, "root.readonly: expected a boolean, found 't'"},
		{"duplicate", `{"root":{"path":"a","path":"b"}}`, "column 21 (byte 20): root.path: the key is there twice"},
		{"duplicate after null", `{"root":null,"root":{}}`, "root: the key is there twice"},
		{"duplicate in a map", `{"annotations":{"a.b":"1","a.b":"2"}}`, `annotations["a.b"]: the key is there twice`},
		{"duplicate spelt otherwise", `{"root":{"path":"a","\u0070ath":"b"}}`, "root.path: the key is there twice"},
		{"duplicate unknown", `{"x":1,"x":2}`, "x: the key is there twice"},
		{"duplicate below unknown", `{"x":[{"y":1,"y":1}]}`, "x[0].y: the key is there twice"},
		{"case", `{"ociVersion":"1.0.0","Process":{}}`, "Process: the property is spelt process"},
		{"case folded", `{"hoo\u212as":1}`, "[\"hoo\u212as\"]: the property is spelt hooks"},
		{"too deep", `{"x":` + deep(100) + `}`, "nested deeper than 100 levels"},
		{"hostile depth", `{"x":` + strings.Repeat("[", 1<<20), "nested deeper than 100 levels"},
		{"NUL escape", `{"process":{"args":["a\u0000b"]}}`, `process.args[0]: a NUL byte (\u0000) in a string`},
		{"NUL in a key", `{"annotations":{"\u0000":"x"}}`, `annotations: a NUL byte`},
		{"NUL below unknown", `{"x":"\u0000"}`, "x: a NUL byte"},
		{"raw NUL", "{\"hostname\":\"a\x00b\"}", "hostname: control character 0x00"},
		{"raw newline", "{\"hostname\":\"a\nb\"}", "hostname: control character 0x0a"},
		{"invalid UTF-8", "{\"hostname\":\"a\xffb\"}", "hostname: byte 0xff in a string is not valid UTF-8"},
		{"overlong UTF-8", "{\"hostname\":\"\xc0\x80b\"}", "hostname: byte 0xc0 in a string is not valid UTF-8"},
		{"half surrogate", `{"hostname":"\ud800x"}`, "hostname: half of a surrogate pair"},
		{"wrong surrogates", `{"hostname":"\ud800\u0041"}`, "hostname: half of a surrogate pair"},
		{"escape", `{"hostname":"\x"}`, "hostname: an unknown escape"},
		{"hex", `{"hostname":"\u00g0"}`, `hostname: a malformed \u escape`},
		{"foreign type", `{"windows":{"layerFolders":[1]}}`, "windows.layerFolders: found a number"},
		{"long list", `{"process":{"env":["a"` + strings.Repeat(`,"a"`, maxEntries) + `]}}`, "process.env[262144]: a list of more than 262144 entries"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode([]byte(c.in))
			if err == nil {
				t.Fatalf("no error, but %+v", got)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error\n %v\ndoes not contain\n %s", err, c.want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for _, v := range []string{"1.0.0", "1.0.2-dev", "1.0.0-rc5", "1.3.0+build.7", "1.99.0-a.b-c.1+x"} {
		if _, err := Decode([]byte(`{"ociVersion":"` + v + `"}`)); err != nil {
			t.Errorf("%s: %v", v, err)
		}
	}
	for _, v := range []string{"2.0.0", "0.9.0", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.x", "1.0.0-", "1.0.0+", "1.0.0-a..b", "1.0.0-a.", "1.0.0-a_b", "01.0.0", "1.0.0 ", "1..0", "latest"} {
		if _, err := Decode([]byte(`{"ociVersion":"` + v + `"}`)); err == nil || !strings.Contains(err.Error(), "ociVersion") {
			t.Errorf("%q: %v", v, err)
		}
	}
}

// A file cut anywhere is an error that says so.
func TestCutAnywhere(t *testing.T) {
	for name, data := range fixtures(t) {
		data = bytes.TrimSpace(data)
		for i := range data {
			_, err := Decode(data[:i])
			if err == nil || !strings.Contains(err.Error(), "cut short") && i > 0 {
				t.Fatalf("%s, first %d bytes: %v", name, i, err)
			}
		}
	}
	// Inside escapes and runes, too.
	const tail = `{"hostname":"é\u00e9\ud83d\ude00\n","x":-1.5e+3,"y":[true,false,null]`
	for i := 1; i <= len(tail); i++ {
		if _, err := Decode([]byte(tail[:i])); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("%q: %v", tail[:i], err)
		}
	}
}

func TestUnknown(t *testing.T) {
	c, err := Decode([]byte("{\"ociVersion\":\"1.0.0\",\n\"extra\":{\"a\":[1,2.5e3,true,null,\"\\ud83d\\ude00\"]},\"linux\":{\"future\\nthing\":1},\"mounts\":[{\"label\":\"\"}],\"annotations\":{\"Any\":\"x\",\"any\":\"y\"}}"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"extra (line 2): unknown property; ignored",
		`linux["future\nthing"] (line 2): unknown property; ignored`,
		"mounts[0].label (line 2): unknown property; ignored",
	}
	if d := cmp.Diff(want, c.Warnings); d != "" {
		t.Errorf("warnings (-want +got):\n%s", d)
	}
	var many strings.Builder
	many.WriteString(`{"ociVersion":"1.0.0"`)
	for i := range 1000 {
		many.WriteString(`,"k` + strings.Repeat("x", i) + `":0`)
	}
	c, err = Decode([]byte(many.String() + "}"))
	if err != nil || len(c.Warnings) != maxUnknown+1 || c.Warnings[maxUnknown] != "980 more unknown properties; ignored" {
		t.Errorf("1000 unknown properties: %v, %q", err, c.Warnings)
	}
}

// Nulls and empty values leave the field as encoding/json does.
func TestNulls(t *testing.T) {
	const in = `{"ociVersion":"1.0.0","process":{"args":null,"env":[],"user":null,"oomScoreAdj":null,"cwd":null},"linux":null,"annotations":{},"root":{}}`
	same(t, []byte(in))
}

// same fails if Decode accepts data but disagrees with encoding/json.
func same(t testing.TB, data []byte) {
	t.Helper()
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	var want specs.Spec
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatalf("accepted what encoding/json refuses: %v", err)
	}
	if d := cmp.Diff(&want, got.Spec); d != "" {
		t.Fatalf("Decode disagrees with encoding/json (-json +Decode):\n%s", d)
	}
}

func TestFixtures(t *testing.T) {
	for name, data := range fixtures(t) {
		t.Run(name, func(t *testing.T) { same(t, data) })
	}
}

// TestEveryField: a Spec with every field of specs-go set survives the way
// through JSON, so no table has forgotten or confused one.
func TestEveryField(t *testing.T) {
	var spec specs.Spec
	n := 0
	fill(reflect.ValueOf(&spec).Elem(), &n)
	spec.Version = "1.3.0"
	data, err := json.Marshal(&spec)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&spec, c.Spec); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("fields that no table has: %q", c.Warnings)
	}
	if n < 250 {
		t.Errorf("only %d values set: the test does not reach every field", n)
	}
}

// fill sets everything below v to distinct values.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString("s" + strings.Repeat("é\"", *n%3) + string(rune('a'+*n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-int64(*n))
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Interface:
		v.Set(reflect.ValueOf("any"))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		fill(e, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key/"+string(rune('a'+*n%26))), e)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("a kind that specs-go did not have: " + v.Kind().String())
	}
}

func FuzzDecode(f *testing.F) {
	for _, data := range fixtures(f) {
		f.Add(data)
	}
	f.Add([]byte(`{"ociVersion":"1.0.0","x":[1e5,"\ud83d\ude00"],"windows":{"layerFolders":["a"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode(data)
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Fatalf("an error with a result, or without words: %v %v", c, err)
			}
			return
		}
		same(t, data)
		_, _, _ = Check(c.Spec, nil)
		_ = CheckProcess(c.Spec)
	})
}

func BenchmarkDecode(b *testing.B) {
	data, err := os.ReadFile("testdata/runc-spec.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeJSON is what Decode is compared with.
func BenchmarkDecodeJSON(b *testing.B) {
	data, err := os.ReadFile("testdata/runc-spec.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var s specs.Spec
		if err := json.Unmarshal(data, &s); err != nil {
			b.Fatal(err)
		}
	}
}
