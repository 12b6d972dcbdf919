// Package rootless tests nsboot as an ordinary user, end to end: the test binary
// starts itself in a mount namespace where /etc/subuid and /etc/subgid are its own,
// and nsboot as a user whom they grant something, or nothing.
//
//	go test ./tests/rootless               # needs root, to be somebody else
//	NSBOOT_BIN=/abs/nsboot go test ./tests/rootless
package rootless
