package tmpdetect

import (
	"fmt"
	"syscall"
)

// Found is what is at the path. "Link" stands for a path with a symbolic link in
// it, and says what is at its end inside the root.
type Found uint8

const (
	Absent       Found = iota // nothing (T2)
	Empty                     // a directory without entries (T3)
	Occupied                  // a directory with any entry at all (T4), or a submount below it (T5)
	NotDir                    // a regular file, or anything else but a directory (T9)
	LinkEmpty                 // a link to an empty directory (T6)
	LinkOccupied              // a link to a directory with entries (T7)
	LinkDangling              // a link to nothing (T8)
	LinkNotDir                // a link to, or through, what is not a directory (T9 through a link)
	LinkLoop                  // links without end, or a link made by the kernel (P3)
)

var foundText = [...]string{
	Absent:       "nothing",
	Empty:        "an empty directory",
	Occupied:     "a directory with entries",
	NotDir:       "not a directory",
	LinkEmpty:    "a symbolic link to an empty directory",
	LinkOccupied: "a symbolic link to a directory with entries",
	LinkDangling: "a dangling symbolic link",
	LinkNotDir:   "a symbolic link to what is not a directory",
	LinkLoop:     "a symbolic link that leads nowhere",
}

// String describes what was found, for a plan or a message.
func (f Found) String() string {
	if int(f) < len(foundText) {
		return foundText[f]
	}
	return fmt.Sprintf("Found(%d)", uint8(f))
}

// Action is what is to be done.
type Action uint8

const (
	Leave Action = iota // no tmpfs
	Cover               // a tmpfs on it, or on what the link leads to
	Fail                // an error
)

// String is "leave", "cover" or "fail".
func (a Action) String() string {
	switch a {
	case Leave:
		return "leave"
	case Cover:
		return "cover"
	case Fail:
		return "fail"
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// Case is the action in one case. Errno is the error of Fail.
type Case struct {
	Action Action
	Errno  syscall.Errno
}

// Rule is what a profile does in each case; see [Found] for the cases. The zero Rule
// leaves everything alone.
type Rule struct {
	Absent, Empty, Occupied, NotDir                             Case
	LinkEmpty, LinkOccupied, LinkDangling, LinkNotDir, LinkLoop Case

	// Mode is that of the tmpfs (T10).
	Mode uint32
}

// RuleRunsc2018 is the rule of profile runsc-2018: every directory is covered.
func RuleRunsc2018() Rule {
	r := Always()
	r.Mode = 0o777
	return r
}

// RuleRunsc2019 is the rule of profile runsc-2019: no link is followed.
func RuleRunsc2019() Rule {
	cover, loop := Case{Action: Cover}, fail(syscall.ELOOP)
	return Rule{
		Absent: cover, Empty: cover, NotDir: fail(syscall.ENOTDIR),
		LinkEmpty: loop, LinkOccupied: loop, LinkDangling: loop, LinkNotDir: loop, LinkLoop: loop,
		Mode: 0o777,
	}
}

// RuleRunsc is the rule of profile runsc: what is empty is covered, at the end of a
// link too.
func RuleRunsc() Rule {
	cover := Case{Action: Cover}
	return Rule{
		Absent: cover, Empty: cover, LinkEmpty: cover,
		LinkDangling: fail(syscall.ENOENT), LinkLoop: fail(syscall.ELOOP),
		Mode: 0o1777,
	}
}

// RuleOCI is the rule of profile oci: only what the spec lists is mounted.
func RuleOCI() Rule { return Never() }

// Always is --tmp=tmpfs: whatever a tmpfs can be mounted on is covered. A caller
// that overrides a profile keeps the profile's Mode.
func Always() Rule {
	cover := Case{Action: Cover}
	return Rule{
		Absent: cover, Empty: cover, Occupied: cover, NotDir: fail(syscall.ENOTDIR),
		LinkEmpty: cover, LinkOccupied: cover,
		LinkDangling: fail(syscall.ENOENT), LinkNotDir: fail(syscall.ENOTDIR), LinkLoop: fail(syscall.ELOOP),
		Mode: 0o1777,
	}
}

// Never is --tmp=rootfs: nothing is covered and nothing is an error. Mode is not
// used.
func Never() Rule { return Rule{Mode: 0o1777} }

func fail(errno syscall.Errno) Case { return Case{Fail, errno} }

// Decide returns what rule r does with what was found. With [Fail] there is an error,
// and only then; it says what was found, wraps the rule's errno, and leaves the
// path to the caller.
func Decide(r Rule, f Found) (Action, error) {
	c, ok := r.of(f)
	if !ok {
		return Fail, fmt.Errorf("deciding about a tmpfs: %v: %w", f, syscall.EINVAL)
	}
	if c.Action == Fail {
		return Fail, fmt.Errorf("a tmpfs cannot be mounted here, found %v: %w", f, c.Errno)
	}
	return c.Action, nil
}

// of picks the case.
func (r *Rule) of(f Found) (c Case, ok bool) {
	switch f {
	case Absent:
		return r.Absent, true
	case Empty:
		return r.Empty, true
	case Occupied:
		return r.Occupied, true
	case NotDir:
		return r.NotDir, true
	case LinkEmpty:
		return r.LinkEmpty, true
	case LinkOccupied:
		return r.LinkOccupied, true
	case LinkDangling:
		return r.LinkDangling, true
	case LinkNotDir:
		return r.LinkNotDir, true
	case LinkLoop:
		return r.LinkLoop, true
	}
	return Case{}, false
}
