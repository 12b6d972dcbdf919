// Package compare tests nsboot compare end to end: the built binary, real
// runtimes, real bundles. It holds no importable code.
//
//	NSBOOT_BIN=/abs/nsboot go test ./tests/compare
//	NSBOOT_DEBIAN_ROOT=/srv/debian go test ./tests/compare -run Debian
//
// # What it guarantees
//
//   - nsboot compared with itself differs in nothing, twenty times running.
//   - Against runsc, runc and crun every difference is a row of DIVERGENCES.md, and
//     each row that says so is seen.
//   - The bundle holds what it held, times included; no scratch directory, process
//     or mount is left, also after a signal.
//
// # What it does not
//
// It does not look at timings.
//
// # Where it differs from runsc
//
// In nothing: see DIVERGENCES.md.
package compare
