package trial

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A Trial is one bundle, to be run under several runtimes.
type Trial struct {
	// Program is where the program is in the container.
	Program string

	raw     []byte // config.json
	bundle  string
	scratch string
	binary  string // the copy of the program
	layout  *layout
	keeper  *keeper
	runs    int
}

// New prepares a trial: bundle is an absolute path, program that of a static
// executable.
func New(bundle, program string) (*Trial, error) {
	raw, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		return nil, err
	}
	l, err := readLayout(raw, bundle)
	if err != nil {
		return nil, err
	}
	t := &Trial{raw: raw, bundle: bundle, layout: l}
	t.Program = l.programAt(raw, spot.there)
	bind, tmpfs := t.BenchPlaces()
	t.keeper = newKeeper(l, t.Program, bind, tmpfs)
	// Others than root look for the bundle in there, so they may pass.
	if t.scratch, err = os.MkdirTemp("", "nsboot-compare-"); err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	t.binary = filepath.Join(t.scratch, "nsboot")
	bound := filepath.Join(t.scratch, "bind")
	if err := errors.Join(os.Chmod(t.scratch, 0o711), copyFile(t.binary, program), os.Mkdir(bound, 0o700), os.Chmod(bound, 0o777)); err != nil {
		return nil, errors.Join(fmt.Errorf("scratch directory: %w", err), t.Close())
	}
	return t, nil
}

// BenchPlaces are where a Job with Bench has a bind and a tmpfs.
func (t *Trial) BenchPlaces() (bind, tmpfs string) { return t.Program + "-bind", t.Program + "-tmpfs" }

func (t *Trial) benchMounts() []mount {
	bind, tmpfs := t.BenchPlaces()
	return []mount{
		{Destination: bind, Type: "bind", Source: filepath.Join(t.scratch, "bind"), Options: []string{"bind", "rw"}},
		{Destination: tmpfs, Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=1777"}},
	}
}

// Close removes the scratch directory. Nothing is mounted in it.
func (t *Trial) Close() error { return os.RemoveAll(t.scratch) }

// Binary is a copy of the program on the host.
func (t *Trial) Binary() string { return t.binary }

// File makes a scratch file, open for reading and writing.
func (t *Trial) File(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(t.scratch, name), os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_CLOEXEC, 0o600)
}

// copyFile copies an executable.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o755), out.Close())
}

// prepare writes a scratch bundle in which the program is run with args.
func (t *Trial) prepare(args []string, mounts []mount) (dir string, err error) {
	mounts = append([]mount{{Destination: t.Program, Type: "bind", Source: t.binary, Options: []string{"bind", "ro"}}}, mounts...)
	text, err := scratchConfig(t.raw, change{bundle: t.bundle, args: append([]string{t.Program}, args...), mounts: mounts})
	if err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp(t.scratch, "bundle-"); err != nil {
		return "", err
	}
	return dir, errors.Join(os.Chmod(dir, 0o711), os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644))
}

func names(fd int) ([]string, error) {
	other, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(other), "directory")
	defer f.Close()
	return f.Readdirnames(-1)
}
