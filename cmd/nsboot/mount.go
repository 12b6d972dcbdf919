package main

func mountCommand(a *app, args []string) (int, error) {
	return 0, &usageError{msg: "mount: not in this build"}
}

func umountCommand(a *app, args []string) (int, error) {
	return 0, &usageError{msg: "umount: not in this build"}
}
