package nsmount

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// utsName is what the uts namespace is set to, as far as it is not empty.
type utsName struct{ host, domain string }

// settle sets up the new namespaces, which the thread is in.
func (n *namespaces) settle() error {
	for _, f := range [...]struct {
		field, name string
		set         func([]byte) error
	}{{"hostname", n.name.host, unix.Sethostname}, {"domainname", n.name.domain, unix.Setdomainname}} {
		if f.name == "" {
			continue
		}
		if n.uts == utsHost {
			return fmt.Errorf("%s: %q: needs a uts namespace: add {\"type\": \"uts\"} to linux.namespaces", f.field, f.name)
		}
		if err := f.set([]byte(f.name)); err != nil {
			return fmt.Errorf("%s: set %q: %w", f.field, f.name, nsError(err))
		}
	}
	if n.newFlags&unix.CLONE_NEWNET != 0 {
		if err := loopbackUp(); err != nil {
			err = fmt.Errorf("linux.namespaces network: bring up lo: %w", err)
			if errors.Is(err, unix.EPERM) {
				return &HintError{err, "this needs CAP_NET_ADMIN: inside a container, one with --privileged or --cap-add NET_ADMIN; or leave the network namespace out"}
			}
			return err
		}
	}
	return nil
}

// refuseOwnUTS keeps a config that joins nsboot's own uts namespace (by
// /proc/1/ns/uts, say) from renaming the host.
func (n *namespaces) refuseOwnUTS() error {
	field, name := "hostname", n.name.host
	if name == "" {
		field, name = "domainname", n.name.domain
	}
	var own unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/uts", &own); err != nil {
		return fmt.Errorf("%s: look up the own uts namespace: %w", field, err)
	}
	for _, j := range n.joins {
		var st unix.Stat_t
		if j.flag != unix.CLONE_NEWUTS {
			continue
		}
		if err := unix.Fstat(j.fd, &st); err != nil {
			return fmt.Errorf("%s: look up %s: %w", j.what, j.path, err)
		}
		if st.Dev == own.Dev && st.Ino == own.Ino {
			return fmt.Errorf("%s: %q: %s joins the caller's own uts namespace; setting it would rename the host", field, name, j.what)
		}
	}
	return nil
}

// loopbackUp does what runc and runsc do in a new network namespace: its one
// interface exists but is down.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return nil // a kernel without IPv4 has no 127.0.0.1 either
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req); err != nil {
		return err
	}
	req.SetUint16(req.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}
