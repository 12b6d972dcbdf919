package nsmount

import (
	"fmt"
	"slices"

	"github.com/nsboot/nsboot/internal/userns"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// MountIDs asks for an idmapped mount: the file whose owner is a mapping's ID in
// the file system belongs to its HostID in the mount, and one that has no
// mapping to nobody.
type MountIDs struct {
	UIDs      []IDMap `json:"uids"`
	GIDs      []IDMap `json:"gids"`
	Recursive bool    `json:"recursive,omitzero"` // ridmap: what is mounted below, too
}

// check says what is wrong with a mapping before the kernel says EINVAL.
func (m *MountIDs) check() error {
	if len(m.UIDs) == 0 || len(m.GIDs) == 0 {
		return fmt.Errorf("an id mapping needs both uidMappings and gidMappings")
	}
	if err := userns.Check("uidMappings", kernelMaps(m.UIDs)); err != nil {
		return err
	}
	return userns.Check("gidMappings", kernelMaps(m.GIDs))
}

// same reports whether one user namespace serves both.
func (m *MountIDs) same(o *MountIDs) bool {
	return slices.Equal(m.UIDs, o.UIDs) && slices.Equal(m.GIDs, o.GIDs)
}

func idMaps(list []specs.LinuxIDMapping) []IDMap {
	if len(list) == 0 {
		return nil
	}
	out := make([]IDMap, len(list))
	for i, m := range list {
		out[i] = IDMap{m.ContainerID, m.HostID, m.Size}
	}
	return out
}

// idmap gives a step the mapping that its mount asks for: its own, which stands
// for the option idmap if that is not there, or with the option alone that of
// the container's user namespace. It is carried out in every profile: without
// it, what the process writes would be the host root's.
func (c *compiler) idmap(s *Step, m *specs.Mount) error {
	option := ""
	for _, o := range m.Options {
		if o == "idmap" || o == "ridmap" {
			option = o // the last one wins
		}
	}
	if option == "" && len(m.UIDMappings) == 0 && len(m.GIDMappings) == 0 {
		return nil
	}
	ids := &MountIDs{UIDs: idMaps(m.UIDMappings), GIDs: idMaps(m.GIDMappings), Recursive: option == "ridmap"}
	if ids.UIDs == nil && ids.GIDs == nil {
		if c.linux == nil || len(c.linux.UIDMappings) == 0 {
			return fmt.Errorf("option %s without uidMappings and gidMappings, and linux.uidMappings has none that could be meant", option)
		}
		ids.UIDs, ids.GIDs = idMaps(c.linux.UIDMappings), idMaps(c.linux.GIDMappings)
	}
	if err := ids.check(); err != nil {
		return err
	}
	if s.Op != OpBind && s.Op != OpMount {
		return fmt.Errorf("an id mapping is for a bind or for a file system of its own, not for this %s", s.Op)
	}
	s.IDMap = ids
	return nil
}
