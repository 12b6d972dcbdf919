package trial

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/fsview"
)

// A tree is a directory of the host that a container sees at a destination.
type tree struct {
	destination string
	host        string // empty if it is no directory of the host: a tmpfs, procfs, ...
}

// spot is a path in a directory of the host.
type spot struct{ dir, rel string }

// layout is where a bundle's container has what of the host.
type layout struct {
	trees []tree
	cwd   string
}

// mount is what has to be known of an element of mounts.
type mount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options"`
}

func (m *mount) isBind() bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// readLayout finds out where a config.json mounts what.
func readLayout(raw []byte, bundle string) (*layout, error) {
	var c struct {
		Root    *struct{ Path string }
		Process *struct{ Cwd string }
		Mounts  []mount
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if c.Root == nil || c.Root.Path == "" {
		return nil, errors.New("config.json: root.path is missing")
	}
	l := &layout{trees: []tree{{"/", absolute(bundle, c.Root.Path)}}}
	if c.Process != nil {
		l.cwd = path.Clean("/" + c.Process.Cwd)
	}
	for _, m := range c.Mounts {
		t := tree{destination: path.Clean("/" + m.Destination)}
		if m.isBind() {
			t.host = absolute(bundle, m.Source)
		}
		l.trees = append(l.trees, t)
	}
	return l, nil
}

func absolute(bundle, p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(bundle, p)
}

// onHost lists where on the host a path of the container can be, not counting
// what is mounted on the path itself: in the directory that is mounted above it,
// but also in those below that, for some runtimes make mount points there.
func (l *layout) onHost(p string) (list []spot) {
	for _, t := range l.trees {
		if t.host != "" && p != t.destination && fsview.Below(p, t.destination) {
			list = append(list, spot{t.host, strings.TrimPrefix(strings.TrimPrefix(p, t.destination), "/")})
		}
	}
	return list
}

// programAt chooses where the program is to be. In a /dev of its own no
// directory of the host gains a mount point by it, and no read-only root has to
// be layered for it.
func (l *layout) programAt(raw []byte, there func(spot) bool) string {
	dir := "/dev"
	var c struct{ Mounts []mount }
	if json.Unmarshal(raw, &c) == nil {
		for _, m := range c.Mounts {
			if path.Clean("/"+m.Destination) == "/dev" && (m.isBind() || slices.Contains(m.Options, "ro")) {
				dir = ""
			}
		}
	}
	for n := 0; ; n++ {
		p := dir + "/.nsboot-program"
		if n > 0 {
			p += "-" + strconv.Itoa(n)
		}
		used := slices.ContainsFunc(l.trees, func(t tree) bool { return fsview.Below(t.destination, p) })
		if !used && !slices.ContainsFunc(l.onHost(p), there) {
			return p
		}
	}
}

// change is what a scratch config.json has that the bundle's has not.
type change struct {
	bundle string   // where relative paths start
	args   []string // of the process
	mounts []mount
}

// scratchConfig returns a config.json with a change. All that is not changed is
// copied as it stands.
func scratchConfig(raw []byte, c change) ([]byte, error) {
	doc := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	err := errors.Join(
		edit(doc, "root", func(root map[string]json.RawMessage) { makeAbsolute(root, "path", c.bundle) }),
		edit(doc, "process", func(p map[string]json.RawMessage) {
			p["args"] = encode(c.args)
			delete(p, "terminal")
			delete(p, "consoleSize")
			delete(p, "commandLine")
		}),
	)
	if err != nil {
		return nil, err
	}
	var list []map[string]json.RawMessage
	if m := doc["mounts"]; m != nil {
		if err := json.Unmarshal(m, &list); err != nil {
			return nil, fmt.Errorf("config.json: mounts: %w", err)
		}
	}
	for _, m := range list {
		var is mount
		if err := json.Unmarshal(encode(m), &is); err != nil {
			return nil, fmt.Errorf("config.json: mounts: %w", err)
		}
		if is.isBind() {
			makeAbsolute(m, "source", c.bundle)
		}
	}
	for _, m := range c.mounts {
		list = append(list, map[string]json.RawMessage{
			"destination": encode(m.Destination), "type": encode(m.Type), "source": encode(m.Source), "options": encode(m.Options),
		})
	}
	doc["mounts"] = encode(list)
	return json.Marshal(doc)
}

// edit changes an object of a document.
func edit(doc map[string]json.RawMessage, name string, change func(map[string]json.RawMessage)) error {
	object := map[string]json.RawMessage{}
	if doc[name] == nil {
		return fmt.Errorf("config.json: %s is missing", name)
	}
	if err := json.Unmarshal(doc[name], &object); err != nil {
		return fmt.Errorf("config.json: %s: %w", name, err)
	}
	change(object)
	doc[name] = encode(object)
	return nil
}

func makeAbsolute(object map[string]json.RawMessage, name, bundle string) {
	var p string
	if json.Unmarshal(object[name], &p) == nil && p != "" {
		object[name] = encode(absolute(bundle, p))
	}
}

// encode cannot fail: it is given strings, and what was decoded.
func encode(v any) json.RawMessage {
	text, _ := json.Marshal(v)
	return text
}
