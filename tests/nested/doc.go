// Package nested tests nsboot where it is not the host's root: in user namespaces
// made by others, in a container whose /proc is masked or is another pid namespace's,
// as a root with few capabilities, on file systems that are read-only, and inside
// nsboot itself, three levels deep. In each the judge (tests/nested/judge) boots the
// usual configs by all profiles. tests/clients has it run inside podman.
//
//	go test ./tests/nested                # needs root, a static busybox, unshare and setpriv
//	NSBOOT_BIN=/abs/nsboot go test ./tests/nested
//
// It does not test what a boot does inside: that is the same wherever it is, and
// other packages' matter.
package nested
