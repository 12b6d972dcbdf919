package cgroup

import (
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"
)

// deviceList is what a devices cgroup of v1 knows: all devices but some are
// allowed, or all but some are denied.
type deviceList struct {
	allowed bool
	except  []deviceRule // of kind b or c
}

// newDeviceList works out the state that rules, in their order, lead to. Where
// the kernel could not tell an exception to an exception, an error names it:
// its list would be looser than the rules, or stricter.
func newDeviceList(rules []deviceRule) (l deviceList, err error) {
	for _, r := range rules {
		if r.all() && r.access == accessAll {
			l = deviceList{allowed: r.allow}
			continue
		}
		kinds := []byte{r.kind}
		if r.kind == 'a' {
			kinds = []byte("bc")
		}
		for _, r.kind = range kinds {
			if err := l.add(r); err != nil {
				return l, err
			}
		}
	}
	return l, nil
}

func (l *deviceList) add(r deviceRule) error {
	if r.allow == l.allowed { // it takes away from the exceptions
		for i := range l.except {
			e := &l.except[i]
			switch {
			case r.covers(*e):
				e.access &^= r.access
			case r.meets(*e) && r.access&e.access != 0:
				return fmt.Errorf("linux.resources.devices: %s is to be %s where %s is not: cgroup v1, which this host has, knows no exceptions of exceptions", r, verb(r.allow), *e)
			}
		}
		l.except = slices.DeleteFunc(l.except, func(e deviceRule) bool { return e.access == 0 })
		return nil
	}
	for i := range l.except {
		if e := &l.except[i]; e.covers(r) && r.covers(*e) {
			e.access |= r.access
			e.usual = e.usual && r.usual
			return nil
		}
	}
	if r.access != 0 {
		l.except = append(l.except, r)
	}
	return nil
}

// set puts the list in force in a devices cgroup that has none below it.
func (l deviceList) set(dir string) error {
	whole, each := "devices.deny", "devices.allow"
	if l.allowed {
		whole, each = each, whole
	}
	if err := cgroups.WriteFile(dir, whole, "a"); err != nil {
		return explainDevices("a", err)
	}
	for _, e := range l.except {
		err := cgroups.WriteFile(dir, each, e.String())
		if err != nil && e.usual && errors.Is(err, unix.EPERM) {
			continue // not asked for: what the parent denies stays denied
		}
		if err != nil {
			return explainDevices(e.String(), err)
		}
	}
	return nil
}

func explainDevices(rule string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("devices: rule %q: %w: the cgroup above does not allow that itself", rule, err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("devices: rule %q: %w: the container has made cgroups below its own", rule, err)
	}
	return fmt.Errorf("devices: rule %q: %w", rule, err)
}

func verb(allow bool) string {
	if allow {
		return "allowed"
	}
	return "denied"
}
