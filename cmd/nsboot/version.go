package main

import (
	"fmt"
	"strings"

	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version = "dev"

func versionCommand(a *app, args []string) (int, error) {
	fs := newFlags("version")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if err := noArguments(fs, "nsboot version"); err != nil {
		return 0, err
	}
	fmt.Fprintf(a.stdout, "nsboot version %s\nspec: %s\nprofiles: %s\n", version, specs.Version, strings.Join(nsmount.ProfileNames(), ", "))
	return 0, nil
}
