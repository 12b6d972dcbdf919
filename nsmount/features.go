package nsmount

import (
	"fmt"
	"slices"
)

// HonouredOptions lists the options of config.json's mounts that the profile
// honours (C9). Parameters of file systems are not among them.
func HonouredOptions(profile string) ([]string, error) {
	p, err := ProfileByName(profile)
	if err != nil {
		return nil, err
	}
	all := p.Options != OptionsFew
	out := []string{"defaults", "bind", "rbind", "idmap", "ridmap"}
	for _, a := range attrTable {
		for _, name := range []string{a.name, "r" + a.name} {
			if all || few(name) || tightens(name) {
				out = append(out, name)
			}
		}
	}
	if all {
		out = append(append(out, propagations[:]...), "remount")
		out = slices.DeleteFunc(append(out, superFlags[:]...), func(o string) bool { return o == "iversion" })
	}
	if p.Options == OptionsAll {
		out = append(out, "tmpcopyup")
	}
	return out, nil
}

// CapabilityNames lists the capabilities that are known by name: CAP_CHOWN, ...
func CapabilityNames() []string {
	out := make([]string, len(capabilityNames))
	for i, name := range capabilityNames {
		out[i] = fmt.Sprint("CAP_", name)
	}
	return out
}

// NamespaceTypes lists the namespaces that a process can be given, in
// runtime-spec's words.
func NamespaceTypes() []string {
	return []string{"cgroup", "ipc", "mount", "network", "pid", "time", "uts"}
}
