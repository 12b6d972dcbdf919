package nsmount

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// OwnCapabilities are the calling thread's permitted capabilities, in the
// bounding, permitted and effective sets.
func OwnCapabilities() (*Capabilities, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, fmt.Errorf("own capabilities: %w", err)
	}
	set := uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32
	return &Capabilities{Bounding: set, Permitted: set, Effective: set}, nil
}
