package main

import (
	"path"
	"strings"
)

// module is the path that our own imports start with.
const module = "github.com/nsboot/nsboot"

// Modules of others that a row can name.
const (
	xsys      = "golang.org/x/sys"
	spec      = "github.com/opencontainers/runtime-spec"
	mountinfo = "github.com/moby/sys/mountinfo"
	pflag     = "github.com/spf13/pflag"
	cgroups   = "github.com/opencontainers/cgroups"
	userns    = "github.com/moby/sys/userns"
	console   = "github.com/containerd/console"
	netBPF    = "golang.org/x/net/bpf"
)

// A rule says what the packages below one directory may import besides the standard library.
type rule struct {
	dir    string   // relative to the module; the longest match counts
	own    []string // our packages, by directory, each with what is below it
	others []string // packages of other modules, each with what is below it

	// limits narrows an entry of others to files of certain names.
	limits map[string]func(file string) bool
}

// rules is the table of the design, one row a package. Order does not matter.
func rules() []rule {
	return []rule{
		{
			dir:    "cmd",
			own:    []string{"cmd", "nsmount", "overlayfs", "tmpdetect", "pathres", "internal"},
			others: []string{xsys, spec, mountinfo, pflag},
			limits: map[string]func(string) bool{mountinfo: readsMountTable},
		},
		{
			dir:    "nsmount",
			own:    []string{"overlayfs", "tmpdetect", "pathres", "internal/stubs", "internal/rlimit", "internal/terminal", "internal/seccomp", "internal/userns"},
			others: []string{xsys, spec, mountinfo},
			limits: map[string]func(string) bool{
				spec:      compileSide,
				mountinfo: readsMountTable,
			},
		},
		{dir: "overlayfs", own: []string{"pathres"}, others: []string{xsys}},
		{dir: "tmpdetect", own: []string{"pathres"}, others: []string{xsys}},
		{dir: "pathres", others: []string{xsys}},
		{dir: "internal/config", own: []string{"internal/seccomp"}, others: []string{xsys, spec}},
		{dir: "internal/seccomp", others: []string{netBPF, spec}},
		{dir: "internal/stubs", own: []string{"pathres"}, others: []string{xsys}},
		{dir: "internal/container", own: []string{"internal/stubs"}, others: []string{xsys}},
		{dir: "internal/cgroup", others: []string{xsys, spec, cgroups, userns}},
		{dir: "internal/userns", others: []string{xsys}},
		{dir: "internal/rlimit", others: []string{xsys}},
		{dir: "internal/stack"},
		{dir: "internal/mounttree"},
		{dir: "internal/viewdiff", own: []string{"internal/fsview"}},
		{dir: "internal/viewpage", own: []string{"internal/fsview", "internal/viewdiff"}},
		{dir: "internal/fsbench", own: []string{"internal/fsview"}, others: []string{xsys}},
		{dir: "internal/trial", own: []string{"internal/fsview"}, others: []string{xsys}},
		{
			dir:    "internal/fsview",
			own:    []string{"internal/mounttree"},
			others: []string{xsys, mountinfo},
			limits: map[string]func(string) bool{mountinfo: readsMountTable},
		},
		{dir: "internal/terminal", own: []string{"pathres"}, others: []string{xsys, console}},
	}
}

// heavy lists packages of the standard library that nothing that ships imports: each costs every boot start-up
// time, whether it is used or not.
func heavy() []string {
	return []string{"net/http", "text/template", "html/template"}
}

// compileSide reports whether file belongs to the pure half of nsmount, which alone reads the spec; the half that
// carries a plan out is in *_linux.go and takes nothing but the plan.
func compileSide(file string) bool {
	return !strings.HasSuffix(file, "_linux.go")
}

// readsMountTable reports whether file is one of those that may read the whole mount table: never once a mount.
func readsMountTable(file string) bool {
	base := path.Base(file)
	for _, p := range []string{"verify", "teardown", "cgroup", "mounttable", "hostmounts"} {
		if strings.HasPrefix(base, p) {
			return true
		}
	}
	return false
}
