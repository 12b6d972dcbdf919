package userns

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Map is a range of ids: Size ids from ID on, inside, are those from Host on,
// outside.
type Map struct {
	ID, Host, Size uint32
}

// Range is a range of ids outside.
type Range struct{ Host, Size uint32 }

// maxMaps is how many lines the kernel takes (4.15, user_namespaces(7)).
const maxMaps = 340

// Check refuses what the kernel would answer with a bare EINVAL. The error begins
// with field, and the index of the range.
func Check(field string, maps []Map) error {
	if len(maps) > maxMaps {
		return fmt.Errorf("%s: %d ranges: the kernel takes %d", field, len(maps), maxMaps)
	}
	for i, m := range maps {
		switch {
		case m.Size == 0:
			return fmt.Errorf("%s[%d]: its size is 0", field, i)
		case m.ID > math.MaxUint32-m.Size || m.Host > math.MaxUint32-m.Size:
			return fmt.Errorf("%s[%d]: %s goes beyond the last id", field, i, m)
		}
		for j, o := range maps[:i] {
			if overlap(m.ID, o.ID, m.Size, o.Size) || overlap(m.Host, o.Host, m.Size, o.Size) {
				return fmt.Errorf("%s[%d]: %s overlaps [%d], %s", field, i, m, j, o)
			}
		}
	}
	if n := len(text(maps)); n > maxText {
		return fmt.Errorf("%s: %d ranges of %d characters: the kernel reads %d", field, len(maps), n, maxText)
	}
	return nil
}

// maxText is how long a map may be, written out: the kernel reads less than a
// page, of which the smallest has 4096 bytes.
const maxText = 4095

func overlap(a, b, aSize, bSize uint32) bool { return a < b+bSize && b < a+aSize }

func (m Map) String() string {
	return fmt.Sprintf("%d ids from %d on, outside from %d on", m.Size, m.ID, m.Host)
}

// text is how /proc/PID/uid_map takes the ranges.
func text(maps []Map) string {
	var b strings.Builder
	for _, m := range maps {
		fmt.Fprintf(&b, "%d %d %d\n", m.ID, m.Host, m.Size)
	}
	return b.String()
}

// Outside is the id outside that id inside stands for.
func Outside(maps []Map, id uint32) (host uint32, ok bool) {
	for _, m := range maps {
		if id >= m.ID && id-m.ID < m.Size {
			return m.Host + (id - m.ID), true
		}
	}
	return 0, false
}

// Default is what an ordinary user's namespace has: root is the user, the ids
// after it are the granted ones, as many as the kernel takes.
func Default(own int, granted []Range) []Map {
	maps := []Map{{ID: 0, Host: uint32(own), Size: 1}}
	next := uint32(1)
	for _, r := range granted {
		if len(maps) == maxMaps || next > math.MaxUint32-r.Size {
			break
		}
		maps = append(maps, Map{ID: next, Host: r.Host, Size: r.Size})
		next += r.Size
	}
	return maps
}

// Subordinate reads what /etc/subuid or /etc/subgid grants a user, by name or by
// number. Lines that make no sense grant nothing.
func Subordinate(file, name string, uid int) (granted []Range) {
	for line := range strings.Lines(file) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] == "" || f[0] != name && f[0] != strconv.Itoa(uid) {
			continue
		}
		host, err := strconv.ParseUint(f[1], 10, 32)
		size, serr := strconv.ParseUint(f[2], 10, 32)
		if errors.Join(err, serr) != nil || size == 0 || host+size > math.MaxUint32 {
			continue
		}
		r := Range{uint32(host), uint32(size)}
		if !slices.ContainsFunc(granted, func(o Range) bool { return overlap(r.Host, o.Host, r.Size, o.Size) }) {
			granted = append(granted, r)
		}
	}
	return granted
}

// Read parses the ranges of /proc/PID/uid_map or gid_map.
func Read(text string) (maps []Map) {
	for line := range strings.Lines(text) {
		var m Map
		if n, err := fmt.Sscan(line, &m.ID, &m.Host, &m.Size); err == nil && n == 3 {
			maps = append(maps, m)
		}
	}
	return maps
}
