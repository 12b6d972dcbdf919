package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The C programs are part of the binary, so that the current directory does not matter.
//
//go:embed floor.c
var floorC []byte

//go:embed launch.c
var launchC []byte

// A sample is one boot.
type sample struct {
	wall time.Duration
	peak int64 // KiB, of the largest process; 0: unknown
}

// compile builds a static C program at out.
func compile(out string, text []byte) error {
	cc := exec.Command("cc", "-O2", "-static", "-o", out, "-x", "c", "-")
	cc.Stdin = bytes.NewReader(text)
	if msg, err := cc.CombinedOutput(); err != nil {
		return fmt.Errorf("cc: %w %s", err, firstLine(msg))
	}
	return nil
}

// A stopwatch boots and measures.
type stopwatch struct {
	world    world
	launcher string // the compiled launch.c; empty: no memory is measured, and time less exactly
}

// boot runs one boot and wants it to end with the exit code want.
func (s stopwatch) boot(rt runtime, r row, args []string, want int) (sample, error) {
	argv, fd4 := rt.command(s.world, r, args)
	argv = append([]string{rt.path}, argv...)
	if s.launcher != "" {
		argv = append([]string{s.launcher}, argv...)
	}
	output, err := os.OpenFile(s.world.path("output"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return sample{}, err
	}
	defer output.Close()
	result, err := scratchFile(s.world, nil)
	if err != nil {
		return sample{}, err
	}
	defer result.Close()
	options, err := scratchFile(s.world, fd4)
	if err != nil {
		return sample{}, err
	}
	defer options.Close()

	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.ExtraFiles = []*os.File{result}
	if fd4 != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, options)
	}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	start := time.Now()
	err = cmd.Run()
	out := sample{wall: time.Since(start)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return sample{}, err
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if s.launcher != "" {
		if err != nil {
			return sample{}, fmt.Errorf("launch: %w", err)
		}
		if out, status, err = readResult(result); err != nil {
			return sample{}, err
		}
	}
	if !status.Exited() || status.ExitStatus() != want {
		text, _ := os.ReadFile(s.world.path("output"))
		return sample{}, fmt.Errorf("%s, want exit code %d: %s", describe(status), want, firstLine(text))
	}
	return out, nil
}

// readResult reads what launch.c wrote.
func readResult(f *os.File) (sample, syscall.WaitStatus, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return sample{}, 0, err
	}
	var ns, kib int64
	var status uint32
	if _, err := fmt.Fscan(f, &ns, &kib, &status); err != nil {
		return sample{}, 0, fmt.Errorf("what launch wrote: %w", err)
	}
	return sample{time.Duration(ns), kib}, syscall.WaitStatus(status), nil
}

// scratchFile returns a nameless file that holds text, at its start.
func scratchFile(w world, text []byte) (*os.File, error) {
	f, err := os.CreateTemp(w.dir, "fd")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := f.WriteAt(text, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func describe(s syscall.WaitStatus) string {
	if s.Signaled() {
		return "killed by " + s.Signal().String()
	}
	return fmt.Sprintf("exit code %d", s.ExitStatus())
}

// firstLine shortens what a program printed to what fits in a note.
func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}
