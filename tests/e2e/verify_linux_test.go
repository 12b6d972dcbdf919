package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsboot/nsboot/nsmount"
)

// Every boot of these tests is verified (docs/semantics.md, section 7): one whose
// process waits is looked at itself. Of one that ends too soon for that a twin is
// made, of the same config with the same flags, descriptors and namespaces: a
// container up to the start of its process.

// verifyLive compares the mounts of a process that is known to wait with the
// plan.
func (c *running) verifyLive() {
	c.b.t.Helper()
	plan, err := nsmount.ParsePlan(c.plan())
	if err != nil {
		c.b.t.Fatal(err)
	}
	pid := c.payload()
	findings, err := nsmount.Verify(plan, pid, nsmount.VerifyOptions{SourceFDs: strings.Contains(strings.Join(c.cmd.Args, " "), " --source-fds")})
	if err != nil {
		c.b.t.Errorf("verify %d: %v", pid, err)
	}
	for _, f := range findings {
		c.b.t.Errorf("verify: %v", f)
	}
}

// plan is what nsboot plan says of the same flags, or what is replayed.
func (c *running) plan() []byte {
	c.b.t.Helper()
	global, own := c.flags()
	if i := slices.Index(own, "--plan"); i >= 0 {
		text, err := os.ReadFile(own[i+1])
		if err != nil {
			c.b.t.Fatal(err)
		}
		return text
	}
	text, err := exec.Command(nsboot, append(global, "plan", "--bundle", c.b.dir, "--format", "json")...).Output()
	if err != nil {
		c.b.t.Fatalf("plan: %v", err)
	}
	return text
}

// flags are those before the command, and those after it.
func (c *running) flags() (global, own []string) {
	args := c.cmd.Args[slices.Index(c.cmd.Args, nsboot)+1:]
	at := slices.Index(args, "run")
	own = args[at+3:] // after --bundle DIR
	if end := slices.Index(own, "--"); end >= 0 {
		own = own[:end]
	}
	return slices.Clone(args[:at]), slices.Clone(own)
}

// payload finds the container's process: it has the mark, and is not nsboot. A
// shell may be about to become another program, and has neither for a moment.
func (c *running) payload() int {
	c.b.t.Helper()
	for range 400 {
		for _, p := range c.b.processes() {
			exe, err := os.Readlink("/proc/" + p + "/exe")
			pid, aerr := strconv.Atoi(p)
			if err == nil && aerr == nil && exe != nsboot {
				return pid
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.b.t.Fatal("no process of the container's is there")
	return 0
}

// verifyTwin creates, verifies and deletes a container like the one that has
// been booted. A writable layer in a directory is that one's alone.
func (c *running) verifyTwin() {
	c.b.t.Helper()
	global, own := c.flags()
	if strings.Contains(strings.Join(global, " "), "dir=") || c.b.spec.Process.Terminal || len(c.cmd.Args) != len(global)+len(own)+4 {
		return // the last: wrapped, or with another command
	}
	root, err := os.MkdirTemp(filepath.Dir(nsboot), "twin")
	if err != nil {
		c.b.t.Fatal(err)
	}
	defer os.RemoveAll(root)
	if err := os.Chmod(root, 0o777); err != nil {
		c.b.t.Fatal(err)
	}
	nsbootRoot := append(global, "--root", root)
	create := append(append(slices.Clone(nsbootRoot), "create", "--bundle", c.b.dir), own...)
	switch r := c.as(append(create, "twin")...); {
	case strings.Contains(r.Out, "handed over detached"): // create refuses what delete could not take back
		return
	case r.Code != 0:
		c.b.t.Errorf("nsboot %v: %+v", create, r)
		return
	}
	if r := c.as(append(slices.Clone(nsbootRoot), "verify", "twin")...); r.Code != 0 || r.Out != "" {
		c.b.t.Errorf("verify of nsboot %v: %+v", create, r)
	}
	if r := c.as(append(slices.Clone(nsbootRoot), "delete", "--force", "twin")...); r.Code != 0 {
		c.b.t.Errorf("delete: %+v", r)
	}
}

// as runs nsboot as the boot was run.
func (c *running) as(args ...string) result {
	c.b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	twin := &running{b: c.b, cancel: cancel, cmd: exec.CommandContext(ctx, nsboot, args...)}
	twin.cmd.Dir, twin.cmd.Env, twin.cmd.SysProcAttr, twin.cmd.ExtraFiles = c.cmd.Dir, c.cmd.Env, c.cmd.SysProcAttr, c.cmd.ExtraFiles
	out, err := os.CreateTemp("", "twin") // a file: the container keeps it open
	if err != nil {
		c.b.t.Fatal(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	twin.cmd.Stdout, twin.cmd.Stderr = out, out
	if err := twin.cmd.Start(); err != nil {
		c.b.t.Fatal(err)
	}
	r := twin.wait()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		c.b.t.Fatal(err)
	}
	r.Out = string(text)
	return r
}
