// Package container keeps the state of containers that outlive a command: what
// create, start, state, kill, delete and list know of each other.
//
//	store := container.Store{Root: "/run/nsboot"}
//	c, err := store.Create("web")   // locked; ErrExist if there is one
//	err = c.Save(container.State{Bundle: "/srv/web", Pid: pid, StartTime: start})
//	c.Close()
//	status := state.Status(store.Facts(state))
//
// A container is a directory Root/containers/ID with state.json in it, written
// to a temporary name and renamed, and the two FIFOs by which the process waits
// to be started. Its lock is a flock of the directory: whoever dies lets go of it.
//
// # What it guarantees
//
//   - Of two creates of one ID one wins.
//   - A reader never sees half a state, and needs no lock.
//   - What a state says of a process is checked against that process's start time:
//     a recycled pid is not the container.
//   - After SIGKILL of any command, List tells what is so, and the directory can
//     be removed.
//
// # What it does not
//
//   - It starts and ends no process; nsmount and the commands do.
//   - It does not survive a reboot on a Root that does: /run is where it belongs.
//
// # Where it differs from runsc
//
// runsc asks the sandbox; here the kernel's process table is asked.
package container
