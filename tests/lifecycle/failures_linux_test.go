package lifecycle

import (
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestDeleteForce ends whatever there is, and is content with nothing.
func TestDeleteForce(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.sh("sleep 1001 & sleep 1002")
		l.good("create", "created")
		l.good("create", "running")
		l.good("start", "running")
		l.good("create", "stopped")
		l.good("kill", "stopped", "KILL")
		for _, id := range []string{"created", "running", "stopped", "missing"} {
			l.good("delete", "--force", id)
		}
		l.clean()
		// What SIGKILL leaves of a create that has come to nothing.
		if err := os.MkdirAll(filepath.Join(l.root, "containers/bare"), 0o700); err != nil {
			t.Fatal(err)
		}
		l.is("bare", specs.StateStopped)
		l.good("delete", "--force", "bare")
	})
}

// TestStartFails: what exec refuses is start's error, by exec's exit codes, and
// leaves a stopped container.
func TestStartFails(t *testing.T) {
	for _, c := range []struct {
		name, text string
		code       int
		words      []string
	}{
		{"no interpreter", "#!/no/such\n", 127, []string{"container web", "/script", "no such file"}},
		{"no program", "\x7fELF nonsense", 126, []string{"container web", "exec format error"}},
	} {
		each(t, func(t *testing.T, l *lab) {
			script := l.path("rootfs/script")
			if err := os.WriteFile(script, []byte(c.text), 0o755); err != nil {
				t.Fatal(err)
			}
			l.rootfs = l.list()
			l.spec.Process.Args = []string{"/script"}
			l.save()
			l.good("create", "web")
			l.bad(c.code, c.words, "start", "web")
			l.is("web", specs.StateStopped)
			l.good("delete", "web")
			l.bad(c.code, c.words, "run", "--detach", "web") // which deletes it itself
			l.clean()
		})
	}
}

// TestCreateFails: a create that fails leaves nothing.
func TestCreateFails(t *testing.T) {
	each(t, func(t *testing.T, l *lab) {
		l.spec.Process.Args = []string{"nowhere"}
		l.save()
		l.bad(127, []string{"nowhere", "executable file not found in $PATH"}, "create", "web")
		l.clean()
		l.spec.Process.Args = []string{"sleep", "1"}
		l.spec.Mounts = append(l.spec.Mounts, specs.Mount{Destination: "/b", Type: "bind", Source: "/nowhere", Options: []string{"bind"}})
		l.save()
		l.bad(125, []string{"mounts[1]", "/nowhere"}, "create", "web")
		l.clean()
		l.spec.Mounts, l.spec.Process.Terminal = l.spec.Mounts[:1], true
		l.save()
		l.bad(125, []string{"console"}, "create", "web")
		l.bad(125, []string{`"../x"`}, "create", "../x")
		l.bad(125, []string{"the ID"}, "create")
		l.bad(125, []string{"bundle"}, "create", "--bundle", filepath.Join(l.dir, "none"), "web")
	})
}
