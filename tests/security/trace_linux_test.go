package security

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// trace boots the bundle under strace and returns nsboot's system calls: all of
// its threads and its child, up to the exec of the payload.
func (b *bundle) trace() []string {
	b.t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		skip(b.t, "needs strace")
	}
	log := b.path("strace.log")
	b.wrap = []string{strace, "-f", "-s", "256", "-o", log, "-e", "trace=%file,%desc,%process"}
	b.boot().booted(b.t, b.wants...)
	text, err := os.ReadFile(log)
	b.must(err)
	return strings.Split(string(text), "\n")
}

// opening is a call that looks up a path by name. Of openat2 only those that are
// not confined to the root count.
var (
	opening   = regexp.MustCompile(`^\d+ +(open|openat|openat2|stat|lstat|newfstatat|access|faccessat2?|readlink|readlinkat|statx)\((.*)`)
	executing = regexp.MustCompile(`^\d+ +execve\("/bin/payload"`)
	quoted    = regexp.MustCompile(`"([^"]*)"`)
)

// TestLookupsAfterPivot: nsboot looks nothing up by a path once the hostile root
// is its own: no user database, no library, no time zone (CVE-2018-15664,
// CVE-2019-14271).
func TestLookupsAfterPivot(t *testing.T) {
	for _, p := range profiles {
		for _, shared := range []bool{false, true} {
			b := newBundle(t)
			b.profile = p
			if shared {
				b.sharedPID()
			}
			b.mkdir("b/rootfs/lib")
			b.process()["user"] = object{"uid": 1234, "gid": 1234, "additionalGids": array{5}}
			b.run("cwd")
			b.wants = []string{"cwd: /"}
			pivoted, ended := false, false
			for _, call := range b.trace() {
				switch {
				case strings.Contains(call, "pivot_root("):
					pivoted = true
				case executing.MatchString(call):
					ended = true
				case pivoted && !ended && opening.MatchString(call) && !strings.Contains(call, "ENOSYS"):
					t.Errorf("%s: after pivot_root: %s", p, call)
				}
			}
			if !pivoted || !ended {
				t.Errorf("%s: the trace has no pivot_root or no execve of the payload", p)
			}
		}
	}
}

// TestNoUserDatabase: not before either: ids are numbers.
func TestNoUserDatabase(t *testing.T) {
	b := newBundle(t)
	b.run("cwd")
	b.wants = []string{"cwd: /"}
	for _, call := range b.trace() {
		if executing.MatchString(call) {
			break
		}
		for _, path := range quoted.FindAllStringSubmatch(call, -1) {
			for _, bad := range []string{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so", "/lib", "/usr/lib", "/etc/localtime", "/etc/resolv.conf"} {
				if opening.MatchString(call) && strings.HasPrefix(path[1], bad) {
					t.Errorf("nsboot looks up %s: %s", bad, call)
				}
			}
		}
	}
}

// making are the calls that make a name.
var making = regexp.MustCompile(`^\d+ +(mkdir|mkdirat|mknod|mknodat|symlink|symlinkat|link|linkat|rename|renameat2?|creat)\(|O_CREAT|O_TMPFILE`)

// TestNoScratchNames: nothing is made in /tmp or in any place of the host but
// the bundle's mount points and the journal of them (CVE-2026-3888). Overlays
// need scratch directories most.
func TestNoScratchNames(t *testing.T) {
	for _, p := range profiles {
		for _, overlay := range []string{"none", "root", "all"} {
			b := newBundle(t)
			b.profile, b.flags = p, []string{"--overlay=" + overlay}
			b.mounts(mount("src", "/missing/data", "bind", "bind"))
			b.run("ls", "/missing")
			b.wants = []string{"ls: data"}
			for _, call := range b.trace() {
				if executing.MatchString(call) {
					break
				}
				if !making.MatchString(call) {
					continue
				}
				for _, path := range quoted.FindAllStringSubmatch(call, -1) {
					own := strings.HasPrefix(path[1], "/run/nsboot") || path[1] == "/run"
					if strings.HasPrefix(path[1], "/") && !own && !strings.Contains(call, "symlinkat") {
						t.Errorf("%s, --overlay=%s: made by an absolute path: %s", p, overlay, call)
					}
				}
			}
		}
	}
}
