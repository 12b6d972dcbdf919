package parity

import (
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	liveFlag    = flag.Bool("live", false, "also boot the cases under the installed runsc, runc and crun, and print how nsboot compares")
	subjectFlag = flag.String("subject", "nsboot", "what is booted: nsboot, or runsc, runc or crun, whose score is then printed and never fails")
	updateFlag  = flag.Bool("update", false, "rewrite the nsboot sections of the cases listed in testdata/divergences")
)

const (
	scratchEnv = "NSBOOT_PARITY_SCRATCH" // set in the re-executed test: where its tmpfs goes
	binaryEnv  = "NSBOOT_BIN"            // the nsboot to test; built if unset
	busyboxEnv = "BUSYBOX"               // a static busybox; /bin/busybox if unset
)

// TestParity boots every case in every profile. It runs itself again in a mount namespace of its own and trusts the exit code.
func TestParity(t *testing.T) {
	if scratch := os.Getenv(scratchEnv); scratch != "" {
		runParity(t, scratch)
		return
	}
	if os.Geteuid() != 0 {
		skip(t, "needs root")
	}
	busybox, err := staticBusybox()
	if err != nil {
		skip(t, err.Error())
	}
	binary := os.Getenv(binaryEnv)
	if binary == "" && *subjectFlag == "nsboot" {
		binary = buildNsboot(t)
	}
	scratch, err := os.MkdirTemp("", "nsboot-parity-")
	if err != nil {
		t.Fatal(err)
	}
	// Nothing is written there but in the other namespace's tmpfs, so rmdir is all the cleaning there is.
	defer os.Remove(scratch)
	cmd := exec.Command(os.Args[0], innerArgs(t)...)
	cmd.Env = append(os.Environ(), scratchEnv+"="+scratch, binaryEnv+"="+binary, busyboxEnv+"="+busybox)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// CLONE_NEWNS here also makes every mount private, recursively, before the program starts.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		skip(t, fmt.Sprintf("a mount namespace cannot be made here: %v", err))
	} else if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the cases, in a mount namespace of their own: %v", err)
	}
}

// innerArgs are the flags of the re-executed test.
func innerArgs(t *testing.T) []string {
	run := flag.Lookup("test.run").Value.String()
	if !strings.Contains(run, "TestParity") {
		run = "^TestParity$"
	}
	args := []string{"-test.run=" + run, "-test.parallel=2"}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, fmt.Sprintf("-test.timeout=%s", time.Until(deadline).Round(time.Second)))
	}
	if testing.Verbose() {
		args = append(args, "-test.v=true")
	}
	for _, name := range []string{"live", "subject", "update"} {
		args = append(args, "-"+name+"="+flag.Lookup(name).Value.String())
	}
	return args
}

// runParity is the test proper, in its namespace.
func runParity(t *testing.T, scratch string) {
	cases, err := loadCases("testdata/cases")
	if err != nil {
		t.Fatal(err)
	}
	table, err := loadDivergences("testdata/divergences")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("parity", scratch, "tmpfs", 0, "mode=755"); err != nil {
		t.Fatalf("mounting a tmpfs on %s: %v", scratch, err)
	}
	b := bench{Dir: scratch, Busybox: filepath.Join(scratch, "busybox")}
	if err := copyFile(b.Busybox, os.Getenv(busyboxEnv)); err != nil {
		t.Fatal(err)
	}
	subject, err := newRuntime(*subjectFlag, scratch)
	if err != nil {
		t.Fatal(err)
	}
	r := &results{table: table, answers: map[string]answer{}}
	for _, p := range profiles {
		t.Run(p, func(t *testing.T) {
			for _, c := range cases {
				if c.answer(p, recorded, byRule) != nil {
					t.Run(c.Name, func(t *testing.T) { t.Parallel(); r.bootAndJudge(t, b, subject, p, c) })
				}
			}
		})
	}
	fmt.Print("\n" + r.summary(subject.Name))
	if *updateFlag {
		if err := r.update("testdata/cases", cases); err != nil {
			t.Error(err)
		}
	}
	if *liveFlag {
		compareLive(t, b, subject.Name, r, cases)
	}
}

// results gathers what the boots came to.
type results struct {
	mu       sync.Mutex
	table    divergences
	answers  map[string]answer // by caseProfile
	verdicts []verdict
}

// bootAndJudge boots one case in one profile and reports what is wrong with the answer.
func (r *results) bootAndJudge(t *testing.T, b bench, subject runtime, profile string, c *parityCase) {
	got, ok, err := b.boot(subject, profile, c)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return // another runtime that cannot be asked for this
	}
	own := subject.Name == "nsboot"
	v := judgeOther(c, profile, got)
	if own {
		v = judge(c, profile, got, r.table)
	}
	r.mu.Lock()
	r.answers[caseProfile(c.Name, profile)] = got
	r.verdicts = append(r.verdicts, v)
	r.mu.Unlock()
	report := t.Errorf
	if !own || *updateFlag {
		report = t.Logf
	}
	for _, p := range v.Problems {
		report("%s (%s) in profile %s: %s", c.Name, c.Title, profile, p)
	}
}

// update writes the answers of the listed divergences into their cases.
func (r *results) update(dir string, cases []*parityCase) error {
	for _, c := range cases {
		answers := map[string]string{}
		for _, p := range profiles {
			if _, listed := r.table[caseProfile(c.Name, p)]; listed {
				if f, ok := r.updated(c, p); ok {
					answers[p] = f.text()
				}
			}
		}
		path := filepath.Join(dir, c.Name+".case")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if changed := withDivergences(string(text), answers); changed != string(text) {
			if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
				return err
			}
			fmt.Println("rewritten:", path)
		}
	}
	return nil
}

// updated is what an nsboot section is to say: the new answer with the old one's words, or the old answer if nothing was booted.
func (r *results) updated(c *parityCase, profile string) (f facts, ok bool) {
	old := c.answer(profile, instead)
	a, booted := r.answers[caseProfile(c.Name, profile)]
	switch {
	case booted:
		f = facts{Boots: a.Boots, Lines: a.Lines, Host: a.Host}
		if old != nil && old.Facts.Boots == f.Boots {
			f.Says = old.Facts.Says
		}
		return f, true
	case old != nil:
		return old.Facts, true
	}
	return facts{}, false
}

// skip skips the test, or fails it where it must run.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("NSBOOT_MUST_RUN") == "1" {
		t.Fatalf("NSBOOT_MUST_RUN=1, but: %s", why)
	}
	t.Skip(why)
}

// staticBusybox finds a busybox that runs in a root without libraries.
func staticBusybox() (string, error) {
	path := os.Getenv(busyboxEnv)
	if path == "" {
		path = "/bin/busybox"
	}
	f, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("a static busybox is needed (Debian: busybox-static): %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s is not static (Debian: install busybox-static)", path)
		}
	}
	return path, nil
}

// buildNsboot builds the command that is tested.
func buildNsboot(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "nsboot")
	cmd := exec.Command("go", "build", "-o", out, "github.com/nsboot/nsboot/cmd/nsboot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building nsboot: %v\n%s", err, msg)
	}
	return out
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
