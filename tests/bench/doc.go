// Command bench times whole boots: from exec of a runtime to the end of busybox's `true` in a bundle, wall time and
// peak memory, for nsboot, bubblewrap, crun, runc and floor.c (a static C program that makes the same mounts and
// does nothing else).
//
// Example, as root, from the root of the module:
//
//	make bench
//	go run ./tests/bench -runs 50 -rows 'binds|host'
//
// It guarantees that all runtimes of a row boot the same root file system with the same mounts and namespaces, in
// strict alternation within one run; that each is first seen to do what is timed (a script in the container looks
// at the mounts); that a row in which any boot fails is not reported, but why; and that everything happens in a
// mount namespace of its own, on a tmpfs, so that the host is left as it was.
//
// It does not promise the same numbers twice: read ratios of one run, not times of two. Peak memory is the largest
// resident set of any one process of the boot, as wait4 gives it, not the sum of several at a time; busybox's own
// 1.2 MiB are the least. What a runtime does beyond the mounts is its own: bubblewrap, for one, has no fresh sysfs
// and binds the host's, and makes device nodes by binds.
//
// Where the host's cgroups are not version 2, a cgroup2 mount covers them in the namespace of the benchmark, for
// all runtimes: crun refuses anything else. crun-nocg is crun told to leave cgroups alone.
package main
