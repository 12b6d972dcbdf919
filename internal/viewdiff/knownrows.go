package viewdiff

import "github.com/nsboot/nsboot/internal/fsview"

// mountRules explain differences of mount tables and statfs.
func mountRules(masked []string) []rule {
	kind := is(fsview.KindMount)
	return []rule{
		{row: "seen-fs-type", kinds: kind, facts: is("type", "statfs type"), theirs: is("9p")},
		{row: "seen-masked", kinds: kind, facts: is("nosuid", "nodev", "noexec", "size", "statfs flags", "access", "atime", "type"), types: is("tmpfs"), paths: masked},
		{row: "seen-atime", kinds: kind, facts: is("atime"), ours: is("relatime"), theirs: is("strictatime")},
		{row: "seen-statfs-flags", kinds: kind, facts: is("statfs flags"), theirs: is("")},
		{row: "seen-tmpfs-size", kinds: kind, facts: is("size"), theirs: is("9223372036854771712")},
		{row: "masked-paths", kinds: is(fsview.KindMount, fsview.KindHidden), facts: is(""), paths: masked, ours: is(Here)},
		{row: "D3-flags", kinds: kind, facts: is("nosuid", "nodev", "noexec", "statfs flags"), types: is("proc", "sysfs")},
		{row: "D3-flags", kinds: kind, facts: is("access"), types: is("sysfs"), ours: is("ro"), theirs: is("rw")},
		{row: "D3-flags", kinds: kind, facts: is("nosuid", "nodev", "noexec"), paths: is("/dev", "/dev/pts", "/tmp"), ours: is("yes"), theirs: is("")},
		{row: "seen-mount-flags", kinds: kind, facts: is("nosuid", "nodev"), ours: is("yes"), theirs: is("")},
		{row: "D1-devtmpfs", kinds: kind, facts: is("type", "size"), types: is("tmpfs"), there: is("devtmpfs"), paths: is("/dev")},
		{row: "S1-read-only-root", kinds: kind, facts: is("type", "statfs type"), ours: is("overlay")},
		{row: "seen-fs-type", kinds: is(fsview.KindHidden), theirs: is("9p *")},
		{row: "seen-cgroups", types: is("cgroup", "cgroup2")},
		{row: "seen-cgroups", paths: is("/sys/fs/cgroup", "/sys/fs/cgroup/*")},
	}
}

// probeRules explain differences of what mount points do.
func probeRules() []rule {
	const no = "EOPNOTSUPP"
	kind := is(fsview.KindProbe)
	return []rule{
		{row: "seen-made-up-errno", kinds: kind, types: is("proc", "sysfs", "devpts"), ours: is("E*"), theirs: is("EACCES", "EPERM")},
		{row: "seen-o-tmpfile", kinds: kind, facts: is("O_TMPFILE"), theirs: is(no, "EISDIR")},
		{row: "seen-rename-flags", kinds: kind, facts: is("rename exchange", "rename no-replace"), theirs: is("EINVAL")},
		{row: "seen-punch-hole", kinds: kind, facts: is("punch a hole"), ours: is("ok"), theirs: is(no)},
		{row: "seen-ofd-lock", kinds: kind, facts: is("lock of the open file"), ours: is("ok"), theirs: is("EINVAL")},
		{row: "seen-xattrs", kinds: kind, facts: is("xattr*"), theirs: is(no)},
		{row: "seen-xattrs", kinds: kind, facts: is("xattr user"), types: is("tmpfs"), ours: is(no), theirs: is("ok")}, // kernels before 6.6
		{row: "seen-device-nodes", kinds: kind, facts: is("mknod of a device"), ours: is("EPERM"), theirs: is("ok")},
		{row: "seen-device-nodes", kinds: kind, facts: is("mknod of a device"), there: is("9p"), ours: is("ok"), theirs: is("EPERM")},
		{row: "D3-flags", kinds: kind, facts: is("open a device"), paths: is("/tmp"), ours: is("EACCES"), theirs: is("ok")},
		{row: "seen-atime", kinds: kind, facts: is("time of access"), ours: is("moves once a day"), theirs: is("moves at each read")},
		{row: "seen-atime", kinds: kind, facts: is("time of access"), there: is("9p"), ours: is("stands still"), theirs: is("moves once a day")},
		{row: "seen-read-only-tmpfs", kinds: kind, facts: is("chmod", "chown"), types: is("tmpfs"), ours: is("EROFS"), theirs: is("ok")},
		{row: "seen-errno-order", kinds: kind, facts: is("link to another mount", "rename to another mount"), ours: is("EXDEV"), theirs: is("EACCES")},
		{row: "seen-errno-order", kinds: kind, facts: is("create", "mkdir", "symlink", "mknod*", "chmod", "chown", "O_TMPFILE", "open for writing"), ours: is("EROFS"), theirs: is("EACCES", "EPERM")},
	}
}

// entryRules explain differences of the trees.
func entryRules(masked []string) []rule {
	kind := is(fsview.KindEntry)
	return []rule{
		{row: "seen-masked", kinds: kind, facts: is("mode", "uid", "gid"), types: is("tmpfs"), paths: masked, theirs: is("1777", "65534")},
		{row: "masked-paths", kinds: kind, facts: is("", "type", "mode", "links"), types: is("tmpfs"), paths: masked},
		{row: "seen-stub-mode", kinds: kind, facts: is("mode"), entries: is("directory"), ours: is("0755"), theirs: is("0777")},
		{row: "seen-proc-files", kinds: kind, facts: is(""), types: is("proc")},
		{row: "D1-devtmpfs", kinds: kind, there: is("devtmpfs"), paths: is("/dev", "/dev/*")},
		{row: "seen-dev-nodes", kinds: kind, facts: is(""), paths: is("/dev/fuse", "/dev/net", "/dev/core"), theirs: is(Here)},
		{row: "seen-dev-nodes", kinds: kind, facts: is("links"), paths: is("/dev")},
		{row: "seen-made-up-modes", kinds: kind, facts: is("mode"), types: is("sysfs", "devpts")},
		{row: "seen-directory-links", kinds: kind, facts: is("links"), types: is("overlay"), ours: is("1")},
		{row: "seen-directory-links", kinds: kind, facts: is("links"), entries: is("directory"), there: is("9p", "overlay"), theirs: is("2")},
	}
}

// processRules explain differences of what the process has got.
func processRules() []rule {
	kind := is(fsview.KindProcess)
	const null = "character device 1:3"
	return []rule{
		{row: "seen-no-new-privileges", kinds: kind, facts: is("no new privileges"), ours: is("false"), theirs: is("true")},
		{row: "seen-descriptors", kinds: kind, facts: is("descriptor *"), ours: is(null + "*"), theirs: is("character device 0:0*", null+" for both", "pipe*")},
	}
}
