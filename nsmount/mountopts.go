package nsmount

import (
	"fmt"
	"slices"
	"strings"
)

// options sorts the options of one mount into the Step's Flags, Data and
// Propagation by rule C9 and, for a tmpfs, C10.
func (c *compiler) options(s *Step, opts []string) error {
	if len(opts) > maxOptions {
		return fmt.Errorf("options: %d of them, a mount takes %d", len(opts), maxOptions)
	}
	var data []string
	for i, o := range opts {
		var err error
		switch classify(o) {
		case kindNothing, kindBind, kindIDMap: // those of the last are read with its mappings
		case kindAttr:
			c.attrOption(s, o)
		case kindPropagation:
			c.propagationOption(s, o)
		case kindCopyUp:
			err = c.copyUpOption(s, o)
		case kindRemount:
			c.remountOption(s, o)
		case kindSuper:
			data, err = c.superOption(s, data, o)
		case kindData:
			data, err = c.dataOption(s, data, o)
		}
		if err != nil {
			return fmt.Errorf("options[%d]: %w", i, err)
		}
	}
	c.readonlyWins(s)
	var err error
	s.Data, err = c.fsData(s, data)
	return err
}

// attrOption takes an attribute of the mount. Where the profile honours few,
// what tightens is applied all the same (standing rule).
func (c *compiler) attrOption(s *Step, o string) {
	if c.profile.Options == OptionsFew && !few(o) && !tightens(o) {
		c.warn(s.Origin, "C9", "option %q is ignored by %s", o, c.profile.Name)
		return
	}
	s.Flags = append(s.Flags, o)
}

// few reports whether an option is one of those that [OptionsFew] honours.
func few(o string) bool { return o == "ro" || o == "rw" || o == "noatime" }

// readonlyWins settles ro against rw: where ro wins wherever it stands, rw
// goes; else the later of the two wins and the earlier goes.
func (c *compiler) readonlyWins(s *Step) {
	drop := func(name string) {
		s.Flags = slices.DeleteFunc(s.Flags, func(f string) bool { return f == name })
	}
	ro, rw := lastIndex(s.Flags, "ro"), lastIndex(s.Flags, "rw")
	switch {
	case ro >= 0 && (ro > rw || c.profile.Options == OptionsKernel):
		drop("rw")
	case rw >= 0 && rw > ro:
		drop("ro")
	}
}

func lastIndex(list []string, s string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == s {
			return i
		}
	}
	return -1
}

func (c *compiler) propagationOption(s *Step, o string) {
	if c.profile.Options == OptionsFew {
		c.warn(s.Origin, "C9", "option %q is ignored by %s", o, c.profile.Name)
		return
	}
	s.Propagation = append(s.Propagation, o)
}

// remountOption meets a remount: a mount that is one has [OpRemount], any other
// is of a profile that does not know it.
func (c *compiler) remountOption(s *Step, o string) {
	if s.Op != OpRemount {
		c.warn(s.Origin, "C9", "option %q is ignored by %s", o, c.profile.Name)
	}
}

// copyUpOption has a tmpfs start with what it covers.
func (c *compiler) copyUpOption(s *Step, o string) error {
	switch {
	case c.profile.Options != OptionsAll:
		c.warn(s.Origin, "C9", "option %q is ignored by %s", o, c.profile.Name)
	case s.Op != OpMount || s.Type != "tmpfs":
		return fmt.Errorf("%q is for a tmpfs", o)
	default:
		s.CopyUp = true
	}
	return nil
}

func (c *compiler) superOption(s *Step, data []string, o string) ([]string, error) {
	switch {
	case c.profile.Options == OptionsFew:
		c.warn(s.Origin, "C9", "option %q is ignored by %s", o, c.profile.Name)
	case s.Op == OpBind:
		c.warn(s.Origin, "C9", "option %q belongs to a file system: it has no effect on a bind", o)
	case o == "iversion":
		return nil, fmt.Errorf("%q: the kernel's mount calls do not take it any more: file systems that count versions (ext4, xfs, btrfs) do it unasked", o)
	case o == "silent", o == "loud", o == "noiversion":
		// Whether the kernel's log hears of a failure, and what is so anyway: nothing to hand over.
	default:
		data = append(data, o)
	}
	return data, nil
}

func (c *compiler) dataOption(s *Step, data []string, o string) ([]string, error) {
	switch {
	case s.Op != OpBind:
		return append(data, o), nil
	case c.profile.Options == OptionsAll:
		return nil, fmt.Errorf("%q is a parameter of a file system: a bind has none", o)
	}
	c.warn(s.Origin, "C9", "unknown option %q is ignored", o)
	return data, nil
}

// fsData settles the parameters of a new file system. In the runsc profiles
// only those it knows are passed on; in oci the kernel is asked.
func (c *compiler) fsData(s *Step, data []string) ([]string, error) {
	if s.Op == OpBind || s.Op == OpRemount || c.profile.TmpfsMode == "" && s.Op != OpDev {
		return data, nil
	}
	var dropped []string
	if s.Type == "tmpfs" {
		mode := c.profile.TmpfsMode
		if s.Op == OpDev {
			mode = fmt.Sprintf("%#o", c.profile.DevMode)
		}
		var err error
		if data, dropped, err = tmpfsData(data, mode); err != nil {
			return nil, fmt.Errorf("%w (C10)", err)
		}
	} else {
		known := knownData(s.Type)
		data = slices.DeleteFunc(slices.Clone(data), func(o string) bool {
			key, _, _ := strings.Cut(o, "=")
			if slices.Contains(known, key) || superFlag(o) {
				return false
			}
			dropped = append(dropped, o)
			return true
		})
	}
	for _, o := range dropped {
		c.warn(s.Origin, "C9", "unknown option %q is ignored", o)
	}
	return data, nil
}

// knownData are the parameters that the runsc profiles pass on, by type:
// those that shape a device directory or tighten.
func knownData(typ string) []string {
	switch typ {
	case "devpts":
		return []string{"newinstance", "ptmxmode", "mode", "uid", "gid", "max"}
	case "proc":
		return []string{"hidepid", "subset", "gid"}
	}
	return nil
}
