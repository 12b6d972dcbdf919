package main

// checkConsole holds a process's terminal against where its other side is to go:
// a process that outlives nsboot needs somebody to take it, and one without a
// terminal has nothing to hand over.
func checkConsole(terminal, detach bool, socket string) error {
	switch {
	case terminal && detach && socket == "":
		return &usageError{
			msg:  "process.terminal is set: cannot allocate tty if nsboot will detach without setting console socket",
			hint: "--console-socket S names the socket of whoever takes the terminal; or set process.terminal to false",
		}
	case !terminal && socket != "":
		return &usageError{
			msg:  "--console-socket " + socket + ": cannot use console socket if nsboot will not allocate tty",
			hint: "set process.terminal to true, or leave --console-socket out",
		}
	}
	return nil
}
