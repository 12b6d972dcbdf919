package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// replays are configs of all kinds, with the flags that they are compiled with.
func replays() map[string]struct {
	flags []string
	build func(b *bundle)
} {
	type config = struct {
		flags []string
		build func(b *bundle)
	}
	return map[string]config{
		"bare":          {nil, func(*bundle) {}},
		"read-only":     {nil, func(b *bundle) { b.readonly().tmpfs("/some/where/new", "nosuid") }},
		"layer on all":  {[]string{"--overlay=all"}, func(b *bundle) { b.bind("src", "/data").bind("src/dir/f", "/etc/file").tmpfs("/data/new") }},
		"layer on root": {[]string{"--overlay=root"}, func(b *bundle) { b.bind("src", "/data", "ro") }},
		"tmp always":    {[]string{"--tmp=tmpfs"}, func(b *bundle) { b.write("rootfs/tmp/full", "x") }},
		"tmp never":     {[]string{"--tmp=rootfs"}, func(*bundle) {}},
		"tmp not empty": {nil, func(b *bundle) { b.write("rootfs/tmp/full", "x") }},
		"binds": {nil, func(b *bundle) {
			b.bind("src", "/a", "ro", "nosuid", "nodev").bind("src", "/b", "rbind", "noexec").bind("src/dir/f", "/c", "ro")
		}},
		"below a bind": {nil, func(b *bundle) {
			b.bind("src", "/a", "ro").tmpfs("/a/new/deep", "mode=0700").bind("src", "/a/new/deep/in")
		}},
		"twice":         {nil, func(b *bundle) { b.tmpfs("/a", "nosuid").tmpfs("/a", "noexec") }},
		"a parent last": {nil, func(b *bundle) { b.tmpfs("/a/b", "nosuid").tmpfs("/a", "noexec") }},
		"by way of a link": {nil, func(b *bundle) {
			os.Symlink("/var/real", b.path("rootfs/link"))
			b.mkdir("rootfs/var/real")
			b.bind("src", "/link/x", "ro")
		}},
		"masked": {nil, func(b *bundle) {
			b.spec.Linux.MaskedPaths = []string{"/proc/version", "/sys/firmware", "/nowhere"}
			b.spec.Linux.ReadonlyPaths = []string{"/proc/sys", "/etc"}
		}},
		"propagation": {nil, func(b *bundle) { b.bind("src", "/a", "rbind", "rslave").bind("src", "/b", "rbind", "rprivate") }},
		"namespaces":  {nil, func(b *bundle) { b.namespaces(specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace) }},
		"cgroup":      {nil, func(b *bundle) { b.mount("cgroup", "cgroup", "/sys/fs/cgroup", "ro", "nosuid") }},
		"unknown":     {nil, func(b *bundle) { b.mount("nosuchfs", "x", "/mnt/x") }},
	}
}

// TestReplayTables: of every kind of config, in every profile that takes it, a
// recorded plan gives the mount table that compiling gives, by run and by create,
// though the profile and the flags that it was recorded with are not repeated
// (section 7).
func TestReplayTables(t *testing.T) {
	compared := map[string]int{}
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		for name, c := range replays() {
			t.Run(profile+"/"+name, func(t *testing.T) {
				b := newBundle(t)
				b.write("src/dir/f", "f")
				if b.writes = true; profile == "oci" {
					b.ociMounts()
				}
				c.build(b)
				b.sh(await)
				flags := append([]string{"--profile=" + profile}, c.flags...)
				b.save()
				if r := b.command(append(slices.Clone(flags), "run", "--", "true")...).start().finish(); r.Code == 125 {
					t.Logf("%s does not take it: %s", profile, r.Err)
					return
				}
				plan := b.record(flags...)
				compiled := b.table(flags...)
				if len(compiled) < 2 {
					t.Errorf("only %q", compiled)
				}
				for way, got := range map[string][]string{"run": b.table("run", "--plan", plan), "create": b.createdTable("--plan", plan)} {
					if diff := cmp.Diff(compiled, got); diff != "" {
						t.Errorf("%s --plan (-compiled +replayed):\n%s", way, diff)
					}
				}
				compared[profile]++
			})
		}
	}
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		if compared[profile] < 14 {
			t.Errorf("%s: only %d configs compared", profile, compared[profile])
		}
	}
}

// table is the mount table of a boot, without what differs from boot to boot.
func (b *bundle) table(flags ...string) []string {
	b.t.Helper()
	c := b.command(flags...).ready()
	table := normalTable(b.t, fmt.Sprint(c.payload()))
	if r := c.finish(); r.Code != 0 {
		b.t.Errorf("%v: %+v", flags, r)
	}
	return table
}

// createdTable is that of a container that waits to be started.
func (b *bundle) createdTable(own ...string) []string {
	b.t.Helper()
	root, err := os.MkdirTemp(filepath.Dir(nsboot), "created")
	if err != nil {
		b.t.Fatal(err)
	}
	defer os.RemoveAll(root)
	c := b.command()
	pidFile := filepath.Join(root, "pid")
	create := append([]string{"--root", root, "create", "--bundle", b.dir, "--pid-file", pidFile}, own...)
	if r := c.as(append(create, "web")...); r.Code != 0 {
		b.t.Fatalf("%v: %+v", create, r)
	}
	pid, err := os.ReadFile(pidFile)
	if err != nil {
		b.t.Fatal(err)
	}
	table := normalTable(b.t, string(pid))
	if r := c.as("--root", root, "delete", "--force", "web"); r.Code != 0 {
		b.t.Errorf("delete: %+v", r)
	}
	return table
}

// changing is what no two mounts of a table have in common.
var changing = regexp.MustCompile(`(shared|master|propagate_from):\d+|(lowerdir|upperdir|workdir)[^ ,]*`)

// normalTable is a process's mount table in its own order: what is mounted where,
// on the mount of which place, its flags, type, source and parameters.
func normalTable(t testing.TB, pid string) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	where := map[string]string{}
	var table []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		f := strings.Fields(line)
		where[f[0]] = f[4]
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		f := strings.Fields(line)
		root := f[3]
		if strings.HasPrefix(root, "/docker") || strings.Contains(root, "cgroup") {
			root = "..."
		}
		rest := changing.ReplaceAllString(strings.Join(f[5:], " "), "$1$2")
		table = append(table, fmt.Sprintf("%s on the mount of %q, %s of its file system: %s", f[4], where[f[1]], root, rest))
	}
	return table
}
