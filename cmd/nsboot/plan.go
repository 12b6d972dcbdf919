package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/nsboot/nsboot/nsmount"
	"golang.org/x/sys/unix"
)

func planCommand(a *app, args []string) (int, error) {
	var bundle, format string
	fs := newFlags("plan")
	fs.StringVarP(&bundle, "bundle", "b", ".", "`DIR` of the bundle: config.json is in it")
	fs.StringVar(&format, "format", "tree", "tree, for people, or json, which run --plan replays")
	asJSON := fs.Bool("json", false, "the same as --format json")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if *asJSON {
		format = "json"
	}
	if err := noArguments(fs, "the bundle is named by --bundle"); err != nil {
		return 0, err
	}
	if format != "tree" && format != "json" {
		return 0, &usageError{msg: "--format=" + format, hint: "tree or json"}
	}
	b, err := a.loadBundle(bundle)
	if err != nil {
		return 0, err
	}
	if id, err := nsmount.SandboxOf(b.spec.Annotations); err == nil && id != "" {
		if sandbox, err := a.global.store().Read(id); err == nil {
			b.pod = sandbox.Annotations
		}
	}
	p, err := a.planOf(b, "")
	if err != nil {
		return 0, err
	}
	if format == "json" {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(p)
	} else {
		err = p.Format(a.stdout, wantsColor(a.stdout))
	}
	if err != nil {
		return 0, fmt.Errorf("plan: %w", err)
	}
	return 0, nil
}

// wantsColor: a terminal that can, and a person who has not said no
// (https://no-color.org).
func wantsColor(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
