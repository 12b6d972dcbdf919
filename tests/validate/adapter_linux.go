package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/nsboot/nsboot/nsmount"
	"golang.org/x/sys/unix"
)

// runtimeEnv is the path of the runtime that the adapter stands for.
const runtimeEnv = "NSBOOT_VALIDATE_RUNTIME"

// adapt is the adapter: it edits the bundle that is created and becomes the runtime.
func adapt(args []string) error {
	if i := slices.Index(args, "--bundle"); len(args) > 1 && args[1] == "create" && i > 0 && i+1 < len(args) {
		if err := editConfig(filepath.Join(args[i+1], "config.json")); err != nil {
			return err
		}
	}
	path := os.Getenv(runtimeEnv)
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, append([]string{path}, args[1:]...), os.Environ()))
}

func editConfig(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil // as some cases want it
	}
	own, err := nsmount.OwnCapabilities()
	if err != nil {
		return err
	}
	edited, err := edit(data, own.Permitted&(1<<unix.CAP_SYS_RESOURCE) != 0)
	if err != nil {
		return nil // the runtime's to refuse
	}
	return os.WriteFile(name, edited, 0o644)
}

// edit takes out of a config what says nothing of a runtime.
func edit(data []byte, mayRaise bool) ([]byte, error) {
	var config map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&config); err != nil {
		return nil, err
	}
	if process, ok := config["process"].(map[string]any); ok && !mayRaise {
		sets, _ := process["capabilities"].(map[string]any)
		for name, set := range sets {
			sets[name] = without(set, func(s string) bool { return s == "CAP_SYS_RESOURCE" })
		}
	}
	mounts, _ := config["mounts"].([]any)
	for _, m := range mounts {
		m, ok := m.(map[string]any)
		if !ok {
			return nil, errors.New("mounts: not a list of objects")
		}
		if isBind(m) {
			m["options"] = without(m["options"], func(s string) bool { return strings.Contains(s, "=") })
		}
	}
	return json.Marshal(config)
}

func isBind(m map[string]any) bool {
	options, _ := m["options"].([]any)
	return m["type"] == "bind" || slices.Contains(options, any("bind")) || slices.Contains(options, any("rbind"))
}

func without(list any, drop func(string) bool) any {
	words, ok := list.([]any)
	if !ok {
		return list
	}
	return slices.DeleteFunc(words, func(w any) bool { s, ok := w.(string); return ok && drop(s) })
}
