package nsmount

import "fmt"

// HonouredOptions lists the options of config.json's mounts that the profile
// honours (C9). Parameters of file systems are not among them.
func HonouredOptions(profile string) ([]string, error) {
	p, err := ProfileByName(profile)
	if err != nil {
		return nil, err
	}
	all := p.Options != OptionsFew
	out := []string{"defaults", "bind", "rbind"}
	for _, a := range attrTable {
		for _, name := range []string{a.name, "r" + a.name} {
			if all || few(name) || tightens(name) {
				out = append(out, name)
			}
		}
	}
	if all {
		out = append(out, propagations[:]...)
	}
	if p.Options == OptionsAll { // the others ignore them on a tmpfs
		out = append(append(out, superFlags[:]...), "tmpcopyup")
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
func NamespaceTypes() []string { return []string{"cgroup", "ipc", "mount", "network", "pid", "uts"} }
