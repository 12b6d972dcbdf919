package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nsboot/nsboot/internal/cgroup"
	"github.com/nsboot/nsboot/internal/config"
	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	"github.com/nsboot/nsboot/pathres"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// bundle is a loaded bundle.
type bundle struct {
	dir  string // absolute
	spec *specs.Spec
	pod  map[string]string // of a child of a pod: the sandbox container's annotations, if they are known

	ownCgroup bool // the process gets a cgroup of its own
}

// loadBundle reads a bundle's config.json and says what of it this build does
// not honour.
func (a *app) loadBundle(dir string) (*bundle, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", dir, err)
	}
	if st, err := os.Stat(abs); err == nil && st.Mode().IsRegular() {
		return nil, &usageError{msg: "--bundle " + dir + ": a file", hint: "name the directory that it is in: --bundle " + filepath.Dir(abs)}
	}
	c, err := config.Load(abs)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, &nsmount.HintError{Err: err, HintText: "--bundle names the directory with config.json; nsboot spec writes one"}
		}
		return nil, err
	}
	own, note := a.global.ownCgroup(c.Spec)
	ignore := a.global.ignore
	if own { // nothing to warn of
		ignore = append(slices.Clone(ignore), "linux.resources", "linux.cgroupsPath")
	}
	refused, warnings, err := config.Check(c.Spec, ignore)
	if err != nil {
		return nil, err
	}
	if note != "" && len(config.CgroupNotes(c.Spec, ignore)) == 0 { // the config's say as much
		warnings = append(warnings, note)
	}
	for _, w := range append(c.Warnings, warnings...) {
		a.log.warning(w)
	}
	if len(refused) > 0 {
		return nil, refusal(refused)
	}
	dropIgnored(c.Spec)
	a.dropUserNamespace(c.Spec)
	return &bundle{dir: abs, spec: c.Spec, ownCgroup: own}, nil
}

// refusal makes one error of all that is refused, so that it is met once.
func refusal(list []config.Refused) error {
	lines := make([]string, len(list))
	hint := "accept with"
	for i, r := range list {
		lines[i] = r.String()
		hint += " --ignore " + r.Field
	}
	return &nsmount.HintError{Err: errors.New(strings.Join(lines, "\nnsboot: ")), HintText: hint}
}

// dropIgnored takes out what was accepted with --ignore and would be an error
// below: the path of a mount namespace, which is new all the same.
func dropIgnored(spec *specs.Spec) {
	if spec.Linux == nil {
		return
	}
	for i := range spec.Linux.Namespaces {
		if n := &spec.Linux.Namespaces[i]; n.Type == specs.MountNamespace {
			n.Path = ""
		}
	}
}

// checkID refuses what could not be a container's ID.
func checkID(id string) error {
	if err := container.CheckID(id); err != nil {
		return &usageError{msg: err.Error()}
	}
	return nil
}

// planOf compiles the bundle's plan, or takes the recorded one and holds it
// against the bundle (section 7).
func (a *app) planOf(b *bundle, recorded string) (*nsmount.Plan, error) {
	if recorded != "" {
		return replay(b, recorded)
	}
	opts, err := a.global.compileOptions(b.dir)
	if err != nil {
		return nil, err
	}
	opts.Pod = b.pod
	return nsmount.Compile(b.spec, opts)
}

func replay(b *bundle, file string) (*nsmount.Plan, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--plan: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("--plan: %w", err)
	}
	plan, err := nsmount.ParsePlan(data)
	if err != nil {
		return nil, fmt.Errorf("--plan %s: %w", file, err)
	}
	if diff := plan.Differences(b.spec); len(diff) > 0 {
		return nil, fmt.Errorf("--plan %s: the bundle is no longer what the plan was compiled from:\n  %s", file, strings.Join(diff, "\n  "))
	}
	plan.TakeSources(b.spec, b.dir)
	return plan, nil
}

// prepared is all that a boot is made from.
type prepared struct {
	plan    *nsmount.Plan
	process *nsmount.Process
	opts    nsmount.BootOptions
	group   *cgroup.Group // nil: the caller's
}

// prepare compiles the bundle and prints the warnings.
func (a *app) prepare(b *bundle, f *runFlags) (*prepared, error) {
	if err := config.CheckProcess(b.spec); err != nil {
		return nil, err
	}
	plan, err := a.planOf(b, f.plan)
	if err != nil {
		return nil, err
	}
	process, err := nsmount.CompileProcess(b.spec)
	if err != nil {
		return nil, err
	}
	for _, w := range plan.Warnings {
		a.log.warning(w.String())
	}
	if err := a.grant(process); err != nil {
		return nil, err
	}
	a.warnOf(process, plan.Profile)
	a.debugSeccomp(process)
	if err := checkHooks(b.spec.Hooks); err != nil {
		return nil, err
	}
	opts := nsmount.BootOptions{PreserveFDs: f.preserve, ConsoleSocket: f.console}
	opts.StateDir = a.global.stubsDir()
	if f.sourceFDs != "" {
		if opts.Sources, err = parseFDs(f.sourceFDs); err != nil {
			return nil, err
		}
		opts.Target = b.dir
	}
	if a.log.debug {
		opts.Report = a.log.debugf
	}
	return &prepared{plan: plan, process: process, opts: opts}, nil
}

// warnOf prints what is to be warned of about a process: of its config, and of
// the search for its executable by a profile (E4).
func (a *app) warnOf(p *nsmount.Process, profile string) {
	for _, w := range p.Warnings {
		a.log.warning(w)
	}
	rules, err := nsmount.ProfileByName(profile)
	if err != nil || len(p.Args) == 0 {
		return // said elsewhere
	}
	for _, e := range pathres.SkippedElements(p.Args[0], p.Env, rules.Lookup) {
		a.log.warning(fmt.Sprintf("process.env: PATH: element %q is not absolute: it is skipped (E4)", e))
	}
}

func parseFDs(list string) ([]int, error) {
	var fds []int
	for _, s := range strings.Split(list, ",") {
		fd, err := strconv.Atoi(s)
		if err != nil || fd < 3 {
			return nil, &usageError{msg: fmt.Sprintf("--source-fds: %q is not a descriptor", s), hint: "numbers from 3 on, with commas: --source-fds 3,4,5"}
		}
		fds = append(fds, fd)
	}
	return fds, nil
}
