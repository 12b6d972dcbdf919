package main

import "fmt"

// deleteCommand is there for clients that delete what they have run: a
// container of run leaves nothing behind that could be deleted.
func deleteCommand(a *app, args []string) (int, error) {
	var force bool
	fs := newFlags("delete")
	fs.BoolVarP(&force, "force", "f", false, "it is no error that the container is gone")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if fs.NArg() != 1 {
		return 0, &usageError{msg: fmt.Sprintf("delete: %d arguments, one is needed: the ID", fs.NArg()), hint: "nsboot delete --force ID"}
	}
	id := fs.Arg(0)
	if err := checkID(id); err != nil {
		return 0, err
	}
	if !force {
		return 0, &usageError{msg: "no container " + id, hint: "a container of nsboot run is gone when its process ends; with --force that is no error"}
	}
	return 0, nil
}
