// Package terminal makes the pseudo-terminal of a container's process and says
// what becomes of its master side: it is handed to an engine, or nsboot copies
// between it and the terminal that it was started on.
//
//	pair, err := terminal.Open(root, terminal.CallersDevpts())
//	...                                    // the process gets pair.Slave
//	s, err := terminal.Attach(pair.Master) // its output appears, its input is typed
//	...                                    // the process ends
//	s.Close()                              // all of its output is out, the caller's terminal as it was
//
// It guarantees that the terminal comes from a devpts inside the root, reached by
// descriptor and looked at before it is used (CVE-2025-52565), and never from the
// caller's own; that the caller's terminal is put back on every way out but
// SIGKILL; that what the process wrote last is not lost.
//
// It does not see to job control inside: the process does, with the terminal as
// its controlling one.
//
// Where it differs from runsc: a sandbox emulates the terminal; this is the
// kernel's. Where it differs from runc: at the end of a standard input that is no
// terminal the process reads an end of file; runc leaves it waiting.
package terminal
