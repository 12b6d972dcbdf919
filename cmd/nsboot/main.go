// Command nsboot boots the file system of an OCI bundle on real kernel mounts,
// by the rules of gVisor's runsc, and runs the bundle's process there.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	_ "github.com/nsboot/nsboot/internal/stack" // before all else
)

// The process must die with nsboot, whatever ends that: its death signal is
// tied to the thread that made it, so main stays on the main thread.
func init() { runtime.LockOSThread() }

// app is what a command works with.
type app struct {
	global globals
	stdout io.Writer
	log    *logger
	words  []string // of the command line, from the command on
}

// command is one command of the command line.
type command struct {
	name, args, short string
	run               func(a *app, args []string) (code int, err error)
}

// commands lists them in the order of the help. It is a function so that
// nothing of it is built for a boot.
func commands() []command {
	return []command{
		{"run", "[--bundle DIR] [--detach] [ID] [-- CMD...]", "boot a bundle and run its process", runCommand},
		{"plan", "[--bundle DIR] [--format tree|json]", "show what would be mounted, touching nothing", planCommand},
		{"do", "[--rw PATH]... [-- CMD...]", "run a command on a throwaway copy of this machine's root", doCommand},
		{"mount", "[--bundle DIR] TARGET", "mount a bundle's file system at TARGET", mountCommand},
		{"umount", "TARGET", "take down what mount mounted", umountCommand},
		{"spec", "[--rootfs DIR]", "write a starter config.json", specCommand},
		{"create", "[--bundle DIR] [--pid-file FILE] ID", "boot a bundle up to the start of its process", createCommand},
		{"start", "ID", "start a created container's process", startCommand},
		{"exec", "[FLAGS] ID CMD...", "run another process in a running container", execCommand},
		{"state", "ID", "print a container's state as JSON", stateCommand},
		{"kill", "[--all] ID [SIGNAL]", "send a signal to a container (TERM)", killCommand},
		{"pause", "ID", "freeze a running container's processes", pauseCommand},
		{"resume", "ID", "let a paused container go on", resumeCommand},
		{"update", "--resources FILE ID", "change a container's limits", updateCommand},
		{"delete", "[--force] ID", "delete a stopped container", deleteCommand},
		{"list", "[-q] [--format table|json]", "list the containers", listCommand},
		{"verify", "ID", "compare a container's mounts with its plan", verifyCommand},
		{"ps", "[--format table|json] ID", "list a container's processes", psCommand},
		{"features", "", "print what this build does, as JSON", featuresCommand},
		{"view", "[--json] [PATH...]", "print what a process sees of its file system", viewCommand},
		{"compare", "[--bundle DIR] [--with CMD]... | VIEW VIEW", "show where a sandboxed file system differs from the real one", compareCommand},
		{"version", "", "print the version", versionCommand},
		{"completion", "bash|zsh|fish", "print a completion script for a shell", completionCommand},
	}
}

func main() { os.Exit(realMain(os.Args)) }

func realMain(args []string) int {
	a := &app{stdout: os.Stdout, log: &logger{w: os.Stderr}}
	if err := refuseSetuid(); err != nil {
		return a.fail(err)
	}
	code, err := a.dispatch(args[0], args[1:])
	a.log.close()
	var elsewhere *errElsewhere
	if errors.As(err, &elsewhere) {
		return elsewhere.code
	}
	if err != nil {
		return a.fail(err)
	}
	return code
}

func (a *app) dispatch(name string, args []string) (int, error) {
	rest, err := a.global.parse(name, args)
	if err != nil {
		return 0, err
	}
	a.words = rest
	if err := a.log.open(&a.global); err != nil {
		return 0, err
	}
	switch {
	case a.global.version:
		return versionCommand(a, nil)
	case len(rest) == 0 && !a.global.help:
		return 0, &usageError{msg: "no command", hint: "nsboot --help lists the commands; nsboot run boots the bundle in this directory"}
	case len(rest) == 0 || rest[0] == "help":
		return 0, a.help(rest)
	}
	for _, c := range commands() {
		if c.name == rest[0] {
			if a.global.help {
				rest = []string{c.name, "--help"}
			} else if looksAtProcesses(c.name) {
				if err := a.ownProc(); err != nil {
					return 0, err
				}
			}
			return c.run(a, rest[1:])
		}
	}
	return 0, &usageError{msg: fmt.Sprintf("unknown command %q", rest[0]), hint: "nsboot --help lists the commands" + nearest(rest[0])}
}

// nearest suggests a command that begins or ends as the word does.
func nearest(word string) string {
	for _, c := range commands() {
		if len(word) > 1 && (c.name[0] == word[0] && c.name[len(c.name)-1] == word[len(word)-1] || word[:2] == c.name[:2]) {
			return "; perhaps: nsboot " + c.name
		}
	}
	return ""
}
