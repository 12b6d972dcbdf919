package nsmount

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// remounts reports whether m changes a mount that is there already, in a
// profile that knows such a thing (C9).
func (c *compiler) remounts(m *specs.Mount) bool {
	return c.profile.Options != OptionsFew && slices.Contains(m.Options, "remount")
}

// remount compiles a mount with the option remount. As with mount(2) the flags
// that it lists are those that the mount has afterwards, but for those of the
// access times, which stay if none is listed. Source and type say nothing.
func (c *compiler) remount(s *Step, m *specs.Mount) (*Step, error) {
	s.Op, s.NoLinks = OpRemount, c.profile.NoLinks
	if err := c.options(s, m.Options); err != nil {
		return nil, err
	}
	bind := slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
	switch {
	case len(m.UIDMappings)+len(m.GIDMappings) > 0 || slices.ContainsFunc(m.Options, func(o string) bool { return classify(o) == kindIDMap }):
		return nil, fmt.Errorf("a remount maps no ids: the kernel wants that done before anybody sees the mount")
	case bind && len(s.Data) > 0 && c.profile.Options == OptionsAll:
		return nil, fmt.Errorf("%q is a parameter of a file system: with the option bind only the mount is changed", s.Data[0])
	case bind:
		c.warnUnused(s, s.Data)
		s.Data = nil
	}
	return s, nil
}

func (c *compiler) warnUnused(s *Step, data []string) {
	for _, o := range data {
		c.warn(s.Origin, "C9", "option %q has no effect on a mount alone", o)
	}
}

// ownedType tells the file systems that a mount has to itself: other parameters
// of one change nothing for the host.
func ownedType(typ string) bool {
	switch typ {
	case "tmpfs", "ramfs", "proc", "devpts", "overlay", "hugetlbfs":
		return true
	}
	return false
}

// checkRemounts holds each remount against what is mounted at its place by
// then: parameters of a file system that may be the host's too are refused, and
// those that the profile does not know for its type go with a warning.
func (c *compiler) checkRemounts() error {
	for i := range c.plan.Steps {
		s := &c.plan.Steps[i]
		if s.Op != OpRemount || len(s.Data) == 0 {
			continue
		}
		typ := ""
		for j := i - 1; j > 0; j-- {
			if over := &c.plan.Steps[j]; over.Target == s.Target && over.Op.givesTree() {
				if over.Op == OpMount || over.Op == OpDev {
					typ = over.Type
				}
				break
			}
		}
		if !ownedType(typ) {
			return fmt.Errorf("%s %s: %q is a parameter of the file system there, which is not this container's alone: a remount can change the mount's flags only", s.Origin, s.Destination, s.Data[0])
		}
		if c.profile.Options == OptionsKernel {
			s.Data = c.knownRemount(s, typ)
		}
	}
	return nil
}

// knownRemount is what a profile that knows its file systems passes on.
func (c *compiler) knownRemount(s *Step, typ string) []string {
	known := knownData(typ)
	if typ == "tmpfs" {
		known = []string{"size", "nr_inodes", "nr_blocks"}
	}
	return slices.DeleteFunc(slices.Clone(s.Data), func(o string) bool {
		key, _, _ := strings.Cut(o, "=")
		if slices.Contains(known, key) || superFlag(o) {
			return false
		}
		c.warn(s.Origin, "C9", "unknown option %q is ignored", o)
		return true
	})
}
