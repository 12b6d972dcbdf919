// Package rlimit remembers the limit on open descriptors that the program was
// started with.
//
// A Go program that imports os (or syscall) raises its own soft RLIMIT_NOFILE
// to the hard limit when it starts. A program started from it inherits the
// raised limit unless something puts the old one back: os/exec does, a raw
// execve does not. This package reads the limit before it is raised:
//
//	import "github.com/nsboot/nsboot/internal/rlimit"
//
//	if soft, hard, ok := rlimit.Nofile(); ok {
//		fmt.Println("the caller allowed", soft, "of", hard)
//	}
//
// What it guarantees: on linux/amd64 and linux/arm64, the values are those of
// the moment before package syscall was initialised. Packages are initialised
// sorted by import path as soon as what they import is (Go 1.21 and later);
// this one imports nothing but unsafe, hence the assembly, and its path sorts
// before "syscall".
//
// What it does not: it says nothing about later changes by anybody, and on
// other systems ok is false.
package rlimit
