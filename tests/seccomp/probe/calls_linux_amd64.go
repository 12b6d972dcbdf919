package main

const has386 = true

var (
	native = numbers{15, 34, 58, 130, 162, 335, 513}
	on386  = numbers{29, 36, 72, 119, 173, 179, 190}
)

// int80 makes a call of 386, with all arguments -1.
//
//go:noescape
func int80(nr uintptr) uint32
