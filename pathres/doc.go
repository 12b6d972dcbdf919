// Package pathres resolves paths inside a root directory, always by
// descriptor.
//
//	r, err := pathres.Open("/srv/bundle/rootfs")
//	if err != nil { ... }
//	defer r.Close()
//	fd, _, err := r.Make("/data/cache", pathres.MakeOptions{DirMode: 0o755})
//	err = unix.MoveMount(mnt, "", fd, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
//
// A [Root] stands for "/": an absolute symbolic link restarts at it and ".."
// never leaves it (rules P1 to P3). [Root.Open] is one openat2 with
// RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS; [Root.Lookup] and [Root.Make] walk
// component by component and say where a path leads; [Root.Remove] takes one
// thing away again; [LookPath] finds the executable (rules E1 to E9).
//
// The oldest kernel supported is 5.14 and openat2 came with 5.6, so it is always
// there. That is why it is called directly: what a library such as
// filepath-securejoin adds is mostly the way round kernels without it.
//
// # What it guarantees
//
//   - No step follows a path string that leads outside: each component is opened
//     relative to the descriptor of the one before it with O_NOFOLLOW, looked at
//     through that descriptor, and a link's text is walked from the root by the
//     same means. Whoever swaps a directory for a link at any moment gets
//     something made elsewhere inside the root, or an error.
//   - A link made by the kernel (/proc/PID/exe, cwd, root, fd/N, ns/*) is never
//     followed: [ErrMagicLink].
//   - After 40 links, ELOOP, as in the kernel.
//   - What Make creates has exactly the mode asked for, whatever the umask, on
//     file systems that keep modes, and is told before and after, one by one,
//     parents first.
//   - Remove takes only the same inode, and only an empty directory or an empty
//     regular file.
//   - Every descriptor is close-on-exec, and a failed call leaves none open.
//
// # What it does not
//
//   - Keep somebody who can rename directories inside the root from having the
//     thing made in another directory of the root.
//   - Close the moment between Remove's look at the inode and its unlink: who
//     swaps in another empty directory, or puts a file of that name, in that
//     moment loses it. Nothing outside the root can be hit.
//   - Hold back somebody on the host who moves a directory out of the root while
//     it is being walked.
//   - Save descriptors: a walk holds one for each level of depth until it ends.
//   - Look into ELF files, or scripts that it may not read: LookPath checks the
//     interpreters of scripts, not the loader that a binary names. Nor does it answer for what happens to the file
//     between the search and the exec.
//   - Ask for a given user: rule E7 is asked of the mode bits (no read bit or no
//     execute bit at all), as the search is made by root.
//
// # Where it differs from runsc
//
// runsc walks the container's tree in its own file system code, where no link
// can lead to the host. A path with ".." right after a part that does not exist
// (only a link's text can bring one) is ENOENT here, as in the kernel. An
// executable that is a magic link, or a script whose interpreter is one, is
// refused here: on the host kernel it would reach nsboot's own binary
// (CVE-2019-5736).
package pathres
