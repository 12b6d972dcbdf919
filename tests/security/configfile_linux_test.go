package security

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestConfigText: a config.json that is no honest JSON.
func TestConfigText(t *testing.T) {
	good := func(t *testing.T) string {
		data, err := json.Marshal(newBundle(t).config)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	tests := []struct {
		name string
		text func(good string) string
		says string
	}{
		{"empty", func(string) string { return "" }, "config.json"},
		{"blank", func(string) string { return " \n\t" }, "config.json"},
		{"100 MB of blanks", func(g string) string { return strings.Repeat(" ", 100<<20) + g }, "MiB"},
		{"100 MB of one string", func(g string) string { return `{"a":"` + strings.Repeat("x", 100<<20) + `"}` }, "MiB"},
		{"nested arrays", func(string) string { return strings.Repeat("[", 1<<20) }, "config.json"},
		{"nested arrays in an unknown field", func(g string) string {
			return `{"x":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "," + g[1:]
		}, "config.json"},
		{"nested objects", func(string) string { return strings.Repeat(`{"process":`, 1<<18) }, "config.json"},
		{"nested annotations", func(g string) string {
			return `{"annotations":` + strings.Repeat(`{"a":`, 1<<18) + "1" + strings.Repeat("}", 1<<18) + "," + g[1:]
		}, "annotations"},
		{"cut short", func(g string) string { return g[:len(g)/2] }, "config.json"},
		{"cut at the end", func(g string) string { return g[:len(g)-1] }, "config.json"},
		{"duplicate keys", func(g string) string { return g[:len(g)-1] + `,"root":{"path":"/"}}` }, "root"},
		{"duplicate keys below", func(g string) string { return strings.Replace(g, `"cwd":"/"`, `"cwd":"/","cwd":"/etc"`, 1) }, "process.cwd"},
		{"duplicate keys by case", func(g string) string { return g[:len(g)-1] + `,"Root":{"path":"/"}}` }, ""},
		{"duplicate keys by escape", func(g string) string { return g[:len(g)-1] + `,"r\u006fot":{"path":"/"}}` }, "root"},
		{"trailing data", func(g string) string { return g + g }, "config.json"},
		{"trailing word", func(g string) string { return g + " x" }, "config.json"},
		{"a byte order mark", func(g string) string { return "\ufeff" + g }, "config.json"},
		{"a NUL byte between", func(g string) string { return g + "\x00" }, "config.json"},
		{"invalid UTF-8", func(g string) string { return strings.Replace(g, `"rootfs"`, "\"root\xfffs\"", 1) }, "root.path"},
		{"a list for an object", func(string) string { return "[]" }, "config.json"},
		{"null", func(string) string { return "null" }, ""},
		{"a string for a list", func(g string) string { return strings.Replace(g, `["/bin/payload"]`, `"/bin/payload"`, 1) }, "process.args"},
		{"a number too large", func(g string) string { return strings.Replace(g, `"uid":0`, `"uid":4294967296`, 1) }, "process.user.uid"},
		{"a negative number", func(g string) string { return strings.Replace(g, `"uid":0`, `"uid":-1`, 1) }, "process.user.uid"},
		{"a fraction", func(g string) string { return strings.Replace(g, `"uid":0`, `"uid":0.5`, 1) }, "process.user.uid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBundle(t)
			b.raw = []byte(tt.text(good(t)))
			r := b.boot()
			if tt.name == "duplicate keys by case" && r.code == 0 {
				return // another name, which nothing reads
			}
			r.refused(t, tt.says)
		})
	}
}

// TestConfigFile: what is in config.json's place is no file, or never ends.
func TestConfigFile(t *testing.T) {
	place := map[string]func(b *bundle, path string){
		"fifo":            func(b *bundle, p string) { b.must(unix.Mkfifo(p, 0o644)) },
		"socket":          func(b *bundle, p string) { b.socket("b/config.json") },
		"directory":       func(b *bundle, p string) { b.must(os.Mkdir(p, 0o755)) },
		"device":          func(b *bundle, p string) { b.mknod("b/config.json", 1, 5) },
		"link to /dev":    func(b *bundle, p string) { b.must(os.Symlink("/dev/zero", p)) },
		"loop":            func(b *bundle, p string) { b.must(os.Symlink("config.json", p)) },
		"dangling link":   func(b *bundle, p string) { b.must(os.Symlink("nowhere", p)) },
		"missing":         func(b *bundle, p string) {},
		"link to kmsg":    func(b *bundle, p string) { b.must(os.Symlink("/proc/kmsg", p)) },
		"endless in proc": func(b *bundle, p string) { b.must(os.Symlink("/proc/self/pagemap", p)) },
	}
	for name, put := range place {
		t.Run(name, func(t *testing.T) {
			b := newBundle(t)
			put(b, b.path("b/config.json"))
			before := mountTable(t)
			b.start().refused(t, "config.json")
			if after := mountTable(t); before != after {
				t.Errorf("the mount table changed")
			}
		})
	}
}

// TestConfigMemory: a hostile config does not make nsboot eat the machine.
func TestConfigMemory(t *testing.T) {
	b := newBundle(t)
	b.raw = bytes.Repeat([]byte("["), 100<<20)
	b.wrap = []string{"/bin/sh", "-c", `ulimit -v 1500000; exec "$@"`, "sh"} // Go reserves much, and uses little
	b.boot().refused(t, "MiB")
}
