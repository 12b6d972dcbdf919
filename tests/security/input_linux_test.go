package security

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNUL: the kernel would cut a string at a NUL byte, in config.json an escape.
func TestNUL(t *testing.T) {
	const evil = "/etc\x00/hidden"
	fields := map[string]func(b *bundle){
		"root.path":              func(b *bundle) { b.config["root"].(object)["path"] = "rootfs\x00x" },
		"process.args[1]":        func(b *bundle) { b.process()["args"] = array{"/bin/payload", evil} },
		"process.env[1]":         func(b *bundle) { b.process()["env"] = array{"A=b", "C=" + evil} },
		"process.cwd":            func(b *bundle) { b.process()["cwd"] = evil },
		"hostname":               func(b *bundle) { b.config["hostname"] = evil },
		"mounts[1].destination":  func(b *bundle) { b.mounts(mount("src", evil, "bind", "bind")) },
		"mounts[1].source":       func(b *bundle) { b.mounts(mount(evil, "/data", "bind", "bind")) },
		"mounts[1].type":         func(b *bundle) { b.mounts(mount("src", "/data", "tmpfs\x00")) },
		"mounts[1].options[1]":   func(b *bundle) { b.mounts(mount("src", "/data", "tmpfs", "ro", "mode=1\x00")) },
		"linux.maskedPaths[0]":   func(b *bundle) { b.linux()["maskedPaths"] = array{evil} },
		"linux.readonlyPaths[0]": func(b *bundle) { b.linux()["readonlyPaths"] = array{evil} },
		"linux.devices[0].path": func(b *bundle) {
			b.linux()["devices"] = array{object{"path": evil, "type": "c", "major": 1, "minor": 3}}
		},
		"linux.namespaces[0].path": func(b *bundle) { b.linux()["namespaces"] = array{object{"type": "network", "path": evil}} },
		"annotations":              func(b *bundle) { b.config["annotations"] = object{"a": evil} },
		"process.capabilities":     func(b *bundle) { b.process()["capabilities"] = object{"bounding": array{"CAP_KILL\x00"}} },
		"process.rlimits[0].type": func(b *bundle) {
			b.process()["rlimits"] = array{object{"type": "RLIMIT_CORE\x00", "soft": 1, "hard": 1}}
		},
		"linux.cgroupsPath":        func(b *bundle) { b.linux()["cgroupsPath"] = evil },
		"process.apparmorProfile":  func(b *bundle) { b.process()["apparmorProfile"] = evil },
		"linux.namespaces[0].type": func(b *bundle) { b.linux()["namespaces"] = array{object{"type": "pid\x00"}} },
		"linux.rootfsPropagation":  func(b *bundle) { b.linux()["rootfsPropagation"] = "private\x00" },
		"mounts[1].uidMappings":    func(b *bundle) {},
		"ociVersion":               func(b *bundle) { b.config["ociVersion"] = "1.2.0\x00" },
		"process.user.username":    func(b *bundle) { b.process()["user"] = object{"uid": 0, "gid": 0, "username": "r\x00"} },
	}
	delete(fields, "mounts[1].uidMappings")
	for field, put := range fields {
		t.Run(field, func(t *testing.T) {
			b := newBundle(t)
			put(b)
			b.boot().refused(t, field)
		})
	}
}

// TestDestinations: relative, empty, with .. or nothing but the root.
func TestDestinations(t *testing.T) {
	for _, dest := range []string{"", "data", "../data", "/etc/../../data", "/..", "/", "//", "/./", "/etc/..", ".", ".."} {
		for _, p := range profiles {
			b := newBundle(t)
			b.profile = p
			b.mounts(mount("src", dest, "bind", "bind"))
			b.run("ls", "/", ",", "ls", "/data")
			r := b.boot()
			// oci takes a relative one from /, and .. never leaves the root (C13).
			if p == "oci" && (dest == "data" || dest == "../data" || dest == "/etc/../../data") {
				if r.code != 0 || !strings.HasSuffix(r.stdout, "ls: own\n") {
					t.Errorf("oci: %q: %+v", dest, r)
				}
				continue
			}
			r.refused(t, "mounts[1]", "destination")
		}
	}
}

// TestAwkwardNames: what separates in mount options and in the mount table, in
// the paths of the root and of a bind: overlay layers are handed over as descriptors.
func TestAwkwardNames(t *testing.T) {
	for _, name := range []string{",", ":", `\`, "\n", "a,b:c\\d\ne", "x=y", "lowerdir=victim", `\040`, " ", "#", "*", "%2F"} {
		for _, p := range profiles {
			for _, overlay := range []string{"none", "root", "all"} {
				b := newBundle(t)
				b.profile, b.flags = p, []string{"--overlay=" + overlay}
				b.must(unix.Rename(b.path("b/rootfs"), b.path("b/"+name)))
				b.mkdir("b/src/" + name)
				b.write("b/src/"+name+"/own", "the bundle's\n")
				b.config["root"].(object)["path"] = name
				b.mounts(
					mount("src/"+name, "/"+name, "bind", "bind"),
					mount("src/"+name+"/own", "/etc/"+name, "bind", "bind"),
					mount("src/"+name, "/etc/ro"+name, "bind", "bind", "ro"),
					mount("tmpfs", "/etc/ro"+name+"/"+name, "tmpfs"),
				)
				b.run("ls", "/"+name, ",", "cat", "/etc/"+name, ",", "ls", "/etc/ro"+name)
				inner := "own " + name
				if name < "own" {
					inner = name + " own"
				}
				b.boot().booted(t, "ls: own", "cat: the bundle's\n", "ls: "+inner)
			}
		}
	}
}

// TestSmuggledOptions: parameters of a file system where they do not belong, and
// of an overlay that the config is to describe, not to assemble.
func TestSmuggledOptions(t *testing.T) {
	tests := []struct {
		typ     string
		options array
		oci     string // what its error says; "" = it boots
		runsc   string
	}{
		{"bind", array{"bind", "lowerdir=/etc"}, "lowerdir=/etc", ""},
		{"bind", array{"bind", "mode=0777"}, "mode=0777", ""},
		{"bind", array{"bind", "size=1k,lowerdir=/"}, "size=1k", ""},
		{"tmpfs", array{"lowerdir=/etc"}, "lowerdir", ""},
		{"tmpfs", array{"size=1m,lowerdir=/etc"}, "size", "size"},
		{"tmpfs", array{"mode=0755,uid=5"}, "mode", "mode"},
		{"proc", array{"lowerdir=/etc"}, "lowerdir", ""},
		{"tmpfs", array{"source=/etc"}, "", ""},
		{"proc", array{"pidns=/proc/1/ns/pid"}, "pidns", ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.typ, tt.options), func(t *testing.T) {
			for _, p := range profiles {
				b := newBundle(t)
				b.profile = p
				m := mount("src", "/data", tt.typ, tt.options...)
				if tt.typ == "proc" {
					m["destination"] = "/proc"
				}
				b.config["mounts"] = array{mount("proc", "/proc", "proc"), m}
				b.run("ls", "/data")
				want := tt.runsc
				if p == "oci" {
					want = tt.oci
				}
				r := b.boot()
				if want != "" {
					r.refused(t, "mounts[1]", want)
				} else if r.code == 0 && (strings.Contains(r.stdout, "passwd") || strings.Contains(r.stdout, "secret")) {
					t.Errorf("%s: the host is visible: %s", p, r.stdout)
				} else if r.code != 0 {
					r.refused(t, "mounts[1]")
				}
			}
		})
	}
}

// TestOddBindSources: nothing is waited for and nothing is woken.
func TestOddBindSources(t *testing.T) {
	for _, p := range profiles {
		for _, overlay := range []string{"none", "all"} {
			b := newBundle(t)
			b.profile, b.flags = p, []string{"--overlay=" + overlay}
			b.must(unix.Mkfifo(b.path("b/src/fifo"), 0o644))
			b.mknod("b/src/null", 1, 3)
			b.socket("b/src/socket")
			for _, name := range []string{"fifo", "socket", "null"} {
				b.mounts(mount("src/"+name, "/etc/"+name, "bind", "bind", "ro"))
				b.run("rdev", "/etc/"+name)
				kind := map[string]string{"fifo": "10000 0:0", "socket": "140000 0:0", "null": "20000 1:3"}[name]
				b.boot().booted(t, "rdev: "+kind)
				b.mounts(mount("src/"+name, "/etc", "bind", "bind"))
				b.boot().refused(t, "mounts[1] /etc")
				b.mounts(mount("src/"+name+"/below", "/etc", "bind", "bind"))
				b.boot().refused(t, "mounts[1] /etc")
			}
		}
	}
}

// socket makes one with a listener, which would hear of a connection.
func (b *bundle) socket(rel string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	b.must(err)
	b.t.Cleanup(func() { unix.Close(fd) })
	b.must(unix.Bind(fd, &unix.SockaddrUnix{Name: b.path(rel)}))
	b.must(unix.Listen(fd, 1))
}

// TestBindOfHostRoot: propagation asked for by the config stays between the
// container's own mounts.
func TestBindOfHostRoot(t *testing.T) {
	for _, p := range profiles {
		for _, propagation := range []string{"rshared", "shared", "rslave", "rprivate", "unbindable", "runbindable"} {
			b := newBundle(t)
			b.profile = p
			b.mounts(mount("/", "/host", "bind", "rbind", propagation), mount("inside", "/host/mnt", "tmpfs"), mount("under", "/host"+b.path("victim/empty"), "tmpfs"))
			b.run("mountsany", " inside ", " under ")
			b.boot().booted(t, "mountsany: 2")
		}
	}
}

// TestSourceDescriptors: --source-fds that are no directories, not open, or twice the same.
func TestSourceDescriptors(t *testing.T) {
	for _, fds := range []string{"3,99", "3", "3,4,5", "3,3,3", "0,1", "-1,3", "3,x", "3,,4", "99999999999,3"} {
		b := newBundle(t)
		b.attr = func(cmd *exec.Cmd) { b.leak(cmd) }
		b.mounts(mount("src", "/etc/data", "bind", "bind"))
		b.command = []string{"run", "--bundle", b.path("b"), "--source-fds", fds}
		if r := b.boot(); r.code != 125 && r.code != 127 {
			t.Errorf("--source-fds %s: %+v", fds, r)
		}
	}
}
