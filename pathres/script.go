package pathres

import "strings"

const (
	// scriptHead is how much of a file the kernel reads to see what it is.
	scriptHead = 256
	// elfHead is how much of a file is read at once: the program headers of most
	// programs, and the name of the loader after them, are in it.
	elfHead = 1024
	// scriptDepth is how many interpreters of interpreters the kernel follows.
	scriptDepth = 5
)

// interpreter returns the interpreter that the head of a file names, as the kernel
// reads a "#!" line; "" if the file is no script or the line is cut off.
func interpreter(head []byte) string {
	s := string(head[:min(len(head), scriptHead)])
	line, ok := strings.CutPrefix(s, "#!")
	if !ok {
		return ""
	}
	line = strings.TrimLeft(line, " \t")
	if i := strings.IndexAny(line, " \t\n\x00"); i >= 0 {
		return line[:i]
	}
	if len(s) == scriptHead {
		return ""
	}
	return line
}
