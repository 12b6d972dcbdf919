// Package userns decides which ids a user namespace has, and writes them.
//
//	maps := userns.Default(os.Getuid(), userns.Subordinate(text, "alice", os.Getuid()))
//	err := userns.Check("linux.uidMappings", maps)
//	err = userns.Write(pid, maps, gidMaps)
//
// The map of an ordinary user starts with the user's own id as root and goes on
// with what /etc/subuid grants (subuid(5)); newuidmap(1) and newgidmap(1), which
// are setuid, write it. Where they are missing, or grant nothing, it is that one
// id, which the kernel lets anybody write (user_namespaces(7)).
//
// It makes no namespace: package nsmount does. It asks no name service: a user's
// name is looked up by nobody but the caller.
package userns
