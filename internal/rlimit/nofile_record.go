//go:build linux && (amd64 || arm64)

package rlimit

// Both are written once, by init, and only read afterwards.
var (
	original [2]uint64
	known    bool
)

// prlimitNofile is prlimit64(0, RLIMIT_NOFILE, nil, lim) and returns the
// kernel's answer: 0, or a negative errno.
//
//go:noescape
func prlimitNofile(lim *[2]uint64) int64

func init() {
	known = prlimitNofile(&original) == 0
}
