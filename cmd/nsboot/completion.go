package main

func completionCommand(a *app, args []string) (int, error) {
	return 0, &usageError{msg: "completion: not in this build"}
}
