// Package lifecycle holds the end-to-end tests of containers that outlive a
// command: create, start, state, kill, delete, list, ps and run --detach.
//
//	go test ./tests/lifecycle            # as root
//	NSBOOT_MUST_RUN=1 go test ./tests/lifecycle -run TestKilled
//
// All of it runs in one mount namespace that is cut off from the machine's, on a
// tmpfs that ends with it. Each test has a --root of its own, and ends with a look
// at what is left of it: no process, no mount point on the host, no state.
//
// The test process is the subreaper of all containers, as an engine's monitor is.
//
// It does not cover what the process sees of its file system, which is the same
// as for nsboot run, nor exec.
//
// Where it differs from runsc: nothing is compared; runtime-spec says what is right.
package lifecycle
