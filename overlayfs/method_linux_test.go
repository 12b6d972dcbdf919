package overlayfs

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The three ways of handing over the layers make the same overlay; those that a
// new kernel never needs are called here by hand. Every one with O_PATH and with
// readable descriptors.
func TestMethodsAgree(t *testing.T) {
	if os.Getenv("NSBOOT_OVERLAYFS_TEST_NS") == "" {
		if os.Getenv("NSBOOT_MUST_RUN") == "1" {
			t.Fatal("must run, but there is no mount namespace to be had")
		}
		t.Skip("no mount namespace to be had")
	}
	for _, flags := range []int{unix.O_PATH, unix.O_RDONLY} {
		for m := byDescriptor; m <= byJoined; m++ {
			t.Run(m.String()+" "+strconv.Itoa(flags), func(t *testing.T) { testMethod(t, m, flags) })
		}
	}
}

func testMethod(t *testing.T, m method, flags int) {
	dir := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	open := func(name string) int {
		check(os.MkdirAll(dir+"/"+name, 0o755))
		fd, err := unix.Open(dir+"/"+name, flags|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		check(err)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	l := Layers{Lower: []int{open("a"), open("b"), open("c")}, Upper: open("u"), Work: open("w")}
	for _, n := range []string{"a", "b", "c"} {
		check(os.WriteFile(dir+"/"+n+"/same", []byte(n), 0o644))
		check(os.WriteFile(dir+"/"+n+"/only-"+n, nil, 0o644))
	}
	fd, failed := mountBy(m, l, []setting{{key: "source", value: "x", fd: -1}}, 0)
	if failed != nil {
		t.Fatal(&failed.MountError)
	}
	defer unix.Close(fd)
	at := "/proc/self/fd/" + strconv.Itoa(fd)
	b, err := os.ReadFile(at + "/same")
	check(err)
	entries, err := os.ReadDir(at + "/.")
	check(err)
	if string(b) != "a" || len(entries) != 4 {
		t.Errorf("top layer's file holds %q, %d entries", b, len(entries))
	}
	check(os.WriteFile(at+"/same", []byte("new"), 0o644))
	if b, err = os.ReadFile(dir + "/u/same"); string(b) != "new" {
		t.Errorf("upper layer holds %q, %v", b, err)
	}
}

// Which failures lead to the next method, and which are the answer.
func TestUnknownMethod(t *testing.T) {
	tests := []struct {
		name string
		m    method
		step step
		err  error
		log  string
		want bool
	}{
		{"O_PATH not taken (6.13)", byDescriptor, stepLayer, unix.EBADF, "", true},
		{"old context: no descriptors (5.14)", byDescriptor, stepLayer, unix.EOPNOTSUPP, "", true},
		{"strings only (6.8)", byDescriptor, stepLayer, unix.EINVAL, "Bad value for 'lowerdir+'", true},
		{"no lowerdir+ (6.5)", byLink, stepLayer, unix.EINVAL, "Unknown parameter 'lowerdir+'", true},
		{"layer refused", byDescriptor, stepLayer, unix.EINVAL, "filesystem on /x not supported as upperdir", false},
		{"layers refused", byDescriptor, stepCreate, unix.EINVAL, "", false},
		{"layers refused, links", byLink, stepCreate, unix.EINVAL, "", false}, // this kernel is not of the old form
		{"option refused", byDescriptor, stepOption, unix.EINVAL, "Unknown parameter 'x'", false},
		{"not allowed", byDescriptor, stepOpen, unix.EPERM, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := attempt{MountError{Err: tt.err, Log: tt.log}, tt.step}
			if got := a.unknown(tt.m); got != tt.want {
				t.Errorf("unknown = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	l := Layers{Lower: []int{5, 6}, Upper: 7, Work: 8}
	got := ""
	for m := byDescriptor; m <= byJoined; m++ {
		s, err := l.settings(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s {
			got += p.key + "=" + p.value
			if p.fd >= 0 {
				got += "#" + strconv.Itoa(p.fd)
			}
			got += " "
		}
		got += "\n"
	}
	want := "lowerdir+=#5 lowerdir+=#6 upperdir=#7 workdir=#8 \n" +
		"lowerdir+=/proc/self/fd/5 lowerdir+=/proc/self/fd/6 upperdir=/proc/self/fd/7 workdir=/proc/self/fd/8 \n" +
		"lowerdir=/proc/self/fd/5:/proc/self/fd/6 upperdir=/proc/self/fd/7 workdir=/proc/self/fd/8 \n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	long := ReadOnly(make([]int, 16)...)
	if _, err := long.settings(byJoined); err != nil {
		t.Errorf("16 layers in one string: %v", err)
	}
	long.Lower = append(long.Lower, 0)
	if _, err := long.settings(byJoined); err == nil || !strings.Contains(err.Error(), "it takes 255") {
		t.Errorf("17 layers in one string: %v", err)
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		name string
		err  error
		log  string
		f    facts
		want string
	}{
		{"stack", syscall.EINVAL, "", facts{op: stepCreate, overlaid: 1}, "two levels"},
		{"stack, but the kernel says why", syscall.EINVAL, "words", facts{op: stepCreate, overlaid: 1}, ""},
		{"user namespace", syscall.EINVAL, "", facts{op: stepCreate, mapped: true}, "mounts below"},
		{"no userxattr", syscall.EPERM, "", facts{op: stepCreate, mapped: true}, "userxattr"},
		{"with userxattr", syscall.EPERM, "", facts{op: stepCreate, mapped: true, userXattr: true}, "work directory"},
		{"no module", syscall.ENODEV, "", facts{op: stepOpen}, "module"},
		{"no right", syscall.EPERM, "", facts{op: stepOpen}, "CAP_SYS_ADMIN"},
		{"full", syscall.ENOSPC, "", facts{op: stepCreate}, "full"},
		{"other lowers", syscall.ESTALE, "", facts{op: stepCreate}, "other lower layers"},
		{"unheard of", syscall.EIO, "", facts{op: stepCreate}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := explain(tt.err, tt.log, tt.f)
			if !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	tests := []struct {
		e    MountError
		want string
	}{
		{MountError{Op: "creating it", Log: "too many", Err: syscall.EINVAL}, "overlay: creating it: too many: invalid argument"},
		{MountError{Op: "creating it", Err: syscall.EINVAL}, "overlay: creating it: the kernel gave no reason: invalid argument"},
		{MountError{Op: "creating it", Hint: "known", Err: syscall.EINVAL}, "overlay: creating it: invalid argument"},
	}
	for _, tt := range tests {
		if got := tt.e.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	for msg, want := range map[string]string{
		"e overlay: bad\n": "bad true", "w overlay: hm\n": "hm false", "i note": "note false", "": " false", "bare": "bare false",
	} {
		text, isError := trimLog(msg)
		if got := text + " " + strconv.FormatBool(isError); got != want {
			t.Errorf("trimLog(%q) = %q, want %q", msg, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name string
		l    Layers
		want string // "" is no error
	}{
		{"none", Layers{Upper: -1, Work: -1}, "at least one"},
		{"one, read-only", ReadOnly(3), "two or more"},
		{"two, read-only", ReadOnly(3, 4), ""},
		{"one and upper", Layers{Lower: []int{3}, Upper: 4, Work: 5}, ""},
		{"no work", Layers{Lower: []int{3}, Upper: 4, Work: -1}, "without a work"},
		{"no upper", Layers{Lower: []int{3}, Upper: -1, Work: 4}, "without an upper"},
		{"same", Layers{Lower: []int{3}, Upper: 4, Work: 4}, "same directory"},
		{"500", ReadOnly(make([]int, 500)...), ""},
		{"501", ReadOnly(make([]int, 501)...), "501 lower layers"},
		{"negative", ReadOnly(3, -1), "lower layer 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.l.limits()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	tests := []struct{ extra, want string }{
		{"index=on", ""}, {"volatile", ""}, {"", "no name"}, {"=x", "no name"}, {"index=", "no value"},
		{"upperdir=/etc", "own field"}, {"lowerdir+=/etc", "own field"}, {"datadir+=/etc", "own field"},
		{"a=b\x00c", "NUL"}, {"a=" + strings.Repeat("x", 256), "longer"},
	}
	for _, tt := range tests {
		_, err := Options{Extra: []string{tt.extra}}.settings()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: got %v, want %q", tt.extra, err, tt.want)
		}
	}
}
