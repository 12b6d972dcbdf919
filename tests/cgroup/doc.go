// Package cgroup holds the end-to-end tests of a container's own cgroup:
// linux.resources, linux.cgroupsPath, pause, resume and update.
//
//	go test ./tests/cgroup            # as root, on a host with cgroups
//	NSBOOT_MUST_RUN=1 go test ./tests/cgroup -run TestFreezer
//
// All of it runs in one mount namespace that is cut off from the machine's. The
// cgroups are the machine's own, below a name of this run's; each test has a
// --root of its own, and ends with a look at what is left: no cgroup, no process.
// The tests of cgroup v2 mount it over a host's v1 for each command.
//
// It does not cover the systemd manager, which this build has not.
//
// Where it differs from runsc: nothing is compared; the kernel's files say what
// is in force.
package cgroup
