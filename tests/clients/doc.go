// Package clients holds the end-to-end tests of nsboot as the runtime of the
// clients that people have: podman, with conmon between the two, and containerd
// with ctr.
//
//	go test ./tests/clients            # as root, with podman, conmon, containerd and a static busybox
//	NSBOOT_MUST_RUN=1 go test ./tests/clients -run TestStop -v
//
// All of it runs in a mount namespace and a pid namespace that are cut off from
// the machine's. The clients' stores, sockets, states and locks are on tmpfs there
// and end with it, as every process does, conmons and shims included. Images are
// made here; nothing is downloaded. What is made in the machine's cgroups is below
// one directory, which is removed.
//
// What nsboot does not do is tested too: that the person who typed podman reads
// why.
//
// It does not cover networks (the clients make them), nor other clients.
//
// Where it differs from runsc: nothing is compared.
package clients
