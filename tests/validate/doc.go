// Command validate has nsboot judged by somebody else: by the test programs of the
// OCI's runtime-tools, which call a runtime's create, start, state, kill and delete
// and look at what comes of it.
//
//	go run ./tests/validate [-runtime PATH] [CASE...]
//
// README.md beside it has a table of all cases: which pass, which fail, and why. A
// case that does not do what its row says is an error; with -runtime, of another
// runtime, the rows are not looked at. It needs root, and fetches the programs,
// pinned in cases/go.mod, a module of its own, through the Go module proxy.
//
// The programs call nsboot through an adapter, which is this program again. Before
// create it takes out of config.json what says nothing of nsboot: CAP_SYS_RESOURCE
// where the machine does not give it, and the parameter of a file system that the
// case mounts has on a bind.
package main
