package userns

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Write gives the user namespace of the process pid, which has been in it from
// its first moment and waits, its ids. Where the caller may not write the group
// ids as they are, setgroups(2) is given up for the namespace, as
// user_namespaces(7) wants it.
func Write(pid int, uids, gids []Map) error {
	if err := write(pid, "uid_map", text(uids)); err != nil {
		return explain("user ids", uids, err)
	}
	err := write(pid, "gid_map", text(gids))
	if errors.Is(err, unix.EPERM) {
		if err := write(pid, "setgroups", "deny"); err != nil {
			return fmt.Errorf("give up setgroups: %w", err)
		}
		err = write(pid, "gid_map", text(gids))
	}
	if err != nil {
		return explain("group ids", gids, err)
	}
	return nil
}

func write(pid int, file, content string) error {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/"+file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(content)) // in one call: the kernel takes no second
	return err
}

func explain(what string, maps []Map, err error) error {
	err = fmt.Errorf("map %s: %w", what, err)
	if errors.Is(err, unix.EPERM) && os.Geteuid() == 0 {
		return fmt.Errorf("%w: root's own id is mapped only by who has CAP_SETFCAP (Linux 5.12), others' by who has CAP_SETUID and CAP_SETGID", err)
	}
	if errors.Is(err, unix.EPERM) && (len(maps) != 1 || maps[0].Size != 1 || int(maps[0].Host) != os.Getuid()) {
		return fmt.Errorf("%w: without privileges only the own id can be mapped, and what /etc/subuid and /etc/subgid grant by newuidmap and newgidmap", err)
	}
	return err
}
