// Package fsview looks at a process's file system from inside, canonically, so
// that two views can be compared: nsboot's and a sandbox's, yesterday's and
// today's.
//
//	err := fsview.Look(fsview.NewWriter(os.Stdout), fsview.Options{Probe: true})
//
// A view is a stream of records, a line of JSON each, in one order (Compare): a
// header, the process, the lookup of executables, the mounts, what each mount
// point does when it is tried, the tree, and an end. Two views are compared by
// merging them.
//
// # What it guarantees
//
//   - No path makes a view fail as a whole: what could not be looked at is a
//     record that says so.
//   - Records are in strictly ascending order, whatever order directories are in.
//   - What changes from one look to the next is left out: times, inode and device
//     numbers, ids of mounts, pids, the sizes of what the kernel makes up.
//   - What is tried is tried in a directory of a random name, which is gone
//     afterwards, and the times of the directory that it was in are put back.
//     SIGINT, SIGTERM and SIGHUP are waited for; after SIGKILL the directory stays.
//   - Memory grows with the largest directory, not with the tree.
//
// # What it does not
//
//   - It does not look into files: two files of one size are the same.
//   - It does not hold still what it looks at: a tree that is written to meanwhile
//     is seen as it was when the walk came by.
//   - It does not descend into what the kernel makes up (proc, sysfs, cgroup):
//     those have their top listed.
//
// # Where it differs from runsc
//
// In nothing: it asks the kernel that it runs on, whichever that is.
package fsview
