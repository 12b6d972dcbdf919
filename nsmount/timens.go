package nsmount

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TimeOffset is how far a clock of the container's time namespace is ahead of the
// host's: time_namespaces(7).
type TimeOffset struct {
	Clock    string `json:"clock"` // monotonic or boottime
	Secs     int64  `json:"secs"`
	Nanosecs uint32 `json:"nanosecs,omitzero"`
}

// maxOffset is the kernel's KTIME_SEC_MAX.
const maxOffset = (1<<63 - 1) / 1_000_000_000

// compileTimeOffsets leaves out what asks for nothing.
func compileTimeOffsets(in map[string]specs.LinuxTimeOffset, namespaces []Namespace) (list []TimeOffset, err error) {
	for _, clock := range slices.Sorted(maps.Keys(in)) {
		o := in[clock]
		switch {
		case clock != "boottime" && clock != "monotonic":
			return nil, fmt.Errorf("linux.timeOffsets %q: only the clocks boottime and monotonic can have one", clock)
		case o.Nanosecs >= 1_000_000_000:
			return nil, fmt.Errorf("linux.timeOffsets %s: %d nanosecs are a second or more", clock, o.Nanosecs)
		case o.Secs > maxOffset || o.Secs < -maxOffset:
			return nil, fmt.Errorf("linux.timeOffsets %s: %d secs are more than a clock has", clock, o.Secs)
		case o.Secs != 0 || o.Nanosecs != 0:
			list = append(list, TimeOffset{clock, o.Secs, o.Nanosecs})
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	i := slices.IndexFunc(namespaces, func(n Namespace) bool { return n.Type == "time" })
	switch {
	case i < 0:
		return nil, fmt.Errorf(`linux.timeOffsets %s: needs a time namespace: add {"type": "time"} to linux.namespaces`, list[0].Clock)
	case namespaces[i].Path != "":
		return nil, fmt.Errorf("linux.timeOffsets %s: linux.namespaces[%d] joins a time namespace, whose clocks are set", list[0].Clock, i)
	}
	return list, nil
}

// offsetLines is what /proc/PID/timens_offsets is written.
func offsetLines(list []TimeOffset) []byte {
	var text strings.Builder
	for _, o := range list {
		fmt.Fprintf(&text, "%s %d %d\n", o.Clock, o.Secs, o.Nanosecs)
	}
	return []byte(text.String())
}
