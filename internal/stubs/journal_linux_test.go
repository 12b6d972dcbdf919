package stubs

import (
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/pathres"
)

// A place is a base directory with its state directory and something outside.
type place struct {
	t                *testing.T
	dir, base, state string
	root             pathres.Root
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{t: t, dir: dir, base: dir + "/base", state: dir + "/run/nsboot/stubs"}
	if err := os.Mkdir(p.base, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := pathres.Open(p.base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	p.root = root
	return p
}

func (p *place) open(create bool) *Journal {
	p.t.Helper()
	j, err := Open(p.state, p.root, p.base, create)
	if err != nil {
		p.t.Fatal(err)
	}
	return j
}

// make makes a stub with the journal's records.
func (p *place) make(j *Journal, path string, file bool) {
	p.t.Helper()
	fd, _, err := p.root.Make(path, pathres.MakeOptions{File: file, DirMode: 0o755, FileMode: 0o644, Before: j.Before, Made: j.Made})
	if err != nil {
		p.t.Fatal(err)
	}
	unix.Close(fd)
}

func (p *place) close(j *Journal) {
	p.t.Helper()
	if err := j.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// crash is what SIGKILL does to a journal.
func crash(j *Journal) {
	unix.Close(j.fd)
	j.fd = -1
}

// want checks what is in the base, and whether a journal is left.
func (p *place) want(journal bool, names ...string) {
	p.t.Helper()
	var got []string
	err := filepath.WalkDir(p.base, func(path string, _ os.DirEntry, err error) error {
		if err == nil && path != p.base {
			got = append(got, strings.TrimPrefix(path, p.base+"/"))
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	sort.Strings(got)
	if diff := cmp.Diff(names, got); diff != "" {
		p.t.Errorf("base (-want +got):\n%s", diff)
	}
	left, _ := filepath.Glob(p.state + "/*")
	if (len(left) > 0) != journal {
		p.t.Errorf("journals left: %v, want %v", left, journal)
	}
}

func (p *place) do(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// S5: what nsboot made and nobody used is gone afterwards, what was used stays.
func TestClose(t *testing.T) {
	p := newPlace(t)
	p.do(os.Mkdir(p.base+"/etc", 0o755))
	if j := p.open(false); j != nil {
		t.Error("a journal where there is none")
	}
	if _, err := os.Stat(p.state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state directory was made without need: %v", err)
	}
	j := p.open(true)
	p.make(j, "/a/b/c", false)
	p.make(j, "/etc/resolv.conf", true)
	p.make(j, "/used/inner", false)
	p.make(j, "/filled", true)
	p.make(j, "/odd \"name\"\n\xff", false)
	p.do(os.WriteFile(p.base+"/used/mine", nil, 0o644))
	p.do(os.WriteFile(p.base+"/filled", []byte("x"), 0o644))
	if info, err := os.Stat(p.state); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state directory: %v, %v", info.Mode(), err)
	}
	p.close(j)
	p.close(j) // a second one does nothing
	p.close((*Journal)(nil))
	p.want(false, "etc", "filled", "used", "used/mine")
}

// SIGKILL at each point: the next boot removes the rest, whether it makes stubs
// of its own or not.
func TestCrash(t *testing.T) {
	mkdir := func(p *place, name string, mode os.FileMode) {
		p.t.Helper()
		p.do(os.Mkdir(p.base+name, 0o700))
		p.do(os.Chmod(p.base+name, mode))
	}
	tests := []struct {
		name string
		do   func(p *place, j *Journal)
		left []string
	}{
		{"after Open", func(p *place, j *Journal) {}, nil},
		{"after Before", func(p *place, j *Journal) { p.do(j.Before("/a", true)) }, nil},
		{"after mkdir", func(p *place, j *Journal) { p.do(j.Before("/a", true)); mkdir(p, "/a", 0o755) }, nil},
		{"after mkdir, before chmod", func(p *place, j *Journal) { p.do(j.Before("/a", true)); mkdir(p, "/a", 0o700) }, nil},
		{"after mkdir, 2019", func(p *place, j *Journal) { p.do(j.Before("/a", true)); mkdir(p, "/a", 0o555) }, nil},
		{"after the file", func(p *place, j *Journal) {
			p.do(j.Before("/a", false))
			p.do(os.WriteFile(p.base+"/a", nil, 0o644))
		}, nil},
		{"after Made", func(p *place, j *Journal) { p.make(j, "/a/b", false) }, nil},
		{"intermediate made, leaf intended", func(p *place, j *Journal) {
			p.make(j, "/a", false)
			p.do(j.Before("/a/b", true))
			mkdir(p, "/a/b", 0o755)
		}, nil},
		{"cut-off record", func(p *place, j *Journal) {
			p.make(j, "/a", false)
			_, err := unix.Write(j.fd, []byte("\nintent x d 1 2 \"/et"))
			p.do(err)
		}, nil},
		{"intent, filled", func(p *place, j *Journal) {
			p.do(j.Before("/a", true))
			p.do(os.MkdirAll(p.base+"/a/x", 0o755))
		}, []string{"a", "a/x"}},
		{"intent, file with content", func(p *place, j *Journal) {
			p.do(j.Before("/a", false))
			p.do(os.WriteFile(p.base+"/a", []byte("x"), 0o644))
		}, []string{"a"}},
		{"intent, other type", func(p *place, j *Journal) {
			p.do(j.Before("/a", true))
			p.do(os.WriteFile(p.base+"/a", nil, 0o644))
		}, []string{"a"}},
		{"intent, other mode", func(p *place, j *Journal) { p.do(j.Before("/a", true)); mkdir(p, "/a", 0o775) }, []string{"a"}},
		{"intent, other owner", func(p *place, j *Journal) {
			p.do(j.Before("/a", true))
			mkdir(p, "/a", 0o755)
			if os.Geteuid() == 0 { // else the mode makes the case
				p.do(os.Chown(p.base+"/a", 1, -1))
			} else {
				p.do(os.Chmod(p.base+"/a", 0o777))
			}
		}, []string{"a"}},
		{"intent, a link", func(p *place, j *Journal) {
			p.do(j.Before("/a", true))
			p.do(os.Mkdir(p.dir+"/victim", 0o755))
			p.do(os.Symlink(p.dir+"/victim", p.base+"/a"))
		}, []string{"a"}},
		{"intent, older directory", func(p *place, j *Journal) {
			mkdir(p, "/a", 0o755)
			future := entry{Made: pathres.Made{Path: "/a", Dir: true}, intent: true, token: "x", time: clock()}
			future.time.Sec++
			p.do(j.write(future.line()))
		}, []string{"a"}},
		{"intent, made much later", func(p *place, j *Journal) {
			mkdir(p, "/a", 0o755)
			past := entry{Made: pathres.Made{Path: "/a", Dir: true}, intent: true, token: "x", time: clock().plus(-makingTime - 1)}
			p.do(j.write(past.line()))
		}, []string{"a"}},
		{"birth time differs", func(p *place, j *Journal) {
			mkdir(p, "/a", 0o755)
			s, err := j.look("/a")
			p.do(err)
			e := entry{Made: pathres.Made{Path: "/a", Dev: s.dev, Ino: s.ino, Dir: true}, token: "x", time: s.birth}
			e.time.Sec--
			p.do(j.write(e.line()))
		}, []string{"a"}},
		{"replaced", func(p *place, j *Journal) {
			p.make(j, "/a", false)
			p.do(os.Rename(p.base+"/a", p.dir+"/moved"))
			p.do(os.Mkdir(p.base+"/a", 0o755))
		}, []string{"a"}},
		{"path out of the base", func(p *place, j *Journal) {
			p.do(os.Mkdir(p.dir+"/victim", 0o755))
			p.do(j.Before("/../victim", true))
			p.do(os.Mkdir(p.base+"/x", 0o755))
		}, []string{"x"}},
	}
	for _, tt := range tests {
		for _, create := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				p := newPlace(t)
				j := p.open(true)
				tt.do(p, j)
				crash(j)
				next := p.open(create)
				if tt.name == "path out of the base" { // an error, kept for a person to see
					if err := next.Close(); err == nil {
						t.Error("no error")
					}
					p.want(true, tt.left...)
				} else {
					if (next != nil) != create {
						t.Errorf("create %v: journal %v", create, next)
					}
					p.want(create, tt.left...)
					p.close(next)
					p.want(false, tt.left...)
				}
				if _, err := os.Stat(p.dir + "/victim"); err != nil && strings.Contains(tt.name, "link") {
					t.Error("the victim is gone")
				}
			})
		}
	}
}

// Release leaves the stubs to whoever takes down what is mounted on them.
func TestRelease(t *testing.T) {
	p := newPlace(t)
	j, err := Open(p.state, p.root, p.base, true)
	if err != nil {
		t.Fatal(err)
	}
	fd, _, err := p.root.Make("/a", pathres.MakeOptions{DirMode: 0o755, Before: j.Before, Made: j.Made})
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	j.Release()
	if err := j.Close(); err != nil {
		t.Errorf("Close after Release: %v", err)
	}
	if _, err := os.Stat(p.base + "/a"); err != nil {
		t.Errorf("after Release: %v", err)
	}
	if j, err := Open(p.state, p.root, p.base, false); j != nil || err != nil {
		t.Errorf("the next Open: %v, %v", j, err)
	}
	if _, err := os.Stat(p.base + "/a"); !os.IsNotExist(err) {
		t.Errorf("after the next Open: %v", err)
	}
}
