// Package security attacks nsboot: each test builds a hostile root file system
// or config.json, boots it with the real binary, and shows that nothing outside
// the root changed and that nothing inside reaches what it should not. It holds
// no importable code. docs/security.md is its table of contents.
//
//	go test ./tests/security                                      # all; of the race 300 boots
//	NSBOOT_RACE_BOOTS=10000 go test ./tests/security -run Race -v # the race as it should be run before a release
//	NSBOOT_BIN=/usr/bin/nsboot go test ./tests/security           # an installed nsboot
//
// # What it guarantees
//
// Before and after every boot the tests compare the mount table of the caller's
// namespace byte for byte, the bundle, a victim directory beside it that every
// attack aims at, and the journals of mount points. All of it happens on a tmpfs
// in a mount namespace of the tests' own, with a /run of its own: nothing of the
// machine is mounted on, written or removed.
//
// # What it does not
//
// Attacks on parts that this build does not have (exec into a container,
// user namespaces of its own) belong to the work that brings them;
// docs/security.md names each. A race that is not lost in n boots may be lost in
// the next: the swap tests bound luck, they do not prove.
//
// # Where it differs from runsc
//
// The sandbox has no host mounts to protect; these attacks are those that met
// the runtimes that have.
package security
