package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// refuseSetuid refuses to run with more privileges than the caller has: nsboot
// mounts what config.json says wherever it says, so that installed setuid or with
// file capabilities it would make any user root (CVE-2016-3135, CVE-2020-5291).
func refuseSetuid() error {
	if os.Getuid() == os.Geteuid() && os.Getgid() == os.Getegid() && !raisedByFile() {
		return nil
	}
	return &usageError{
		msg:  "installed setuid, setgid or with file capabilities: it refuses to run, for it would make any user root",
		hint: "remove them: chmod ug-s, setcap -r; run it with sudo, or inside a user namespace: unshare --user --map-root-user",
	}
}

// raisedByFile reports whether an ordinary user has been given capabilities by
// the file. The kernel's AT_SECURE tells of that, but also of a change of
// security label; then there are none.
func raisedByFile() bool {
	const atSecure = 23
	if os.Getuid() == 0 {
		return false
	}
	auxv, err := unix.Auxv()
	if err != nil {
		return false
	}
	for _, entry := range auxv {
		if entry[0] == atSecure && entry[1] == 0 {
			return false
		}
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return true
	}
	return data[0].Permitted|data[1].Permitted != 0
}
