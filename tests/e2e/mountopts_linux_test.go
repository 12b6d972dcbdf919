package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// optionEffect is what one option of runtime-spec's table does to the flags of
// a mount whose source has none of them (or, with clears, all).
type optionEffect struct {
	option   string
	flag     string // in mountinfo
	clears   bool
	tightens bool // applied in every profile
	few      bool // one of the three that runsc-2018 and -2019 honour
}

func optionEffects() (list []optionEffect) {
	for _, e := range []optionEffect{
		{option: "ro", flag: "ro", tightens: true, few: true}, {option: "nosuid", flag: "nosuid", tightens: true},
		{option: "nodev", flag: "nodev", tightens: true}, {option: "noexec", flag: "noexec", tightens: true},
		{option: "nosymfollow", flag: "nosymfollow", tightens: true}, {option: "noatime", flag: "noatime", few: true},
		{option: "nodiratime", flag: "nodiratime"}, {option: "strictatime", flag: "strictatime"},
		{option: "rw", flag: "ro", clears: true, few: true}, {option: "suid", flag: "nosuid", clears: true}, {option: "dev", flag: "nodev", clears: true},
		{option: "exec", flag: "noexec", clears: true}, {option: "symfollow", flag: "nosymfollow", clears: true},
		{option: "atime", flag: "noatime", clears: true}, {option: "relatime", flag: "noatime", clears: true},
		{option: "diratime", flag: "nodiratime", clears: true},
	} {
		list = append(list, e)
		e.option, e.few = "r"+e.option, false
		list = append(list, e)
	}
	return list
}

// flagsOf are the flags of one mount; strictatime is the absence of two others.
func flagsOf(field string) []string {
	options, _, _ := strings.Cut(field, " ")
	flags := strings.Split(options, ",")
	if !slices.Contains(flags, "relatime") && !slices.Contains(flags, "noatime") {
		flags = append(flags, "strictatime")
	}
	return flags
}

// TestOptionTable: every attribute of runtime-spec's table, on a bind of a tree
// of two mounts, is what mountinfo shows in every profile (C9): the recursive
// ones on both mounts, the others on the first alone.
func TestOptionTable(t *testing.T) {
	effects := optionEffects()
	for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
		t.Run(profile, func(t *testing.T) {
			b := newBundle(t)
			if profile == "oci" {
				b.ociMounts()
			}
			b.mkdir("plain/sub")
			b.mkdir("tight")
			unmountAtEnd(t, b.path("plain/sub"), "e2e-plain-sub", "tmpfs", 0, "")
			const all = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_NOSYMFOLLOW
			unmountAtEnd(t, b.path("tight"), "e2e-tight", "tmpfs", all, "")
			b.mkdir("tight/sub")
			unmountAtEnd(t, b.path("tight/sub"), "e2e-tight-sub", "tmpfs", all|unix.MS_RDONLY, "")
			if err := unix.Mount("", b.path("tight"), "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|all, ""); err != nil {
				t.Fatal(err)
			}
			for i, e := range effects {
				src := "plain"
				if e.clears {
					src = "tight"
				}
				b.mkdir(fmt.Sprintf("rootfs/mnt/%d", i))
				b.mount("bind", src, fmt.Sprintf("/mnt/%d", i), "rbind", e.option)
			}
			got, _ := b.mountsIn("--profile", profile)
			for i, e := range effects {
				honoured := e.tightens && !e.clears || e.few || profile == "runsc" || profile == "oci"
				recursive := len(e.option) > 1 && e.option[0] == 'r' && slices.ContainsFunc(effects, func(o optionEffect) bool { return o.option == e.option[1:] })
				for _, at := range []string{fmt.Sprintf("/mnt/%d", i), fmt.Sprintf("/mnt/%d/sub", i)} {
					field, ok := got[at]
					sub := strings.HasSuffix(at, "sub")
					changed := honoured && (!sub || recursive)
					if has := slices.Contains(flagsOf(field), e.flag); !ok || has != (changed != e.clears) {
						t.Errorf("%s, %s: %q", e.option, at, field)
					}
				}
			}
		})
	}
}

// TestPropagationTable: every propagation of the table, on both mounts where it
// is recursive (C9).
func TestPropagationTable(t *testing.T) {
	marks := map[string]string{"private": "", "slave": "master:", "shared": "shared:", "unbindable": "unbindable"}
	for _, profile := range []string{"runsc", "runsc-2019", "oci"} {
		b := newBundle(t)
		if profile == "oci" {
			b.ociMounts()
		}
		b.mkdir("src/sub")
		unmountAtEnd(t, b.path("src"), "e2e-src", "tmpfs", 0, "")
		b.mkdir("src/sub")
		unmountAtEnd(t, b.path("src/sub"), "e2e-sub", "tmpfs", 0, "")
		for name := range marks {
			b.bind("src", "/"+name, "rbind", name).bind("src", "/r"+name, "rbind", "r"+name)
		}
		got, _ := b.mountsIn("--profile", profile)
		for name, mark := range marks {
			for _, at := range []string{"/" + name, "/r" + name, "/r" + name + "/sub"} {
				field, ok := got[at]
				_, optional, _ := strings.Cut(field, "tmpfs")
				want := mark
				if profile == "runsc-2019" {
					want = ""
				}
				if !ok || !strings.Contains(optional, want) || want == "" && strings.TrimSpace(optional) != "" {
					t.Errorf("%s: %s: %q, want %q", profile, at, field, want)
				}
			}
		}
	}
}

// TestSharedHears: a shared mount, alone, hears of its source, and tells it nothing.
func TestSharedHears(t *testing.T) {
	b := newBundle(t)
	unmountAtEnd(t, b.mkdir("src"), "e2e-src", "tmpfs", 0, "")
	got, _ := b.bind("src", "/mnt", "rshared").mountsIn()
	if !strings.Contains(got["/mnt"], "shared:") || !strings.Contains(got["/mnt"], "master:") {
		t.Errorf("/mnt is %q", got["/mnt"])
	}
}

// TestSuperFlags: the table's flags of a file system are in its options (C9).
func TestSuperFlags(t *testing.T) {
	for _, profile := range []string{"runsc", "oci"} {
		b := newBundle(t)
		if profile == "oci" {
			b.ociMounts()
		}
		shown := map[string]string{"sync": "sync", "dirsync": "dirsync", "lazytime": "lazytime", "sync,async": "", "lazytime,nolazytime": "", "nomand": "",
			"silent": "", "loud": "", "noiversion": ""}
		dest := map[string]string{}
		for i, options := range sorted(shown) {
			dest[options] = fmt.Sprintf("/s%d", i)
			b.tmpfs(dest[options], strings.Split(options, ",")...)
		}
		b.spec.Process.Args = []string{"cat", "/proc/self/mountinfo"}
		table := b.good("--profile", profile)
		for options, want := range shown {
			i := strings.Index(table, " "+dest[options]+" ")
			line, _, _ := strings.Cut(table[max(i, 0):], "\n")
			super := strings.Split(line[strings.LastIndexByte(line, ' ')+1:], ",")
			for _, flag := range []string{"sync", "dirsync", "lazytime"} {
				if slices.Contains(super, flag) != (flag == want) || i < 0 {
					t.Errorf("%s: %s: %q", profile, options, line)
				}
			}
		}
	}
	b := newBundle(t).ociMounts().tmpfs("/x", "iversion")
	b.bad(125, []string{"mounts[5] /x", "options[0]", "iversion"}, "--profile", "oci")
}

// TestRemount: the flags that a remount lists are those that the mount has, its
// parameters those of the file system, and the host's are as they were (C9).
func TestRemount(t *testing.T) {
	for _, profile := range []string{"runsc", "oci"} {
		b := newBundle(t)
		if profile == "oci" {
			b.ociMounts()
		} else {
			b.mount("proc", "proc", "/proc")
		}
		b.mkdir("src/sub")
		unmountAtEnd(t, b.path("src/sub"), "e2e-sub", "tmpfs", unix.MS_NOEXEC, "")
		b.bind("src", "/a", "nosuid").mount("", "", "/a", "remount", "bind", "ro", "nodev")
		b.bind("src", "/b", "rbind").mount("none", "", "/b/sub", "remount", "ro")
		b.tmpfs("/c", "noatime", "nodiratime").mount("tmpfs", "tmpfs", "/c", "remount", "noexec", "size=64k")
		b.tmpfs("/d", "noatime").tmpfs("/d", "remount", "strictatime", "rro")
		b.mount("proc", "proc", "/proc", "remount", "nosuid", "hidepid=2")
		b.bind("src", "/e", "rbind").mount("", "", "/e", "remount", "rshared", "rnosuid")
		got, _ := b.mountsIn("--profile", profile)
		for at, want := range map[string]string{
			"/a": "ro,nodev,relatime", "/b/sub": "ro,relatime", "/b": "rw,relatime", "/c": "rw,noexec,noatime,nodiratime", "/d": "ro", "/proc": "rw,nosuid,relatime",
			"/e": "rw,nosuid,relatime", "/e/sub": "rw,nosuid,noexec,relatime",
		} {
			if options, _, _ := strings.Cut(got[at], " "); options != want {
				t.Errorf("%s: %s is %q, want %q", profile, at, got[at], want)
			}
		}
		if !strings.Contains(got["/e/sub"], "shared:") {
			t.Errorf("%s: /e/sub is %q", profile, got["/e/sub"])
		}
		b.sh("grep -o 'hidepid=[a-z0-9]*' /proc/mounts; dd if=/dev/zero of=/c/f bs=1024 count=128 2>&1 | grep -c 'No space'")
		if out := b.boot("--profile", profile).Out; out != "hidepid=invisible\n1\n" {
			t.Errorf("%s: %q", profile, out)
		}
	}
}

// TestRemountRefused: nothing is mounted there, or the file system is the host's.
func TestRemountRefused(t *testing.T) {
	for _, c := range []struct {
		what  string
		build func(*bundle)
		words []string
	}{
		{"no mount", func(b *bundle) { b.mount("", "", "/etc", "remount", "ro") }, []string{"mounts[5] /etc", "nothing is mounted there"}},
		{"nothing", func(b *bundle) { b.mount("", "", "/nowhere", "remount", "ro") }, []string{"mounts[5] /nowhere", "no such file"}},
		{"a bind's data", func(b *bundle) { b.bind("src", "/mnt").mount("", "", "/mnt", "remount", "sync") }, []string{"mounts[6] /mnt", "not this container's alone"}},
		{"a link to a bind", func(b *bundle) {
			b.tmpfs("/l").bind("src", "/mnt").mount("", "", "/l", "remount", "size=1m")
			if err := os.Symlink("/mnt", b.path("rootfs/l")); err != nil {
				t.Fatal(err)
			}
		}, []string{"mounts[7] /l", "not one that this boot has made"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := newBundle(t).ociMounts()
			b.mkdir("src")
			unmountAtEnd(t, b.path("src"), "e2e-src", "tmpfs", 0, "size=10m")
			c.build(b)
			b.bad(125, c.words, "--profile", "oci") // in spec order
		})
	}
}

// TestRootfsPropagation: all values; what the host mounts below the root shows
// in a slave alone, and nothing of the container's shows on the host.
func TestRootfsPropagation(t *testing.T) {
	for value, want := range map[string]struct{ root, bind string }{
		"": {}, "private": {}, "rprivate": {}, "shared": {"shared:", ""}, "rshared": {"shared:", "shared:"},
		"slave": {"master:", ""}, "rslave": {"master:", "master:"}, "unbindable": {"unbindable", ""}, "runbindable": {"unbindable", "unbindable"},
	} {
		t.Run("value "+value, func(t *testing.T) {
			b := newBundle(t)
			unmountAtEnd(t, b.path("rootfs/etc"), "e2e-etc", "tmpfs", 0, "")
			b.mkdir("src")
			b.mkdir("rootfs/data")
			unmountAtEnd(t, b.path("src"), "e2e-src", "tmpfs", 0, "")
			b.bind("src", "/data")
			b.spec.Linux.RootfsPropagation = value
			b.sh("echo ready; read x; cat /proc/self/mountinfo")
			c := b.command().ready()
			unmountAtEnd(t, b.path("rootfs/mnt"), "e2e-later", "tmpfs", 0, "")
			c.stdin.Write([]byte("go\n"))
			r := c.wait()
			unix.Unmount(b.path("rootfs/mnt"), unix.MNT_DETACH)
			b.checkHost(c.host)
			got, _ := parseMounts(strings.TrimPrefix(r.Out, "ready\n"))
			for at, mark := range map[string]string{"/": want.root, "/data": want.bind} {
				_, optional, _ := strings.Cut(got[at], " ")
				_, optional, _ = strings.Cut(optional, " ")
				if !strings.Contains(optional, mark) || mark == "" && optional != "" {
					t.Errorf("%s is %q, want %q", at, got[at], mark)
				}
			}
			if _, heard := got["/mnt"]; heard != strings.HasSuffix(value, "slave") {
				t.Errorf("the host's later mount shows: %v\n%s%s", heard, r.Out, r.Err)
			}
		})
	}
}

// TestManyOptions: a list that no mount needs.
func TestManyOptions(t *testing.T) {
	for _, profile := range []string{"runsc", "oci"} {
		b := newBundle(t).ociMounts().tmpfs("/x", slices.Repeat([]string{"nosuid"}, 10_000)...)
		b.bad(125, []string{"mounts[5] /x: options: 10000 of them, a mount takes 1024"}, "--profile", profile)
	}
}
