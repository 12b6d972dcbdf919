// Command lint holds the directions of imports, which run one way:
//
//	cmd -> nsmount -> {overlayfs, tmpdetect} -> pathres -> golang.org/x/sys
//
// Example, from the root of the module:
//
//	go run ./tests/lint
//
// It guarantees that every Go file of a package that ships imports only what its row of the table in rules.go
// names, that no package is without a row, and that nothing that ships imports a package below tests/.
//
// It does not look at test files nor at packages below tests/ (they may import anything), it does not follow
// imports through other modules, and it does not check what an import is used for.
package main
