package main

import (
	"os"

	"github.com/nsboot/nsboot/internal/config"
)

func specCommand(a *app, args []string) (int, error) {
	rootfs := "rootfs"
	fs := newFlags("spec")
	fs.StringVar(&rootfs, "rootfs", rootfs, "the root file system, relative to config.json or absolute")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	data, err := config.Encode(config.Starter(rootfs))
	if err != nil {
		return 0, err
	}
	f, err := os.OpenFile("config.json", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	_, err = f.Write(data)
	return 0, err
}
