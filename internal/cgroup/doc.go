// Package cgroup gives a container the cgroup that config.json asks for, on
// hosts of cgroup v1, v2 or both, through github.com/opencontainers/cgroups.
//
//	g, err := cgroup.New("web", spec.Linux.CgroupsPath, spec.Linux.Resources)
//	record(g.Paths())      // before anything exists
//	err = g.Create()       // directories and limits; then
//	err = g.Add(pid)       // the process, before it runs anything
//	err = g.Remove()       // once all in it have ended
//
// # What it guarantees
//
//   - What the host cannot honour is an error that names the property, before
//     anything is made.
//   - A cgroup that processes of others are in is not taken.
//   - Device rules are never looser than the config's: the nodes that every
//     container has are allowed right after its last rule about all devices, so
//     that what it denies by number stays denied. What no rule is about is denied.
//     The rules are nsboot's own work, by devices.allow and devices.deny in v1 and
//     a program of a few instructions in v2: the library's way to load one costs
//     each start of nsboot 0.1 ms.
//   - A config without device rules has its parent's.
//
// # What it does not
//
//   - It talks to no systemd: no slices, no scopes.
//   - It does not keep a container from changing the limits in a cgroup mount
//     that its config lets it write to.
//   - Directories above the container's own stay when it is removed.
//
// # Where it differs from runsc
//
// runsc limits the sandbox, of all containers of a pod, by one cgroup; here each
// container has its own.
package cgroup
