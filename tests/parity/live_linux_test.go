package parity

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// liveProfiles are the runtimes that can stand beside nsboot, and the profile that each is compared with.
var liveProfiles = [][2]string{{"runsc", "runsc"}, {"runc", "oci"}, {"crun", "oci"}}

// newRuntime describes how nsboot or an installed runtime is called; its state goes below scratch.
func newRuntime(name, scratch string) (runtime, error) {
	state := "--root=" + filepath.Join(scratch, "state-"+name)
	if name == "nsboot" {
		binary := os.Getenv(binaryEnv)
		return runtime{Name: name, Command: func(profile, overlay string, flags []string) []string {
			argv := append([]string{binary, "--profile=" + profile}, flags...)
			if overlay != "" {
				argv = append(argv, "--overlay="+overlay)
			}
			return argv
		}}, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return runtime{}, err
	}
	switch name {
	case "runsc":
		return runtime{Name: name, Command: func(_, overlay string, flags []string) []string {
			if len(flags) > 0 {
				return nil
			}
			medium := "none"
			if overlay != "" {
				medium = overlay + ":memory"
			}
			return []string{path, state, "--network=none", "--platform=ptrace", "--overlay2=" + medium}
		}}, nil
	case "runc":
		return runtime{Name: name, Command: withoutOverlay(path, state)}, nil
	case "crun":
		// crun refuses hosts of hybrid cgroups, and its device rules need more locked memory than a container may have.
		return runtime{Name: name, Command: withoutOverlay(path, state, "--cgroup-manager=disabled"), OwnCgroups: hybridCgroups()}, nil
	}
	return runtime{}, fmt.Errorf("no runtime is called %q", name)
}

// withoutOverlay is the command line of a runtime that has no overlays.
func withoutOverlay(argv ...string) func(string, string, []string) []string {
	return func(_, overlay string, flags []string) []string {
		if overlay != "" || len(flags) > 0 {
			return nil
		}
		return argv
	}
}

func hybridCgroups() bool {
	var st unix.Statfs_t
	return unix.Statfs("/sys/fs/cgroup", &st) == nil && st.Type != unix.CGROUP2_SUPER_MAGIC
}

// compareLive boots the cases under each installed runtime and prints how the subject's answers compare. It fails nothing: the
// recorded answers are what nsboot is held to.
func compareLive(t *testing.T, b bench, subject string, r *results, cases []*parityCase) {
	for _, l := range liveProfiles {
		rt, err := newRuntime(l[0], b.Dir)
		if err != nil {
			fmt.Printf("live %s: not installed\n", l[0])
			continue
		}
		if why := cannotBoot(b, rt); why != "" {
			fmt.Printf("live %s: does not boot here: %s\n", l[0], why)
			continue
		}
		var s liveScore
		t.Run("live-"+rt.Name, func(t *testing.T) {
			for _, c := range cases {
				ours, booted := r.answers[caseProfile(c.Name, l[1])]
				if booted {
					t.Run(c.Name, func(t *testing.T) { t.Parallel(); s.add(t, b, rt, l[1], c, ours) })
				}
			}
		})
		fmt.Print(s.text(subject, rt.Name, l[1]))
	}
}

// cannotBoot says why a runtime cannot boot the plainest bundle.
func cannotBoot(b bench, rt runtime) string {
	plain, err := parseCase("plain", "Plain.\nrules: C1\nargs: [\"/bin/true\"]\n")
	if err != nil {
		return err.Error()
	}
	a, _, err := b.boot(rt, "oci", plain)
	if err != nil {
		return err.Error()
	}
	if !a.Boots {
		return lastLine(a.Stderr)
	}
	return ""
}

// A liveScore is how the subject and a live runtime compare.
type liveScore struct {
	mu                               sync.Mutex
	cases, loose, strict, asExpected int
	differ                           []string
}

func (s *liveScore) add(t *testing.T, b bench, rt runtime, profile string, c *parityCase, ours answer) {
	theirs, ok, err := b.boot(rt, profile, c)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return
	}
	d := disagreement(theirs.asFacts(), ours, loose)
	if d != "" {
		t.Logf("beside %s: %s", rt.Name, d)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cases++
	s.asExpected += one(judgeOther(c, profile, theirs).Agrees)
	s.loose += one(d == "")
	s.strict += one(disagreement(theirs.asFacts(), ours, strict) == "")
	if d != "" {
		s.differ = append(s.differ, c.Name)
	}
}

func (s *liveScore) text(subject, name, profile string) string {
	sortCaseNames(s.differ)
	text := fmt.Sprintf("live %s: %s in profile %s agrees with it in %d of %d cases loosely, %d strictly; it gives the expected answer itself in %d\n",
		name, subject, profile, s.loose, s.cases, s.strict, s.asExpected)
	if len(s.differ) > 0 {
		text += "  differ: " + strings.Join(s.differ, ", ") + "\n"
	}
	return text
}
