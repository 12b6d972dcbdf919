// Command judge is what the tests of nested boots run where nsboot is to work: it
// boots the usual configs by all profiles, in the foreground, detached and in two
// steps, has each verified, and looks for what is left.
//
//	judge NSBOOT WORK [CONFIG...]
//
// WORK is a directory with busybox in it; each CONFIG is a config.json that somebody
// else has written, beside the one that nsboot spec writes. It prints a line for
// whatever is wrong, the lines of --debug, each once, and in the end how many boots
// there were.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// applets are the names that a root has for busybox.
var applets = [...]string{"sh", "cat", "echo", "ls", "sleep", "true"}

type judge struct {
	nsboot, work string
	wrong, boots int
	debug        []string
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: judge NSBOOT WORK [CONFIG...]")
		os.Exit(2)
	}
	j := &judge{nsboot: os.Args[1], work: os.Args[2]}
	if err := j.all(os.Args[3:]); err != nil {
		j.find("%v", err)
	}
	for _, line := range j.debug {
		fmt.Println("debug:", line)
	}
	fmt.Printf("%d boots, %d wrong\n", j.boots, j.wrong)
	if j.wrong > 0 {
		os.Exit(1)
	}
}

func (j *judge) find(format string, args ...any) {
	j.wrong++
	fmt.Printf(format+"\n", args...)
}

func (j *judge) all(configs []string) error {
	own, err := j.bundle("own", nil)
	if err != nil {
		return err
	}
	if r := j.run(own, "spec"); r.code != 0 {
		return fmt.Errorf("nsboot spec: %+v", r)
	}
	bundles := []string{own}
	for i, config := range configs {
		data, err := os.ReadFile(config)
		if err != nil {
			return err
		}
		dir, err := j.bundle(fmt.Sprintf("other%d", i), data)
		if err != nil {
			return err
		}
		bundles = append(bundles, dir)
	}
	for _, dir := range bundles {
		for _, profile := range []string{"runsc", "runsc-2019", "runsc-2018", "oci"} {
			for _, overlay := range []string{"none", "all"} {
				if err := j.boot(dir, []string{"--profile", profile, "--overlay", overlay}); err != nil {
					return err
				}
			}
		}
	}
	before := mounts()
	if r := j.run(own, "do", "--", j.nsboot, "version"); r.code != 0 || !strings.Contains(r.out, "nsboot version") {
		j.find("do: %+v", r)
	}
	j.sameMounts("do", before)
	return nil
}

// bundle makes a bundle with busybox alone in its root.
func (j *judge) bundle(name string, config []byte) (string, error) {
	dir := filepath.Join(j.work, name)
	box, err := os.ReadFile(filepath.Join(j.work, "busybox"))
	err = errors.Join(err, os.MkdirAll(filepath.Join(dir, "rootfs/bin"), 0o755), os.WriteFile(filepath.Join(dir, "rootfs/bin/busybox"), box, 0o755))
	for _, a := range applets {
		err = errors.Join(err, os.Symlink("busybox", filepath.Join(dir, "rootfs/bin", a)))
	}
	if config != nil {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644))
	}
	return dir, err
}

// boot boots a bundle in each way there is.
func (j *judge) boot(dir string, flags []string) error {
	what := filepath.Base(dir) + " " + strings.Join(flags, " ")
	before, listing := mounts(), list(dir)
	with := func(words ...string) []string { return append(slices.Clone(flags), words...) }

	// With a terminal, as the usual configs have it.
	if err := setTerminal(dir, true); err != nil {
		return err
	}
	const script = "echo > /dev/null && ls /dev/pts /proc/self/fd /sys > /dev/null && echo good"
	r := j.run(dir, append([]string{"--debug"}, with("run", "--", "sh", "-c", script)...)...)
	if r.code != 0 || strings.TrimSpace(r.out) != "good" {
		j.find("%s: run: %+v", what, r)
	}
	j.report(r.err)
	if err := setTerminal(dir, false); err != nil {
		return err
	}
	j.expect(what, dir, "", with("run", "--detach", "c", "--", "sleep", "1000")...)
	j.expect(what, dir, "", "verify", "c")
	j.expect(what, dir, "in\n", "exec", "c", "echo", "in")
	j.expect(what, dir, "", "delete", "--force", "c")
	j.expect(what, dir, "", with("create", "c")...)
	j.expect(what, dir, "", "verify", "c")
	j.expect(what, dir, "", "start", "c")
	j.expect(what, dir, "c\n", "list", "-q")
	j.expect(what, dir, "", "delete", "--force", "c")
	j.boots += 3
	if after := list(dir); after != listing {
		j.find("%s: the bundle held\n%s\nand holds\n%s", what, listing, after)
	}
	j.sameMounts(what, before)
	if left := list(filepath.Join(j.work, "state")); strings.Contains(left, "/c") {
		j.find("%s: left of the state: %s", what, left)
	}
	return nil
}

// expect runs nsboot, which must succeed and print that.
func (j *judge) expect(what, dir, out string, args ...string) {
	if r := j.run(dir, args...); r.code != 0 || r.out != out {
		j.find("%s: %s: %+v", what, strings.Join(args, " "), r)
	}
}

type result struct {
	code     int
	out, err string
}

// run runs nsboot. What it prints goes to files: a container that outlives it goes
// on writing there.
func (j *judge) run(dir string, args ...string) (r result) {
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(j.work, "out")
		if err != nil {
			return result{code: -1, err: err.Error()}
		}
		defer f.Close()
		defer os.Remove(f.Name())
		files[i] = f
	}
	cmd := exec.Command(j.nsboot, append([]string{"--root", filepath.Join(j.work, "state")}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, files[0], files[1]
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return result{code: -1, err: err.Error()}
	}
	out, oerr := os.ReadFile(files[0].Name())
	text, terr := os.ReadFile(files[1].Name())
	if err := errors.Join(oerr, terr); err != nil {
		return result{code: -1, err: err.Error()}
	}
	return result{cmd.ProcessState.ExitCode(), string(out), string(text)}
}

// report keeps the lines of --debug.
func (j *judge) report(text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(strings.TrimPrefix(line, "nsboot: ")); !slices.Contains(j.debug, line) {
			j.debug = append(j.debug, line)
		}
	}
}

func setTerminal(dir string, on bool) error {
	name := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(data, &config); err != nil {
		return err
	}
	config["process"].(map[string]any)["terminal"] = on
	if data, err = json.Marshal(config); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// list names all that is in a directory.
func list(dir string) string {
	var b strings.Builder
	filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		fmt.Fprintln(&b, p)
		return nil
	})
	return b.String()
}

func mounts() []byte {
	table, _ := os.ReadFile("/proc/thread-self/mountinfo")
	return table
}

func (j *judge) sameMounts(what string, before []byte) {
	if after := mounts(); !bytes.Equal(before, after) {
		j.find("%s: the mount table was\n%s\nand is\n%s", what, before, after)
	}
}
