// Package overlayfs makes one overlay mount out of directories given as
// descriptors.
//
//	layers := overlayfs.Layers{Lower: []int{tree, stubs}, Upper: upper, Work: work}
//	if err := overlayfs.CopyRootAttr(upper, tree); err != nil { ... }
//	fd, err := overlayfs.Mount(layers, overlayfs.Options{NewUpper: true})
//	if err != nil { ... }
//	err = unix.MoveMount(fd, "", targetFD, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
//
// # What it guarantees
//
//   - No layer is ever named by a path of the caller's: a directory swapped for
//     a symbolic link after it was opened changes nothing, and ',' ':' '\' and
//     newlines in names need no quoting.
//   - The mount is detached: nothing is visible anywhere until the caller moves
//     it to its place, and closing the descriptor undoes it.
//   - What the kernel says in the log of the file system context is in the
//     error; what it refuses without a word (a third level of overlays, an upper
//     and a work directory on different mounts, one layer inside another) is
//     checked beforehand or explained in [MountError.Hint].
//   - An upper or work directory that another overlay uses is refused with
//     EBUSY. The kernel alone would only warn in its own log and then corrupt
//     both. See [Options.NewUpper] for the price.
//   - An overlay with an upper layer is writable: where the kernel would silently
//     mount it read-only instead (a full disk, most of all), that is an error.
//   - No descriptor stays open but the one returned.
//
// # How layers reach the kernel
//
// Three ways are tried in turn, by calling and never by version number:
//
//	FSCONFIG_SET_FD "lowerdir+", "upperdir", "workdir"   6.13 (O_PATH: see below)
//	"lowerdir+" = /proc/self/fd/N, one a call            6.8
//	"lowerdir"  = /proc/self/fd/A:/proc/self/fd/B        any; 255 bytes, about 14 layers
//
// O_PATH descriptors are accepted by FSCONFIG_SET_FD on 6.18 (tried). A kernel
// that refuses them with EBADF gets the second way. The second and third need a
// /proc that shows the calling process, and leave /proc/self/fd/N instead of the
// real paths in the mount table; nothing else differs.
//
// # What it does not guarantee
//
//   - Before 6.15 every layer must lie on a mount that is attached in the
//     caller's mount namespace; a detached one (open_tree, fsmount) is EINVAL.
//   - The check for an upper in use is not atomic with the mount: two processes
//     that start in the same instant can both pass it. It needs a kernel that
//     mounts over detached layers (6.15) and CAP_DAC_READ_SEARCH in the initial
//     user namespace; on an older one or in a user namespace it finds nothing.
//   - A lower layer changed while it is mounted gives undefined (not dangerous)
//     results, as always with overlayfs.
//   - The depth of a stack of overlays cannot be asked of the kernel: it is tried
//     out, beforehand where the upper directory is not new, else after a failure.
//
// # Where it differs from runsc
//
// The sandbox stacks its overlays without a limit and merges the root's
// attributes by itself. Here a tree, its stubs and the upper are one overlay
// (semantics.md, S1), because the kernel allows two levels and a nested
// container has used one; and a merged root takes mode, owner and times from the
// top layer, hence [CopyRootAttr].
package overlayfs
