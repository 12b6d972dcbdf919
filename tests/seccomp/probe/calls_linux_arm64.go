package main

const has386 = false

var (
	native = numbers{81, 133, 139}
	on386  numbers
)

func int80(uintptr) uint32 { return 0 }
