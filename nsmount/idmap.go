package nsmount

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/userns"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// IDMap is a range of ids of a user namespace: Size ids from ContainerID on,
// inside, are those from HostID on, outside.
type IDMap struct {
	ContainerID uint32 `json:"containerID"`
	HostID      uint32 `json:"hostID"`
	Size        uint32 `json:"size"`
}

// CompileIDMaps reads linux.uidMappings and linux.gidMappings and checks what the
// kernel would answer with a bare EINVAL: ranges that overlap, go beyond the last
// id or are too many, ranges without a user namespace, a new user namespace without
// ranges. The error names the field.
func CompileIDMaps(spec *specs.Spec) (uids, gids []IDMap, err error) {
	if spec.Linux == nil {
		return nil, nil, nil
	}
	for _, l := range []struct {
		field string
		in    []specs.LinuxIDMapping
		out   *[]IDMap
	}{{"linux.uidMappings", spec.Linux.UIDMappings, &uids}, {"linux.gidMappings", spec.Linux.GIDMappings, &gids}} {
		for _, m := range l.in {
			*l.out = append(*l.out, IDMap{m.ContainerID, m.HostID, m.Size})
		}
		if err := userns.Check(l.field, kernelMaps(*l.out)); err != nil {
			return nil, nil, err
		}
	}
	made, joined := -1, -1
	for i, ns := range spec.Linux.Namespaces {
		switch {
		case ns.Type != specs.UserNamespace:
		case ns.Path == "":
			made = i
		default:
			joined = i
		}
	}
	has := len(uids) > 0 || len(gids) > 0
	switch {
	case joined >= 0 && has:
		return nil, nil, fmt.Errorf("linux.uidMappings: the user namespace of linux.namespaces[%d] is joined: it has its ids already", joined)
	case made < 0 && joined < 0 && has:
		return nil, nil, fmt.Errorf(`linux.uidMappings: there is no user namespace: add {"type": "user"} to linux.namespaces`)
	case made >= 0 && (len(uids) == 0 || len(gids) == 0):
		return nil, nil, fmt.Errorf("linux.namespaces[%d]: a user namespace without ids: linux.uidMappings and linux.gidMappings give it some", made)
	}
	return uids, gids, nil
}

func kernelMaps(maps []IDMap) []userns.Map {
	out := make([]userns.Map, len(maps))
	for i, m := range maps {
		out[i] = userns.Map{ID: m.ContainerID, Host: m.HostID, Size: m.Size}
	}
	return out
}

// ids are those of the container's user namespace, as the kernel's calls take them
// from outside. Without one of its own they are what they are.
type ids struct{ uids, gids []userns.Map }

// own reports whether the container has a user namespace of its own.
func (m *ids) own() bool { return m != nil && len(m.uids) > 0 }

// outside translates an id; ok tells whether the namespace has it.
func (m *ids) outside(uid, gid uint32) (hostUID, hostGID int, ok bool) {
	if !m.own() {
		return int(uid), int(gid), true
	}
	u, uok := userns.Outside(m.uids, uid)
	g, gok := userns.Outside(m.gids, gid)
	return int(u), int(g), uok && gok
}

// hasOwners reports whether a type of file system is one whose files have owners of
// their own, said by the parameters uid and gid.
func hasOwners(fstype string) bool {
	switch fstype {
	case "tmpfs", "devpts", "mqueue", "hugetlbfs", "ramfs":
		return true
	}
	return false
}

// outside translates the parameters uid and gid of a new file system, which the
// kernel takes as ids of whoever mounts it.
func (k *kernel) outside(fstype string, data []string) ([]string, error) {
	if !k.ids.own() || !hasOwners(fstype) {
		return data, nil
	}
	out := slices.Clone(data)
	for i, o := range out {
		key, value, _ := strings.Cut(o, "=")
		maps := k.ids.uids
		switch key {
		case "gid":
			maps = k.ids.gids
		case "uid":
		default:
			continue
		}
		id, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			continue // the kernel's to refuse
		}
		host, ok := userns.Outside(maps, uint32(id))
		if !ok {
			return nil, fmt.Errorf("option %q: the user namespace has no such id", o)
		}
		out[i] = key + "=" + strconv.FormatUint(uint64(host), 10)
	}
	return out, nil
}
