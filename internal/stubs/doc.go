// Package stubs keeps the journal of the mount points that nsboot makes in a
// writable tree of the host, so that they are gone afterwards (semantics.md, S5),
// even after a SIGKILL.
//
//	j, err := stubs.Open(stateDir, root, "/srv/rootfs", true)
//	if err != nil { ... }
//	fd, _, err := root.Make("/data", pathres.MakeOptions{DirMode: 0o755, Before: j.Before, Made: j.Made})
//	// mount on fd, run, wait
//	err = j.Close()
//
// There is one journal for each base directory (a container's root, or a bind
// source), a file in a state directory, named after the base's device and inode.
// Every boot that uses stubs of the base holds a shared lock on it. Whoever can
// have the exclusive lock is alone: the last one to close removes what is
// recorded, and the first one to open after a crash does it for the dead.
//
// # The order for a boot
//
// First see whether all mount points exist; then call Open, with create if one
// is missing. If Open returns a journal although none was missing, look again:
// what was there may have been the stub of a boot that has just ended. A mount
// point that exists without a journal is nobody's stub, and stays.
//
// # What it guarantees
//
//   - A stub of a live boot is never removed: another namespace's rmdir of a
//     mount point would succeed and detach the mount (kernel.md).
//   - Removed is only what was recorded: the same device, inode and birth time,
//     reached without a symbolic link, and empty (CVE-2024-23652). What the
//     container replaced or filled stays.
//   - A kill between the record of an intent and the record of what was made is
//     covered: see [Journal.Before].
//   - A record that was cut off spoils no other.
//
// # What it does not guarantee
//
//   - The lock is held by nsboot, not by the container: whoever uses it lets the
//     container die with its nsboot (PR_SET_PDEATHSIG, or a pid namespace).
//   - Nothing is synced to disk: a power failure can lose records. With the state
//     directory in /run they are lost in any case.
//   - After a kill at the one wrong moment a stub stays on a file system without
//     birth times. An empty directory of the same user that somebody else made
//     under the same name between [Journal.Before] and mkdir is taken for a stub.
//   - Locks are per kernel: two machines that share a tree do not see each other.
//
// # Where it differs from runsc
//
// The sandbox makes its stubs in memory and needs none of this.
package stubs
