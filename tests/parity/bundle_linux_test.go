package parity

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// probeWords is the shell vocabulary of the probes.
//
//go:embed testdata/probe.sh
var probeWords string

// baseConfig is the config.json that every case starts from.
const baseConfig = `{
  "ociVersion": "1.0.2",
  "hostname": "parity",
  "process": {
    "user": {"uid": 0, "gid": 0},
    "noNewPrivileges": true,
    "capabilities": {}
  },
  "root": {"path": "rootfs"},
  "linux": {
    "namespaces": [{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "network"}],
    "resources": {"devices": [{"allow": false, "access": "rwm"}]}
  }
}`

// baseCapabilities are what a probe run as root may use.
var baseCapabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// standardMounts come first in a case unless it says `standard: no`.
var standardMounts = [][4]string{
	{"proc", "/proc", "proc", "-"},
	{"tmpfs", "/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
	{"devpts", "/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"},
}

// applets are the names that busybox goes by in the root.
const applets = "awk cat chmod cp dd df echo env false find grep head id ln ls mkdir mknod mount mv od pwd readlink rm rmdir " +
	"sed sh sleep sort stat tail test touch tr true umount wc"

// writeBundle builds the case's bundle in dir: rootfs, bind sources and config.json. busybox is linked, not copied, so it must
// be on the same file system.
func writeBundle(dir, busybox string, c *parityCase) error {
	if err := baseTree(dir, busybox); err != nil {
		return err
	}
	for _, l := range c.Tree {
		if err := applyTreeLine(dir, busybox, l); err != nil {
			return fmt.Errorf("tree line %q: %w", l, err)
		}
	}
	config, err := configJSON(c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
}

// baseTree makes the root and the bind sources that every case starts from.
func baseTree(dir, busybox string) error {
	for _, d := range strings.Fields("bin etc var usr proc sys dev tmp root") {
		if err := os.MkdirAll(filepath.Join(dir, "rootfs", d), 0o755); err != nil {
			return err
		}
	}
	bin := filepath.Join(dir, "rootfs/bin")
	if err := os.Link(busybox, filepath.Join(bin, "busybox")); err != nil {
		return err
	}
	for _, a := range strings.Fields(applets) {
		if err := os.Symlink("busybox", filepath.Join(bin, a)); err != nil {
			return err
		}
	}
	for _, f := range [][2]string{
		{"rootfs/etc/hello", "hello\n"},
		{"rootfs/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"},
		{"src/f", "srcdata\n"},
		{"src2/inner/g", "src2data\n"},
		{"srcfile", "filedata\n"},
	} {
		if err := writeFile(filepath.Join(dir, f[0]), f[1], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// applyTreeLine carries out one line of a case's tree section.
func applyTreeLine(dir, busybox, line string) error {
	f := strings.SplitN(line, " ", 4)
	if len(f) < 2 {
		return fmt.Errorf("want WORD PATH ...")
	}
	path := filepath.Join(dir, f[1])
	switch f[0] {
	case "dir": // dir PATH [MODE]
		mode := fs.FileMode(0o755)
		if len(f) > 2 {
			n, err := strconv.ParseUint(f[2], 8, 12)
			if err != nil {
				return err
			}
			mode = fs.FileMode(n)
		}
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return unix.Chmod(path, uint32(mode))
	case "file": // file PATH MODE "CONTENT"
		mode, err := strconv.ParseUint(f[2], 8, 12)
		if err != nil {
			return err
		}
		content, err := strconv.Unquote(f[3])
		if err != nil {
			return err
		}
		return writeFile(path, content, fs.FileMode(mode))
	case "link": // link PATH TARGET
		return os.Symlink(f[2], path)
	case "remove":
		return os.Remove(path)
	case "busybox": // busybox PATH
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.Link(busybox, path)
	case "tmpfs": // tmpfs PATH: mounted there by the host before the boot
		return unix.Mount("parity", path, "tmpfs", 0, "")
	}
	return fmt.Errorf("unknown word %q", f[0])
}

func writeFile(path, content string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// configJSON is the base config with the case's fields, and its fragment merged over them.
func configJSON(c *parityCase) ([]byte, error) {
	var config map[string]any
	if err := json.Unmarshal([]byte(baseConfig), &config); err != nil {
		return nil, err
	}
	process := config["process"].(map[string]any)
	for _, set := range []string{"bounding", "effective", "permitted"} {
		process["capabilities"].(map[string]any)[set] = baseCapabilities
	}
	process["cwd"], process["env"], process["args"] = c.Cwd, c.Env, c.Args
	if c.Args == nil {
		process["args"] = []string{"/bin/sh", "-c", probeWords + c.Probe + "true\n"}
	}
	config["root"].(map[string]any)["readonly"] = c.ReadOnly
	all := c.Mounts
	if c.Standard {
		all = append(append([][4]string{}, standardMounts...), c.Mounts...)
	}
	mounts := []any{}
	for _, m := range all {
		mounts = append(mounts, mountJSON(m))
	}
	config["mounts"] = mounts
	if c.Config != nil {
		var over map[string]any
		if err := json.Unmarshal(c.Config, &over); err != nil {
			return nil, err
		}
		merge(config, over)
	}
	return json.MarshalIndent(config, "", " ")
}

// mountJSON turns SOURCE DESTINATION TYPE OPTIONS into a mount of config.json.
func mountJSON(column [4]string) map[string]any {
	m := map[string]any{}
	for i, key := range []string{"source", "destination", "type"} {
		switch column[i] {
		case "-":
		case `""`:
			m[key] = ""
		default:
			m[key] = column[i]
		}
	}
	if column[3] != "-" {
		m["options"] = strings.Split(column[3], ",")
	}
	return m
}

// merge lays one JSON object over another: objects merge, null removes, anything else replaces.
func merge(dst, over map[string]any) {
	for k, v := range over {
		sub, isObject := v.(map[string]any)
		old, wasObject := dst[k].(map[string]any)
		switch {
		case v == nil:
			delete(dst, k)
		case isObject && wasObject:
			merge(old, sub)
		default:
			dst[k] = v
		}
	}
}
