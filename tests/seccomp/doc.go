// Package seccomp holds the proof that linux.seccomp means under nsboot what it
// means under runc: package probe's program tries every system call, amd64's,
// x32's and 386's, in a bundle with podman's and with moby's default profile,
// and its answers under the two runtimes must be the same.
//
//	NSBOOT_MUST_RUN=1 go test ./tests/seccomp    # as root; runc and podman's profile installed
//
// It also holds what needs a kernel and no runc: when the filter is loaded, that
// a process which joins the container gets it too, and that an agent is given
// the listener. What a filter says about calls with arguments is tested in
// internal/seccomp, without a kernel.
//
// All of it runs in a mount namespace of its own, on a tmpfs, with a /run of its
// own.
package seccomp
