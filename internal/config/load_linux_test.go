package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const minimal = `{"ociVersion":"1.0.0"}`

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "config.json"), minimal)
	if err := os.Symlink("config.json", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	other := write(t, filepath.Join(dir, "other"), minimal)
	for _, p := range []string{dir, file, other, filepath.Join(dir, "link"), dir + "/"} {
		if c, err := Load(p); err != nil || c.Spec.Version != "1.0.0" {
			t.Errorf("%s: %v", p, err)
		}
	}
	write(t, file, minimal+"x")
	if _, err := Load(dir); err == nil || !strings.HasPrefix(err.Error(), file+": line 1, column 23") {
		t.Errorf("an error in the file: %v", err)
	}
}

func TestLoadSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	write(t, path, minimal+strings.Repeat(" ", MaxSize-len(minimal)))
	if _, err := Load(path); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
	write(t, path, minimal+strings.Repeat(" ", MaxSize-len(minimal)+1))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than 10 MiB") {
		t.Errorf("a byte over the limit: %v", err)
	}
	// A file that grew since its size was asked for.
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := drain(int(f.Fd()), 0); err == nil || !strings.Contains(err.Error(), "larger than 10 MiB") {
		t.Errorf("a grown file: %d bytes, %v", len(data), err)
	}
	// A sparse file of 1 TiB is refused by its size, without being read.
	if err := os.Truncate(path, 1<<40); err != nil {
		if os.Getenv("NSBOOT_MUST_RUN") != "" {
			t.Fatal(err)
		}
		t.Skip("no sparse files here: ", err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than 10 MiB") {
		t.Errorf("1 TiB: %v", err)
	}
}

// Files without a size, as those of procfs, are read to their end.
func TestLoadNoSize(t *testing.T) {
	data, err := read("/proc/self/mountinfo")
	if err != nil || len(data) == 0 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	want, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	got, err := read("/proc/self/status")
	if err != nil || !bytes.Equal(got[:32], want[:32]) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLoadKinds(t *testing.T) {
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	if err := unix.Mkfifo(name("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	sock, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sock)
	if err := unix.Bind(sock, &unix.SockaddrUnix{Name: name("socket")}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(name("bundle/config.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, l := range [][2]string{{"loop", "loop"}, {"dangling", "nowhere"}, {"to-fifo", "fifo"}} {
		if err := os.Symlink(l[1], name(l[0])); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path, want string
		is         error
	}{
		{name("fifo"), "not a regular file but a FIFO", nil},
		{name("to-fifo"), "not a regular file but a FIFO", nil},
		{name("socket"), "not a regular file but a socket", nil},
		{"/dev/zero", "not a regular file but a device", nil},
		{name("bundle"), "bundle/config.json: not a regular file: is a directory", unix.EISDIR},
		{name("bundle/config.json"), "not a regular file: is a directory", unix.EISDIR},
		{name("loop"), "too many levels of symbolic links", unix.ELOOP},
		{name("dangling"), "no such file or directory", fs.ErrNotExist},
		{dir, dir + "/config.json: no such file or directory", fs.ErrNotExist},
		{name("fifo/x"), "not a directory", unix.ENOTDIR},
	} {
		done := make(chan error, 1)
		go func() { _, err := Load(c.path); done <- err }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("%s: %v, want %s", c.path, err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%s: %v is not %v", c.path, err, c.is)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: Load hangs", c.path)
		}
	}
}
