package fsview

import (
	"strings"

	"golang.org/x/sys/unix"
)

// files tries to make files.
func (p *prober) files() {
	p.f["create"] = p.create()
	p.f["O_TMPFILE"] = p.result(unix.Openat(p.fd, ".", unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600))
	tried := p.withFile("unlinked", func(fd int) {
		p.f["use after unlink"] = outcome(func() error {
			if err := unix.Unlinkat(p.fd, p.in("unlinked"), 0); err != nil {
				return err
			}
			if _, err := unix.Pwrite(fd, []byte("x"), 0); err != nil {
				return err
			}
			return unix.Fstat(fd, new(unix.Stat_t))
		}())
	})
	if !tried {
		p.notTried("use after unlink")
	}
}

// result closes a descriptor that was opened to see whether it can be.
func (p *prober) result(fd int, err error) string {
	if err == nil {
		unix.Close(fd)
	}
	return outcome(err)
}

// names tries which names are possible, and which are different.
func (p *prober) names() {
	if !p.own {
		p.notTried("name of 255 bytes", "name of 256 bytes", "name that is not UTF-8", "names in another case")
		return
	}
	make := func(name string) error {
		fd, err := p.open(name, 0o600)
		if err == nil {
			unix.Close(fd)
			err = unix.Unlinkat(p.fd, name, 0)
		}
		return err
	}
	p.f["name of 255 bytes"] = outcome(make(strings.Repeat("n", 255)))
	p.f["name of 256 bytes"] = outcome(make(strings.Repeat("n", 256)))
	p.f["name that is not UTF-8"] = outcome(make("a\xff\nb"))
	if !p.withFile("Case", func(int) {
		if unix.Fstatat(p.fd, "cASE", new(unix.Stat_t), 0) == nil {
			p.f["names in another case"] = "the same file"
		} else {
			p.f["names in another case"] = "other files"
		}
	}) {
		p.notTried("names in another case")
	}
}

// links tries links, and renaming within the mount and across to another.
func (p *prober) links() {
	err := unix.Symlinkat("target", p.fd, p.in("symlink"))
	if p.f["symlink"] = outcome(err); err == nil {
		unix.Unlinkat(p.fd, p.in("symlink"), 0)
	}
	if !p.own {
		p.notTried("link", "rename", "rename over", "rename exchange", "rename no-replace", "rename a directory", "rename to another mount", "link to another mount")
		return
	}
	p.withFile("a", func(int) { p.withFile("b", func(int) { p.renames() }) })
}

func (p *prober) renames() {
	fd := p.fd
	err := unix.Linkat(fd, "a", fd, "c", 0)
	if p.f["link"] = outcome(err); err == nil {
		unix.Unlinkat(fd, "c", 0)
	}
	p.f["rename no-replace"] = outcome(unix.Renameat2(fd, "a", fd, "b", unix.RENAME_NOREPLACE))
	p.f["rename exchange"] = outcome(unix.Renameat2(fd, "a", fd, "b", unix.RENAME_EXCHANGE))
	err = unix.Renameat(fd, "a", fd, "d")
	if p.f["rename"] = outcome(err); err == nil {
		unix.Renameat(fd, "d", fd, "a")
	}
	if p.other != "" {
		across := join(p.other, p.name+".x")
		p.f["link to another mount"] = outcome(unix.Linkat(fd, "a", unix.AT_FDCWD, across, 0))
		unix.Unlink(across)
		p.f["rename to another mount"] = outcome(unix.Renameat(fd, "a", unix.AT_FDCWD, across))
	}
	p.f["rename over"] = outcome(unix.Renameat(fd, "a", fd, "b"))
	if unix.Mkdirat(fd, "e", 0o700) == nil {
		p.f["rename a directory"] = outcome(unix.Renameat(fd, "e", fd, "f"))
	}
}

// nodes tries what is neither file nor directory.
func (p *prober) nodes() {
	make := func(fact, name string, mode uint32, dev uint64) bool {
		err := unix.Mknodat(p.fd, p.in(name), mode|0o600, int(dev))
		p.f[fact] = outcome(err)
		return err == nil
	}
	if made := make("mknod of a pipe", "pipe", unix.S_IFIFO, 0); made {
		unix.Unlinkat(p.fd, p.in("pipe"), 0)
	}
	if made := make("mknod of a socket", "socket", unix.S_IFSOCK, 0); made {
		unix.Unlinkat(p.fd, p.in("socket"), 0)
	}
	if made := make("mknod of a device", "null", unix.S_IFCHR, unix.Mkdev(1, 3)); !made {
		p.notTried("open a device")
		return
	}
	p.f["open a device"] = p.result(unix.Openat(p.fd, p.in("null"), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	unix.Unlinkat(p.fd, p.in("null"), 0)
}
