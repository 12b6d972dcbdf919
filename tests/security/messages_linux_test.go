package security

import (
	"strings"
	"testing"
	"unicode"
)

// TestMessages: what config.json says cannot command the terminal of who reads
// a message or a plan, nor forge a line of either.
func TestMessages(t *testing.T) {
	const evil = "\x1b[31m\nnsboot: forged\r\u009b2J\u202e\x07"
	fields := map[string]func(b *bundle){
		"destination": func(b *bundle) { b.mounts(mount("nowhere", "/d"+evil, "bind", "bind")) },
		"source":      func(b *bundle) { b.mounts(mount("nowhere"+evil, "/d", "bind", "bind")) },
		"type":        func(b *bundle) { b.mounts(mount("x", "/d", "t"+evil)) },
		"option":      func(b *bundle) { b.mounts(mount("x", "/d", "tmpfs", "o"+evil, "mode=9"+evil)) },
		"root":        func(b *bundle) { b.config["root"].(object)["path"] = "r" + evil },
		"args":        func(b *bundle) { b.process()["args"] = array{"a" + evil} },
		"cwd":         func(b *bundle) { b.process()["cwd"] = "/etc/c" + evil; b.write("b/rootfs/etc/c"+evil, "") },
		"capability":  func(b *bundle) { b.process()["capabilities"] = object{"bounding": array{"CAP_" + evil}} },
		"namespace":   func(b *bundle) { b.linux()["namespaces"] = array{object{"type": "network", "path": "/n" + evil}} },
		"masked": func(b *bundle) {
			b.linux()["maskedPaths"] = array{"/etc/loop" + evil}
			b.symlink("loop"+evil, "b/rootfs/etc/loop"+evil)
		},
		"unknown key": func(b *bundle) { b.config["k"+evil] = 1; b.config["root"].(object)["path"] = "none" },
		"hostname":    func(b *bundle) { b.config["hostname"] = "h" + evil },
	}
	for field, put := range fields {
		t.Run(field, func(t *testing.T) {
			for _, p := range profiles {
				for _, command := range []string{"run", "plan"} {
					b := newBundle(t)
					b.profile = p
					b.command = []string{command, "--bundle", b.path("b")}
					put(b)
					r := b.boot()
					if command == "run" && r.code == 0 && r.stderr == "" {
						t.Errorf("%s: %s: nothing was said", p, command)
					}
					checkText(t, p+" "+command, r.stdout+r.stderr)
				}
			}
		})
	}
}

func checkText(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "nsboot: forged") || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl) {
			t.Errorf("%s: %q", what, line)
		}
	}
}
