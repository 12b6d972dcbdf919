package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// workEnv, set in the namespaces, is a tmpfs for everything.
const workEnv = "NSBOOT_VALIDATE_WORK"

// atOnce is how many cases run at a time: most of them wait most of the time.
const atOnce = 6

func main() {
	if os.Getenv(runtimeEnv) != "" && filepath.Base(os.Args[0]) == "runtime" {
		fmt.Fprintln(os.Stderr, "adapter:", adapt(os.Args))
		os.Exit(125)
	}
	other := flag.String("runtime", "", "a runtime to run the cases with, instead of nsboot")
	flag.Parse()
	run := outside
	if work := os.Getenv(workEnv); work != "" {
		run = func() error { return inside(work, *other, flag.Args()) }
	}
	if err := run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			fmt.Fprintln(os.Stderr, "validate:", err)
		}
		os.Exit(1)
	}
}

// outside starts this program again, as root of nothing but its own namespaces: no
// mount and no process outlives it.
func outside() error {
	if os.Geteuid() != 0 {
		return errors.New("the cases need root")
	}
	work, err := os.MkdirTemp("", "nsboot-validate-")
	if err != nil {
		return err
	}
	defer os.Remove(work)
	defer removeCgroups()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), workEnv+"="+work, "TMPDIR="+work)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Cloneflags: unix.CLONE_NEWPID, Pdeathsig: unix.SIGKILL}
	return cmd.Run()
}

// removeCgroups takes away the parents of the cases' cgroups, which stay behind under
// any runtime. Whatever holds a process is not removed.
func removeCgroups() {
	var dirs []string
	filepath.WalkDir("/sys/fs/cgroup", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "testdir" || d.Name() == "cgrouptest") {
			dirs = append(dirs, p)
		}
		return nil
	})
	for _, dir := range slices.Backward(dirs) {
		os.Remove(dir)
	}
}

// inside mounts what is to be the cases' own, builds all and runs it.
func inside(work, other string, names []string) error {
	text, err := os.ReadFile("tests/validate/README.md")
	if err != nil {
		return fmt.Errorf("run it in the project's root: %w", err)
	}
	rows := table(string(text))
	if len(names) > 0 {
		rows = slices.DeleteFunc(rows, func(r row) bool { return !slices.Contains(names, r.name) })
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("procfs: %w", err)
	}
	runtime, err := build(work, other)
	if err != nil {
		return err
	}
	// Now that the build's caches have been found.
	for _, dir := range []string{"/run", filepath.Join(work, "bin/tmp")} {
		if err := unix.Mount("validate", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("tmpfs on %s: %w", dir, err)
		}
	}
	s := suite{dir: filepath.Join(work, "bin"), runtime: runtime, judged: other == ""}
	return s.run(rows)
}

// build makes the cases, what they run in containers, and the runtime.
func build(work, other string) (runtime string, err error) {
	if err := unix.Mount("validate", work, "tmpfs", 0, "mode=755"); err != nil {
		return "", fmt.Errorf("tmpfs on %s: %w", work, err)
	}
	bin := filepath.Join(work, "bin")
	if err := os.MkdirAll(filepath.Join(bin, "tmp"), 0o755); err != nil {
		return "", err
	}
	runtime = other
	if runtime == "" {
		if runtime = os.Getenv("NSBOOT_BIN"); runtime == "" {
			return "", errors.New("NSBOOT_BIN is not set, or name a -runtime")
		}
		link := filepath.Join(work, "nsboot-oci")
		if err := os.Symlink(runtime, link); err != nil {
			return "", err
		}
		runtime = link
	}
	self, err := os.Readlink("/proc/self/exe")
	if err == nil {
		err = os.Symlink(self, filepath.Join(bin, "runtime"))
	}
	if err != nil {
		return "", err
	}
	if _, err := tool("build", "-C", "tests/validate/cases", "-o", bin+"/", "tool"); err != nil {
		return "", err
	}
	dir, err := tool("list", "-C", "tests/validate/cases", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-tools")
	if err != nil {
		return "", err
	}
	roots, err := filepath.Glob(filepath.Join(strings.TrimSpace(dir), "rootfs-*.tar.gz"))
	for _, root := range roots {
		err = errors.Join(err, os.Symlink(root, filepath.Join(bin, filepath.Base(root))))
	}
	return runtime, err
}

func tool(args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// suite runs cases and keeps count.
type suite struct {
	dir, runtime string
	judged       bool // each case is held against its row

	mu                    sync.Mutex
	passed, failed, wrong int
	skipped               int
	last                  bool  // there is no other try
	again                 []row // not as their rows have it, the first time
}

// run runs the cases; those of cgroups, which all use one name, after each other.
func (s *suite) run(rows []row) error {
	var cgroups []row
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, r := range rows {
		if strings.HasPrefix(r.name, "linux_cgroups_") || strings.HasPrefix(r.name, "delete_") {
			cgroups = append(cgroups, r)
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			s.one(r)
		})
	}
	wg.Go(func() {
		for _, r := range cgroups {
			s.one(r)
		}
	})
	wg.Wait()
	// The cases wait for a second here and ten there, whatever else the machine does.
	s.last = true
	for _, r := range s.again {
		s.one(r)
	}
	fmt.Printf("%d cases passed, %d failed, %d not run", s.passed, s.failed, s.skipped)
	if !s.judged {
		fmt.Println()
		return nil
	}
	fmt.Printf("; %d not as README.md has it\n", s.wrong)
	if s.wrong > 0 {
		return errors.New("the table in tests/validate/README.md is not true")
	}
	return nil
}

// one runs a case and says what came of it.
func (s *suite) one(r row) {
	if what := missing(r.verdict); what != "" && s.judged {
		s.count(&s.skipped, "%-34s not run: no %s", r.name, what)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "./"+r.name)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = s.dir, &out, &errs, time.Second
	cmd.Env = append(os.Environ(), "RUNTIME="+filepath.Join(s.dir, "runtime"), runtimeEnv+"="+s.runtime, "TMPDIR="+filepath.Join(s.dir, "tmp"))
	exit := cmd.Run()
	err := judge(out.String(), errs.String(), exit)
	surprise := s.judged && (err != nil) != (r.verdict == "fails")
	switch {
	case surprise && !s.last:
		s.mu.Lock()
		s.again = append(s.again, r)
		s.mu.Unlock()
		fmt.Printf("%-34s %s by README.md; once more, alone: %v\n", r.name, r.verdict, err)
	case surprise:
		s.count(&s.wrong, "%-34s %s by README.md, but: %v", r.name, r.verdict, err)
	case err != nil:
		s.count(&s.failed, "%-34s fails: %v", r.name, err)
	default:
		s.count(&s.passed, "%-34s passes", r.name)
	}
}

func (s *suite) count(n *int, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
	fmt.Printf(format+"\n", args...)
}
