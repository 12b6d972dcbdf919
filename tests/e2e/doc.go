// Package e2e holds the end-to-end tests: they build nsboot, write bundles,
// boot them on this machine's kernel, and look at what the process sees and at
// what the host is left with.
//
//	go test ./tests/e2e            # as root
//	NSBOOT_MUST_RUN=1 go test ./tests/e2e -run TestBinds
//
// All of it runs in one mount namespace that is cut off from the machine's, on a
// tmpfs that ends with it, and with a /run of its own: nothing of a test is seen
// by the machine. Inside, all mounts are shared, as they are on a host of
// systemd's: what a boot let out would be seen. After each boot the harness itself checks that the mount table is
// what it was, that the bundle is (unless a test says what the process wrote),
// and that no process of the container is left.
//
// It does not cover what needs no kernel (package nsmount's golden plans), nor
// the failure of each single call, which the tests of package nsmount inject.
//
// NSBOOT_DEBIAN_ROOT=DIR names a Debian root (debootstrap --include=python3)
// that TestDebian boots in all profiles; without it that one test is skipped.
//
// Where it differs from runsc: make parity compares with it; here only the
// rules are held against the kernel.
package e2e
