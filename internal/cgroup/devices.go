package cgroup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// access is a set of what can be done with a device, in the bits of a device
// program.
type access uint8

const (
	accessMknod access = 1 << iota
	accessRead
	accessWrite

	accessAll = accessMknod | accessRead | accessWrite
)

func (a access) String() string {
	var s []byte
	for i, letter := range []byte("mrw") {
		if a&(1<<i) != 0 {
			s = append(s, letter)
		}
	}
	return string(s)
}

// anyNumber is a major or minor number that a rule leaves open.
const anyNumber = -1

// A deviceRule allows or denies what access says of the devices that it is
// about. Of several about the same device the last one counts.
type deviceRule struct {
	kind         byte // 'a': both of 'b' and 'c'
	major, minor int64
	access       access
	allow        bool

	usual bool // not the config's: of what every container has
}

// String is the rule as cgroup v1 writes it.
func (r deviceRule) String() string {
	number := func(n int64) string {
		if n == anyNumber {
			return "*"
		}
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%c %s:%s %s", r.kind, number(r.major), number(r.minor), r.access)
}

// all reports whether the rule is about every device.
func (r deviceRule) all() bool {
	return r.kind == 'a' && r.major == anyNumber && r.minor == anyNumber
}

// covers reports whether the rule is about each device that o is about.
func (r deviceRule) covers(o deviceRule) bool {
	return (r.kind == 'a' || r.kind == o.kind) && (r.major == anyNumber || r.major == o.major) && (r.minor == anyNumber || r.minor == o.minor)
}

// meets reports whether some device can be what both rules are about.
func (r deviceRule) meets(o deviceRule) bool {
	kinds := r.kind == 'a' || o.kind == 'a' || r.kind == o.kind
	numbers := func(a, b int64) bool { return a == anyNumber || b == anyNumber || a == b }
	return kinds && numbers(r.major, o.major) && numbers(r.minor, o.minor)
}

// deviceRules are the config's rules, with the nodes of every container's /dev
// allowed right after the last that is about all devices: what comes later and
// denies one of them is obeyed. What no rule is about is denied, as with runc.
// No rules are none: the parent's stay.
func deviceRules(list []specs.LinuxDeviceCgroup) (out []deviceRule, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	at := 0
	for i, d := range list {
		r, err := newDeviceRule(d)
		if err != nil {
			return nil, fmt.Errorf("linux.resources.devices[%d]: %w", i, err)
		}
		out = append(out, r)
		if r.all() {
			at = i + 1
		}
	}
	return slices.Insert(out, at, usualDevices()...), nil
}

func newDeviceRule(d specs.LinuxDeviceCgroup) (r deviceRule, err error) {
	r = deviceRule{major: anyNumber, minor: anyNumber, allow: d.Allow}
	switch d.Type {
	case "", "a":
		r.kind = 'a'
	case "c", "u":
		r.kind = 'c'
	case "b":
		r.kind = 'b'
	default:
		return r, fmt.Errorf("type %q: none of a, b, c, u", d.Type)
	}
	for _, letter := range d.Access {
		i := strings.IndexRune("mrw", letter)
		if i < 0 {
			return r, fmt.Errorf("access %q: letters other than r, w and m", d.Access)
		}
		r.access |= 1 << i
	}
	if d.Access == "" && !d.Allow {
		r.access = accessAll
	}
	for _, n := range []struct {
		from *int64
		to   *int64
		name string
	}{{d.Major, &r.major, "major"}, {d.Minor, &r.minor, "minor"}} {
		if n.from == nil || *n.from == anyNumber {
			continue
		}
		if *n.to = *n.from; *n.to < 0 || *n.to >= 1<<31 {
			return r, fmt.Errorf("%s number %d: no device has it", n.name, *n.to)
		}
	}
	return r, nil
}

// usualDevices are what runtime-spec gives every container.
func usualDevices() (out []deviceRule) {
	add := func(major, minor int64) {
		out = append(out, deviceRule{kind: 'c', major: major, minor: minor, access: accessAll, allow: true, usual: true})
	}
	for _, minor := range []int64{3, 5, 7, 8, 9} { // null, zero, full, random, urandom
		add(1, minor)
	}
	add(5, 0)           // tty
	add(5, 1)           // console
	add(5, 2)           // ptmx
	add(136, anyNumber) // the slaves of devpts
	return out
}
