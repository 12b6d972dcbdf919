package pathres

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var profiles = []struct {
	name  string
	rules LookRules
}{
	{"runsc-2018", RulesRunsc2018()},
	{"runsc-2019", RulesRunsc2019()},
	{"runsc", RulesRunsc()},
	{"oci", RulesOCI()},
}

// answers are what the four profiles say, in the order of profiles: a path, or an
// errno.
type answers [4]any

func all(a any) answers { return answers{a, a, a, a} }

const (
	noent  = unix.ENOENT
	acces  = unix.EACCES
	notdir = unix.ENOTDIR
	loop   = unix.ELOOP
)

// lookCases is section 5, row by row.
var lookCases = []struct {
	rule      string
	name, cwd string
	env       []string
	want      answers
}{
	{"E1 absolute", "/bin/prog", "/", nil, all("/bin/prog")},
	{"E1 absolute unclean", "/bin//../bin/prog", "/", nil, answers{"/bin/prog", "/bin//../bin/prog", "/bin//../bin/prog", "/bin//../bin/prog"}},
	{"E1 through a link", "/lbin/prog", "/", nil, all("/lbin/prog")},
	{"E1 link out of the root", "/out", "/", nil, all("/out")}, // ../../bin/prog, kept inside
	{"E1 missing", "/no", "/", nil, all(noent)},
	{"E1 a directory", "/bin", "/", nil, all(acces)},
	{"E1 not executable", "/noexec/prog", "/", nil, all(acces)},
	{"E1 executable, unreadable", "/noread/prog", "/", nil, all("/noread/prog")},
	{"E1 below a file", "/file/prog", "/", nil, all(notdir)},
	{"E1 loop", "/l1/prog", "/", nil, all(loop)},
	{"E1 NUL", "/bin/prog\x00", "/", nil, all(unix.EINVAL)},

	{"E2 joined to cwd", "bin/prog", "/", nil, all("/bin/prog")},
	{"E2 joined to cwd", "sub/only", "/p2", nil, all("/p2/sub/only")},
	{"E2 no cwd", "bin/prog", "", nil, all("/bin/prog")},
	{"E2 dot-dot", "../bin/prog", "/p2", nil, all("/bin/prog")},
	{"E2 not searched in PATH", "sub/only", "/", []string{"PATH=/p2"}, all(noent)},
	{"E2 ./prog here", "./prog", "/bin", []string{"PATH=/p2"}, answers{"/p2/prog", "/bin/prog", "/bin/prog", "/bin/prog"}},
	{"E2 ./prog only in PATH", "./prog", "/", []string{"PATH=/p2"}, answers{"/p2/prog", noent, noent, noent}},
	{"E2 x/../prog", "sub/../prog", "/p2", []string{"PATH=/bin"}, answers{"/bin/prog", "/p2/prog", "/p2/prog", "/p2/prog"}},

	{"E3 in order", "prog", "/", []string{"PATH=/nodir:/p2:/bin"}, all("/p2/prog")},
	{"E3 which PATH", "prog", "/", []string{"A=1", "PATH=/bin", "PATH=/p2"}, answers{"/bin/prog", "/bin/prog", "/p2/prog", "/p2/prog"}},
	{"E3 no PATH", "prog", "/bin", []string{"APATH=/bin"}, all(noent)},
	{"E3 cwd is not searched", "prog", "/bin", []string{"PATH=/nodir"}, all(noent)},

	{"E4 relative element", "prog", "/p2", []string{"PATH=bin"}, answers{"/bin/prog", "/bin/prog", noent, noent}},
	{"E4 empty element", "rootprog", "/bin", []string{"PATH=/nodir::/p2"}, answers{"/rootprog", "/rootprog", noent, noent}},
	{"E4 empty PATH", "rootprog", "/", []string{"PATH="}, answers{"/rootprog", "/rootprog", noent, noent}},
	{"E4 skipped, then found", "prog", "/", []string{"PATH=p2:/bin"}, answers{"/p2/prog", "/p2/prog", "/bin/prog", "/bin/prog"}},

	{"E5 ENOENT", "prog", "/", []string{"PATH=/nodir:/bin"}, all("/bin/prog")},
	{"E6 ENOTDIR", "prog", "/", []string{"PATH=/file:/bin"}, answers{notdir, notdir, "/bin/prog", "/bin/prog"}},
	{"E6 ENOTDIR alone", "prog", "/", []string{"PATH=/file"}, answers{notdir, notdir, noent, noent}},
	{"E6 ELOOP", "prog", "/", []string{"PATH=/l1:/bin"}, answers{loop, loop, loop, "/bin/prog"}},

	{"E7 not executable, then found", "prog", "/", []string{"PATH=/noexec:/bin"}, all("/bin/prog")},
	{"E7 not executable alone", "prog", "/", []string{"PATH=/noexec:/nodir"}, answers{noent, noent, acces, acces}},
	{"E7 unreadable, then found", "prog", "/", []string{"PATH=/noread:/bin"}, all("/bin/prog")},
	{"E7 unreadable alone", "prog", "/", []string{"PATH=/noread"}, answers{noent, noent, acces, acces}},
	{"E8 a directory first", "prog", "/", []string{"PATH=/p1:/p2"}, answers{"/p1/prog", "/p1/prog", "/p2/prog", "/p2/prog"}},
	{"E8 a directory alone", "prog", "/", []string{"PATH=/p1"}, answers{"/p1/prog", "/p1/prog", acces, noent}},
	{"a FIFO counts as unusable", "fifo", "/", []string{"PATH=/p2"}, answers{noent, noent, acces, acces}},
	{"no name", "", "/", []string{"PATH=/bin"}, all(noent)},
}

func lookTree(t *testing.T) (Root, string) {
	r, dir := tree(t, "bin/", "p1/prog/", "p2/sub/", "noexec/", "noread/", "file", "lbin -> /bin",
		"l1 -> l2", "l2 -> l1", "out -> ../../bin/prog",
		"bin/prog = #!/bin/sh\n", "p2/prog = x", "p2/sub/only = x", "rootprog = x", "noexec/prog = x", "noread/prog = x")
	for p, mode := range map[string]os.FileMode{"/noexec/prog": 0o644, "/noread/prog": 0o111} {
		if err := os.Chmod(dir+p, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(dir+"/p2/fifo", 0o755); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

// TestLookPath is rules E1 to E8 in all four profiles.
func TestLookPath(t *testing.T) {
	r, _ := lookTree(t)
	fds := openFDs(t)
	for _, tt := range lookCases {
		for i, p := range profiles {
			got, err := LookPath(r, tt.name, tt.cwd, tt.env, p.rules)
			switch want := tt.want[i].(type) {
			case string:
				if err != nil || got != want {
					t.Errorf("%s, %s: %q = %q, %v, want %q", tt.rule, p.name, tt.name, got, err, want)
				}
			case unix.Errno:
				var le *LookError
				if !errors.Is(err, want) || got != "" || !errors.As(err, &le) {
					t.Errorf("%s, %s: %q = %q, %v, want %v", tt.rule, p.name, tt.name, got, err, want)
				}
			}
		}
	}
	if n := openFDs(t); n != fds {
		t.Errorf("%d descriptors left open", n-fds)
	}
}

// TestLookPathDenied is E5's EACCES, as one who may not search a directory: the
// thread takes another file system user.
func TestLookPathDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("NSBOOT_MUST_RUN") == "1" {
			t.Fatal("must run, and needs root to become another user")
		}
		t.Skip("TestJudge has the same rule; here it needs root to become another user")
	}
	r, dir := lookTree(t)
	if err := os.MkdirAll(dir+"/closed", 0o700); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		path string
		err  error
	}
	look := func(path string, rules LookRules) answer {
		c := make(chan answer)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			unix.RawSyscall(unix.SYS_SETFSUID, 65534, 0, 0)
			p, err := LookPath(r, "prog", "/", []string{"PATH=" + path}, rules)
			c <- answer{p, err}
		}()
		return <-c
	}
	alone := answers{noent, noent, acces, noent}
	for i, p := range profiles {
		if a := look("/closed:/bin", p.rules); a.path != "/bin/prog" || a.err != nil {
			t.Errorf("%s: /closed:/bin = %+v", p.name, a)
		}
		if a := look("/closed", p.rules); !errors.Is(a.err, alone[i].(unix.Errno)) {
			t.Errorf("%s: /closed = %+v, want %v", p.name, a, alone[i])
		}
	}
}

// TestLookPathMagic is CVE-2019-5736: neither the executable nor an interpreter may
// be what the kernel's own links lead to. Relative to the host's root, so that
// there is a procfs.
func TestLookPathMagic(t *testing.T) {
	r, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, dir := tree(t, "direct = #!/proc/self/exe\n", "spaced = #! \t /proc/self/exe -x\n", "l -> /proc/self/exe",
		"vialink = #!l\n", "bin/")
	write := func(name, text string) {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("two", "#!"+dir+"/direct\n")
	write("three", "#!"+dir+"/two\n")
	write("noeol", "#!/proc/self/exe")
	write("missing", "#!/no/such/interpreter\n")
	write("self", "#!"+dir+"/self\n")
	write("isdir", "#!"+dir+"\n")
	write("cut", "#!/proc/self/"+strings.Repeat("./", 200)+"exe\n") // the kernel does not run it either
	if err := os.Symlink("/proc/self/exe", dir+"/bin/prog"); err != nil {
		t.Fatal(err)
	}
	refused := []string{"/proc/self/exe", "/proc/thread-self/exe", dir + "/l", dir + "/direct", dir + "/spaced", dir + "/vialink",
		"./vialink/../vialink", dir + "/two", dir + "/three", dir + "/noeol", "prog"}
	for _, p := range profiles {
		for _, name := range refused {
			if name == "./vialink/../vialink" {
				name = "./vialink"
				if p.rules.CleanName {
					continue // a bare name there
				}
			}
			got, err := LookPath(r, name, dir, []string{"PATH=" + dir + "/bin:/bin"}, p.rules)
			if !errors.Is(err, ErrMagicLink) {
				t.Errorf("%s: %s = %q, %v, want ErrMagicLink", p.name, name, got, err)
			}
		}
		for _, name := range []string{"/missing", "/self", "/isdir", "/cut"} {
			if got, err := LookPath(r, dir+name, "/", nil, p.rules); err != nil || got != dir+name {
				t.Errorf("%s: %s = %q, %v", p.name, name, got, err)
			}
		}
	}
}

// TestLookErrorText is E9.
func TestLookErrorText(t *testing.T) {
	r, _ := lookTree(t)
	_, err := LookPath(r, "nosuch", "/p2", []string{"PATH=/bin:/p2"}, RulesRunsc())
	want := "finding executable nosuch (cwd /p2, PATH=/bin:/p2): no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = LookPath(r, "a/b", "/p2", []string{"PATH=/bin"}, RulesRunsc())
	want = "finding executable a/b (cwd /p2): open /p2/a/b: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestSkippedElements is what E4 wants warned of.
func TestSkippedElements(t *testing.T) {
	env := []string{"PATH=x", "PATH=/bin:usr::/sbin"}
	want := [][]string{nil, nil, nil, {"usr", ""}}
	for i, p := range profiles {
		if d := cmp.Diff(want[i], SkippedElements("prog", env, p.rules)); d != "" {
			t.Errorf("%s (-want +got):\n%s", p.name, d)
		}
		if got := SkippedElements("./prog", env, p.rules); got != nil {
			t.Errorf("%s: a name that is not searched for: %q", p.name, got)
		}
	}
}
