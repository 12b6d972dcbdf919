package nsmount

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// Verify reads the mount table of the process pid, once, and compares it with
// the plan that its container was made from: no findings, no differences. The
// caller makes sure that pid is the container's.
func Verify(plan *Plan, pid int) ([]Finding, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	text, err := readKernelFile(dir + "/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	infos, err := mountinfo.GetMountsFromReader(bytes.NewReader(text), nil)
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	root, err := pathres.Open(dir + "/root")
	if err != nil {
		return nil, err
	}
	defer root.Close()
	table := make([]TableMount, len(infos))
	for i, m := range infos {
		table[i] = TableMount{Target: m.Mountpoint, Type: m.FSType, Flags: strings.Split(m.Options, ","), Propagation: m.Optional}
	}
	return plan.Compare(table, func(target string) (string, bool) {
		found, err := root.Lookup(target, false)
		if err != nil {
			return target, !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR)
		}
		return found.Path, found.Exists()
	}), nil
}
