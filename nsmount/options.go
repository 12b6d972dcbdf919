package nsmount

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// attr is what one mount option does to the attributes of a mount, in the
// words of mount_setattr(2).
type attr struct {
	name     string
	set, clr uint64
}

const atimeMask = unix.MOUNT_ATTR__ATIME

// attrTable is runtime-spec 1.3's table of options that are attributes of a
// mount. Each has a recursive twin with an r in front: rro, rnosuid, ...
// relatime is the absence of the other two, so it only clears.
var attrTable = [...]attr{
	{"ro", unix.MOUNT_ATTR_RDONLY, 0}, {"rw", 0, unix.MOUNT_ATTR_RDONLY},
	{"nosuid", unix.MOUNT_ATTR_NOSUID, 0}, {"suid", 0, unix.MOUNT_ATTR_NOSUID},
	{"nodev", unix.MOUNT_ATTR_NODEV, 0}, {"dev", 0, unix.MOUNT_ATTR_NODEV},
	{"noexec", unix.MOUNT_ATTR_NOEXEC, 0}, {"exec", 0, unix.MOUNT_ATTR_NOEXEC},
	{"nodiratime", unix.MOUNT_ATTR_NODIRATIME, 0}, {"diratime", 0, unix.MOUNT_ATTR_NODIRATIME},
	{"noatime", unix.MOUNT_ATTR_NOATIME, atimeMask}, {"atime", 0, atimeMask},
	{"strictatime", unix.MOUNT_ATTR_STRICTATIME, atimeMask}, {"nostrictatime", 0, atimeMask},
	{"relatime", 0, atimeMask}, {"norelatime", 0, 0},
	{"nosymfollow", unix.MOUNT_ATTR_NOSYMFOLLOW, 0}, {"symfollow", 0, unix.MOUNT_ATTR_NOSYMFOLLOW},
}

// attrs is the sum of a list of options: what to set and clear on the mount
// itself and, of the recursive ones, on all below it.
type attrs struct{ set, clr, recSet, recClr uint64 }

// add folds one attribute in; a later option wins over an earlier one.
func fold(set, clr *uint64, a attr) {
	*set = *set&^a.clr&^a.set | a.set
	*clr = *clr&^a.set | a.clr
}

// lookupAttr finds an option of the table; rec tells its recursive form.
func lookupAttr(name string) (a attr, rec, ok bool) {
	for _, a := range attrTable {
		if a.name == name {
			return a, false, true
		}
		if len(name) > 1 && name[0] == 'r' && a.name == name[1:] {
			return a, true, true
		}
	}
	return attr{}, false, false
}

// parseAttrs sums the Flags of a Step, in order.
func parseAttrs(flags []string) (attrs, error) {
	var sum attrs
	for _, f := range flags {
		a, rec, ok := lookupAttr(f)
		switch {
		case !ok:
			return attrs{}, fmt.Errorf("unknown mount flag %q", f)
		case rec:
			fold(&sum.recSet, &sum.recClr, a)
		default:
			fold(&sum.set, &sum.clr, a)
		}
	}
	return sum, nil
}

// superFlags are options of runtime-spec's table that belong to the file
// system, not to the mount; fsconfig(2) takes them as flags.
var superFlags = [...]string{
	"sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand", "iversion", "noiversion", "silent", "loud",
}

func superFlag(o string) bool { return slices.Contains(superFlags[:], o) }

var propagations = [...]string{
	"private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable",
}

// maxOptions is how many options a mount may have: more than one of each, and of
// an overlay's layers.
const maxOptions = 1024

// optionKind sorts the options of runtime-spec's table and what is outside it.
type optionKind int

const (
	kindData        optionKind = iota // unknown: a parameter of the file system
	kindAttr                          // an attribute of the mount
	kindSuper                         // a flag of the file system
	kindPropagation                   // private, rslave, ...
	kindBind                          // bind, rbind
	kindCopyUp                        // tmpcopyup
	kindNothing                       // defaults and the like
	kindRemount                       // remount
	kindIDMap                         // idmap, ridmap
)

func classify(o string) optionKind {
	switch o {
	case "bind", "rbind":
		return kindBind
	case "defaults", "":
		return kindNothing
	case "tmpcopyup":
		return kindCopyUp
	case "remount":
		return kindRemount
	case "idmap", "ridmap":
		return kindIDMap
	}
	if _, _, ok := lookupAttr(o); ok {
		return kindAttr
	}
	if superFlag(o) {
		return kindSuper
	}
	for _, p := range propagations {
		if o == p {
			return kindPropagation
		}
	}
	return kindData
}

// tightens reports whether an option makes a mount stricter. Such an option is
// applied in every profile (the standing rule: never looser than the config).
func tightens(o string) bool {
	switch strings.TrimPrefix(o, "r") {
	case "o", "nosuid", "nodev", "noexec", "nosymfollow": // "ro" less its r
		return true
	case "ro":
		return true
	}
	return false
}

// tmpfsData checks and normalises the parameters of a tmpfs by rule C10.
// allowed are the keys the profile honours; size and nr_inodes limit what a
// container may take of the host's memory and are honoured in every profile
// (the standing rule). It returns the parameters in spec order, the mode last.
func tmpfsData(opts []string, profileMode string) (data, dropped []string, err error) {
	mode := profileMode
	for _, o := range opts {
		key, val, _ := strings.Cut(o, "=")
		if strings.Contains(val, "=") {
			return nil, nil, fmt.Errorf("option %q has more than one '='", o)
		}
		switch key {
		case "mode":
			if mode, err = parseMode(val); err != nil {
				return nil, nil, fmt.Errorf("option %q: %w", o, err)
			}
		case "uid", "gid":
			if _, err := strconv.ParseUint(val, 10, 32); err != nil {
				return nil, nil, fmt.Errorf("option %q: %q is not a number of 32 bits", o, val)
			}
			data = append(data, o)
		case "size", "nr_inodes", "nr_blocks":
			data = append(data, o)
		default:
			if superFlag(o) {
				data = append(data, o)
			} else {
				dropped = append(dropped, o)
			}
		}
	}
	return append(data, "mode="+mode), dropped, nil
}

// parseMode reads an octal mode of at most 01777 (C10) and returns it with a
// leading zero.
func parseMode(s string) (string, error) {
	m, err := strconv.ParseUint(s, 8, 32)
	if err != nil {
		return "", fmt.Errorf("mode %q is not an octal number", s)
	}
	if m > 0o1777 {
		return "", fmt.Errorf("mode %q is over 01777", s)
	}
	return fmt.Sprintf("%#o", m), nil
}
