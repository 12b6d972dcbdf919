package overlayfs

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// MountError is any failure of [Mount] or [Check]. Its text is one line; a
// caller that talks to a person shows Hint below it.
type MountError struct {
	Op   string // what was being done: "creating the overlay of 2 lower layers"
	Log  string // the kernel's words from the file system context, "" if none
	Hint string // what is behind it or what to do, "" if nothing is known
	Err  error  // the cause, mostly an errno
}

// Error gives operation, the kernel's words and the cause in one line.
func (e *MountError) Error() string {
	s := "overlay: " + e.Op + ": "
	if e.Log != "" {
		s += e.Log + ": "
	} else if _, ok := e.Err.(syscall.Errno); ok && e.Hint == "" {
		s += "the kernel gave no reason: "
	}
	return s + e.Err.Error()
}

// Unwrap returns the cause.
func (e *MountError) Unwrap() error { return e.Err }

// facts are what is looked up about the layers after a failure, to explain it.
type facts struct {
	op        step
	overlaid  int  // layers that are themselves on an overlay
	deep      int  // the lower layer, from 1 on, that is on two levels of them; 0: none
	userXattr bool // Options.UserXattr
	mapped    bool // in a user namespace that is not the initial one
}

// A step is the part of a mount that failed.
type step int

const (
	stepOpen   step = iota // fsopen
	stepOption             // fsconfig of an option
	stepLayer              // fsconfig of a layer
	stepCreate             // fsconfig of FSCONFIG_CMD_CREATE
	stepMount              // fsmount
)

// explain says what is behind an errno that hides its cause; log is what the
// kernel said.
func explain(err error, log string, f facts) string {
	if f.op == stepOpen {
		switch {
		case errors.Is(err, syscall.ENODEV):
			return "this kernel has no overlayfs: load the module 'overlay'"
		case errors.Is(err, syscall.EPERM):
			return "mounting needs CAP_SYS_ADMIN in the user namespace that owns the mount namespace"
		}
		return ""
	}
	switch {
	case errors.Is(err, syscall.EINVAL) && log == "" && f.deep > 0:
		return fmt.Sprintf("lower layer %d is on an overlay over an overlay, and the kernel stacks two levels at most: "+
			"use a directory of the disk itself, or a tmpfs", f.deep)
	case errors.Is(err, syscall.EINVAL) && log == "" && f.overlaid > 0:
		return fmt.Sprintf("%d of the layers are on an overlay already, and the kernel stacks two levels at most: "+
			"use a directory of the disk itself, or a tmpfs", f.overlaid)
	case errors.Is(err, syscall.EINVAL) && log == "":
		hint := "work must be empty, beside upper and not inside it; no layer may be on procfs or the like, nor, before kernel 6.15, on a mount that is not attached"
		if f.mapped {
			hint += "; in a user namespace no layer may have mounts below it"
		}
		return hint
	case errors.Is(err, syscall.ELOOP):
		return "two layers are the same directory, or one lies inside the other"
	case errors.Is(err, syscall.EPERM) && f.mapped && !f.userXattr:
		return "in a user namespace an overlay needs the option userxattr"
	case errors.Is(err, syscall.EPERM):
		return "the work directory could not be prepared: upper and work must belong to the caller, on a file system with extended attributes"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the file system of the upper directory is full: the kernel makes a directory in work"
	case errors.Is(err, syscall.EROFS):
		return "upper and work must be writable"
	case errors.Is(err, syscall.ESTALE):
		return "the upper directory was used with other lower layers before: give an empty one"
	case errors.Is(err, syscall.EBUSY):
		return "another overlay uses this upper or work directory: give each overlay its own"
	}
	return ""
}

// trimLog turns one message of the context's log ("e overlay: text\n") into its
// text, and reports whether it is an error rather than a warning or a notice.
func trimLog(msg string) (text string, isError bool) {
	msg = strings.TrimRight(msg, "\n")
	if len(msg) > 1 && msg[1] == ' ' {
		isError = msg[0] == 'e'
		msg = msg[2:]
	}
	return strings.TrimPrefix(msg, "overlay: "), isError
}
