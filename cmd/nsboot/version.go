package main

import "fmt"

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version = "dev"

func versionCommand(a *app, args []string) (int, error) {
	fmt.Fprintln(a.stdout, "nsboot "+version)
	return 0, nil
}
