package main

func doCommand(a *app, args []string) (int, error) {
	return 0, &usageError{msg: "do: not in this build"}
}
