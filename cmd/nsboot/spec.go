package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/nsboot/nsboot/internal/config"
)

func specCommand(a *app, args []string) (int, error) {
	var rootfs string
	fs := newFlags("spec")
	fs.StringVar(&rootfs, "rootfs", "rootfs", "`DIR` of the root file system: absolute, or relative to config.json")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if err := noArguments(fs, "the root file system is named by --rootfs"); err != nil {
		return 0, err
	}
	if rootfs == "" {
		return 0, &usageError{msg: "--rootfs is empty", hint: "nsboot spec --rootfs rootfs"}
	}
	data, err := config.Encode(config.Starter(rootfs))
	if err != nil {
		return 0, fmt.Errorf("spec: %w", err)
	}
	return 0, writeNew("config.json", data)
}

// writeNew writes a file that must not be there yet, whole or not at all.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return &usageError{msg: "spec: " + name + " is there already and is not overwritten", hint: "move it away, or run nsboot spec in another directory"}
	}
	if err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(fmt.Errorf("spec: %w", err), os.Remove(name))
	}
	return nil
}
