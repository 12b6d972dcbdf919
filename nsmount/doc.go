// Package nsmount boots the file system of an OCI bundle on real kernel mounts,
// by the rules of gVisor's runsc.
//
// The line of one bundle is
//
//	config.json -> Compile -> Plan -> Apply -> Boot
//	               pure       data    kernel   kernel
//
// Compile decides every mount and touches nothing; the Plan it gives is plain
// data that can be printed, recorded as JSON and replayed. Apply carries a plan
// out in the calling thread's mount namespace. Boot does that in namespaces of
// its own and runs the process there.
//
//	plan, err := nsmount.Compile(spec, nsmount.Options{Bundle: "/srv/bundle"})
//	plan.Format(os.Stdout, false)
//	process, err := nsmount.CompileProcess(spec)
//	code, err := nsmount.Boot(plan, process, nsmount.BootOptions{})
//
// Whose rules are followed is a [Profile], a value of plain data: runsc (the
// default), runsc-2019, runsc-2018, oci. The rules are numbered in
// docs/semantics.md; steps, warnings and comments cite them.
//
// # What it guarantees
//
//   - Every path inside the container's root is resolved by openat2 inside that
//     root and used as a descriptor from then on.
//   - A read-only or overlaid tree of the host is never written. What is made in a
//     writable one to mount on is journalled and removed afterwards, by descriptor,
//     only if it is the same inode and empty (S5).
//   - Nothing of the config that tightens is dropped (the standing rule).
//   - A failed Apply or Boot leaves no mount, mount point, process or descriptor
//     behind. Its error names the place in config.json.
//
// # What it does not
//
//   - It is no sandbox: the process talks to the host's kernel, with the
//     capabilities, namespaces and masked paths that the config gives it.
//   - Fields that it does not know of are not its business: refusing them is the
//     caller's (cmd/nsboot does).
//   - Apply alone switches no root and enters no namespace.
//   - A process that outlives nsboot is not looked after: the process dies with
//     the thread that called Boot.
//
// # Where it differs from runsc
//
// DIVERGENCES.md lists each difference with its reason and its test: /dev holds
// the host's null, zero and so on by number, never a devtmpfs (D1); a directory
// is not mounted over a file (D2); nothing is mounted below /proc that could fake
// what the kernel says.
package nsmount
