package nsmount

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Sysctl is a kernel parameter of the container's namespaces: net.ipv4.ip_forward.
type Sysctl struct {
	Name  string `json:"name"` // with dots, or with slashes where a part has a dot in it
	Value string `json:"value"`
}

// ipcSysctls are the parameters that belong to an ipc namespace.
var ipcSysctls = [...]string{"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
	"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"}

// compileSysctls checks that each parameter belongs to a namespace that the
// container does not share with the host: any other would be the host's own.
func compileSysctls(set map[string]string, namespaces []Namespace) ([]Sysctl, error) {
	own := func(typ string) bool {
		return slices.ContainsFunc(namespaces, func(n Namespace) bool { return n.Type == typ && n.Path == "" })
	}
	var list []Sysctl
	for _, key := range slices.Sorted(maps.Keys(set)) {
		name := strings.ReplaceAll(key, "/", ".")
		var need string
		switch {
		case strings.HasPrefix(name, "net."):
			need = "network"
		case slices.Contains(ipcSysctls[:], name), strings.HasPrefix(name, "fs.mqueue."):
			need = "ipc"
		case name == "kernel.domainname":
			need = "uts"
		default:
			return nil, fmt.Errorf("linux.sysctl %q: not of a namespace: it would be set on the host", key)
		}
		if !own(need) {
			return nil, fmt.Errorf("linux.sysctl %q: needs a new %s namespace: it would be set on the host", key, need)
		}
		if strings.Contains(name, "..") || strings.HasSuffix(name, ".") || strings.IndexByte(name+set[key], 0) >= 0 {
			return nil, fmt.Errorf("linux.sysctl %q: no name of a parameter", key)
		}
		list = append(list, Sysctl{key, set[key]})
	}
	return list, nil
}

// path is where the parameter stands below /proc/sys.
func (s Sysctl) path() string {
	if strings.Contains(s.Name, "/") {
		return s.Name
	}
	return strings.ReplaceAll(s.Name, ".", "/")
}
