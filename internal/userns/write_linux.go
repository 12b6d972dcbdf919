package userns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

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
	if errors.Is(err, unix.EPERM) && (len(maps) != 1 || maps[0].Size != 1 || int(maps[0].Host) != os.Getuid()) {
		return fmt.Errorf("%w: without privileges only the own id can be mapped, and what /etc/subuid and /etc/subgid grant by newuidmap and newgidmap", err)
	}
	return err
}

// Tools are the paths of newuidmap(1) and newgidmap(1), both or none.
func Tools() (newuidmap, newgidmap string) {
	u, uerr := exec.LookPath("newuidmap")
	g, gerr := exec.LookPath("newgidmap")
	if uerr != nil || gerr != nil {
		return "", ""
	}
	return u, g
}

// WriteByTool is one half of Write, for those who need newuidmap or newgidmap to
// do it.
func WriteByTool(tool string, pid int, maps []Map) error {
	args := []string{strconv.Itoa(pid)}
	for _, m := range maps {
		args = append(args, fmt.Sprint(m.ID), fmt.Sprint(m.Host), fmt.Sprint(m.Size))
	}
	out, err := exec.Command(tool, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", tool, err, strings.TrimSpace(string(out)))
	}
	return nil
}
