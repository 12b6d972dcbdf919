package trial

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `{
 "ociVersion": "1.0.2", "root": {"path": "rootfs", "readonly": true},
 "process": {"args": ["sh"], "cwd": "/srv/dir", "terminal": true, "consoleSize": {"height": 1, "width": 2}, "x-ours": 1},
 "mounts": [
  {"destination": "/data", "type": "bind", "source": "data", "options": ["rw"]},
  {"destination": "/data/t", "type": "tmpfs", "source": "tmpfs"},
  {"destination": "/abs", "source": "/srv/abs", "options": ["rbind"], "uidMappings": []},
  {"destination": "/data/t/deep", "type": "bind", "source": "deep"}
 ],
 "x-unknown": {"kept": 1.50}
}`

// TestScratchConfig: what has to be changed is changed, and nothing else.
func TestScratchConfig(t *testing.T) {
	text, err := scratchConfig([]byte(sample), change{bundle: "/srv/b", args: []string{"/p", "view"},
		mounts: []mount{{Destination: "/p", Type: "bind", Source: "/tmp/p", Options: []string{"bind", "ro"}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(`"rootfs"`, `"/srv/b/rootfs"`, `["sh"]`, `["/p", "view"]`, `"terminal": true, "consoleSize": {"height": 1, "width": 2}, `, "",
		`"source": "data"`, `"source": "/srv/b/data"`, `"source": "deep"}`, `"source": "/srv/b/deep"}, {"destination": "/p", "type": "bind", "source": "/tmp/p", "options": ["bind", "ro"]}`).Replace(sample)
	if d := cmp.Diff(parse(t, []byte(want)), parse(t, text)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if !strings.Contains(string(text), "1.50") {
		t.Error("a number was written anew")
	}
	for _, bad := range []string{`{`, `[]`, `{"root": {"path": "x"}}`, `{"process": {}}`, `{"root": {}, "process": {}, "mounts": 1}`} {
		if _, err := scratchConfig([]byte(bad), change{bundle: "/"}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func parse(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestLayout: where a path of the container can be on the host.
func TestLayout(t *testing.T) {
	l, err := readLayout([]byte(sample), "/srv/b")
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string][]spot{
		"/etc":         {{"/srv/b/rootfs", "etc"}},
		"/data":        {{"/srv/b/rootfs", "data"}},
		"/data/t":      {{"/srv/b/rootfs", "data/t"}, {"/srv/b/data", "t"}},
		"/data/t/deep": {{"/srv/b/rootfs", "data/t/deep"}, {"/srv/b/data", "t/deep"}},
		"/abs/x":       {{"/srv/b/rootfs", "abs/x"}, {"/srv/abs", "x"}},
		"/":            nil,
	} {
		if got := l.onHost(p); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", p, got, want)
		}
	}
	if l.cwd != "/srv/dir" {
		t.Errorf("cwd %q", l.cwd)
	}
}

// TestProgramAt: the program is where the bundle has nothing.
func TestProgramAt(t *testing.T) {
	for _, c := range []struct{ mounts, there, want string }{
		{``, "", "/dev/.nsboot-program"},
		{`{"destination": "/dev", "type": "tmpfs"}`, "", "/dev/.nsboot-program"},
		{`{"destination": "/dev/", "type": "bind", "source": "dev"}`, "", "/.nsboot-program"},
		{`{"destination": "/dev", "type": "tmpfs", "options": ["ro"]}`, "", "/.nsboot-program"},
		{`{"destination": "/dev/.nsboot-program/x", "type": "tmpfs"}`, "", "/dev/.nsboot-program-1"},
		{``, "dev/.nsboot-program", "/dev/.nsboot-program-1"},
	} {
		raw := []byte(`{"root": {"path": "r"}, "mounts": [` + c.mounts + `]}`)
		l, err := readLayout(raw, "/srv")
		if err != nil {
			t.Fatal(err)
		}
		if got := l.programAt(raw, func(s spot) bool { return s.rel == c.there }); got != c.want {
			t.Errorf("%s: %s, want %s", c.mounts, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"runsc --network=none": {"runsc", "--network=none"}, " a\t b ": {"a", "b"}, "": nil, `''`: {""},
		`a 'b c' "d e"f`: {"a", "b c", "d ef"}, `a\ b '\'`: {"a b", `\`}, `"a\"b"`: {`a"b`}, `x\`: {`x\`},
	} {
		if got, err := Words(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
	for _, bad := range []string{`'a`, `a "b`} {
		if got, err := Words(bad); err == nil {
			t.Errorf("%q: %q, want an error", bad, got)
		}
	}
}
