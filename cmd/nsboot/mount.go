package main

import (
	"fmt"
	"os"

	"github.com/nsboot/nsboot/nsmount"
)

func mountCommand(a *app, args []string) (int, error) {
	var dir string
	fs := newFlags("mount")
	fs.StringVarP(&dir, "bundle", "b", ".", "`DIR` of the bundle: config.json is in it")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if fs.NArg() != 1 {
		return 0, &usageError{msg: fmt.Sprintf("mount: %d arguments, one is needed: the directory to mount on", fs.NArg()), hint: "nsboot mount --bundle DIR /mnt"}
	}
	target := fs.Arg(0)
	if st, err := os.Stat(target); err != nil {
		return 0, hinted(fmt.Errorf("mount: %w", err), "make it first: mkdir -p "+target)
	} else if !st.IsDir() {
		return 0, fmt.Errorf("mount: %s is not a directory", target)
	}
	b, err := a.loadBundle(dir)
	if err != nil {
		return 0, err
	}
	plan, err := a.planOf(b, "")
	if err != nil {
		return 0, err
	}
	if err := needRoot("mount"); err != nil {
		return 0, err
	}
	for _, w := range plan.Warnings {
		a.log.warning(w.String())
	}
	opts := nsmount.MountOptions{}
	if a.log.debug {
		opts.Report = a.log.debugf
	}
	return 0, nsmount.MountAt(plan, target, opts)
}

func umountCommand(a *app, args []string) (int, error) {
	fs := newFlags("umount")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if fs.NArg() != 1 {
		return 0, &usageError{msg: fmt.Sprintf("umount: %d arguments, one is needed: the directory that mount mounted on", fs.NArg()), hint: "nsboot umount /mnt"}
	}
	if err := needRoot("umount"); err != nil {
		return 0, err
	}
	mounted, err := nsmount.Unmount(fs.Arg(0))
	if err != nil {
		return 0, fmt.Errorf("umount: %w", err)
	}
	if !mounted {
		a.log.warning("umount: nothing of nsboot's is mounted on " + fs.Arg(0))
	}
	return 0, nil
}
