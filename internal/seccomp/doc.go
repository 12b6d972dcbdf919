// Package seccomp compiles config.json's linux.seccomp into the program that
// seccomp(2) takes.
//
//	f, err := seccomp.Compile(spec.Linux.Seccomp, runtime.GOARCH)
//	// f.Program is classic BPF, f.Flags are seccomp(2)'s
//
// It is pure: no system call, and no table that is made at start-up. The
// verdicts are those of runc with libseccomp:
//
//   - The machine's own architecture is always there, the others that it can
//     run if linux.seccomp.architectures lists them. A call by any other is
//     the end of the process.
//   - A rule whose action is the default one is as if it were not there. Of a
//     call's rules the first without conditions decides; if all have some, the
//     most particular of those that match (see before), else the default.
//   - Conditions of one rule must all hold. Where two of them are about the
//     same argument each is a rule of its own.
//   - A call with a higher number than all that the filter names is newer than
//     the filter: it gets ENOSYS, so that programs fall back, unless the
//     default action lets calls pass.
//   - A name that is no system call here is skipped; see Filter.Skipped.
//   - A 32-bit architecture's arguments are compared in their low halves.
//
// It differs from them where a program of 386 makes a socket or IPC call
// through the old socketcall or ipc: their arguments lie in memory, which a
// filter cannot see. libseccomp compares the conditions with registers that
// hold something else; here a rule with conditions counts without them if it
// is stricter than the default, and not at all if it is not.
//
// It does not load anything, and does not know what a program needs to start.
package seccomp

//go:generate go run gen.go
