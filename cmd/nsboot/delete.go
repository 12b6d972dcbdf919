package main

func deleteCommand(a *app, args []string) (int, error) {
	return 0, &usageError{msg: "delete: not in this build"}
}
