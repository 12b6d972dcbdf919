package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// oneID takes a command's only argument.
func oneID(fs *pflag.FlagSet) (string, error) {
	if fs.NArg() != 1 {
		return "", &usageError{msg: fmt.Sprintf("%s: %d arguments, one is needed: the ID", fs.Name(), fs.NArg()), hint: "nsboot list shows the containers there are"}
	}
	return fs.Arg(0), checkID(fs.Arg(0))
}

// open locks a container and says what it is doing.
func (a *app) open(id string) (*container.Container, container.Status, error) {
	return a.openForce(id, false)
}

// openForce is open; with force a state that makes no sense is no error.
func (a *app) openForce(id string, force bool) (*container.Container, container.Status, error) {
	store := a.global.store()
	c, err := store.Open(id, force)
	if err != nil {
		return nil, "", err
	}
	return c, orPaused(&c.State, c.State.Status(store.FactsLocked(&c.State))), nil
}

func startCommand(a *app, args []string) (int, error) {
	fs := newFlags("start")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	id, err := oneID(fs)
	if err != nil {
		return 0, err
	}
	if err := a.asRootOf(id); err != nil {
		return 0, err
	}
	return 0, a.start(id)
}

// start lets a created container's process go.
func (a *app) start(id string) error {
	c, status, err := a.open(id)
	if err != nil {
		return err
	}
	defer c.Close()
	if status != container.CreatedS {
		return fmt.Errorf("container %s is %s: only a created one can be started", id, status)
	}
	h, err := a.recordedHooks(&c.State)
	if err != nil {
		return err
	}
	if err := h.startContainer(c.State.Pid); err != nil {
		return errors.Join(fmt.Errorf("container %s: %w", id, err), container.Kill(&c.State))
	}
	if err := nsmount.Start(c.StartFIFO(), c.OutcomeFIFO(), c.State.Executable); err != nil {
		container.AwaitEnd(&c.State, time.Second) // it has told why, and ends
		return fmt.Errorf("container %s: %w", id, err)
	}
	return h.poststart(c.State.Pid)
}

// stateJSON is what runtime-spec says a state is.
type stateJSON struct {
	Version     string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Status      container.Status  `json:"status"`
	Pid         int               `json:"pid"`
	Bundle      string            `json:"bundle"`
	Created     string            `json:"created,omitempty"`
	Profile     string            `json:"profile,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// shown is a container's state as a person or a client sees it.
func (a *app) shown(s *container.State) stateJSON {
	status := a.status(s)
	out := stateJSON{Version: s.Version, ID: s.ID, Status: status, Bundle: s.Bundle, Profile: s.Profile, Annotations: s.Annotations}
	if status != container.Stopped {
		out.Pid = s.Pid
	}
	if !s.Created.IsZero() {
		out.Created = s.Created.Format("2006-01-02T15:04:05.999999999Z07:00")
	}
	return out
}

func stateCommand(a *app, args []string) (int, error) {
	var plan bool
	fs := newFlags("state")
	fs.BoolVar(&plan, "plan", false, "print the plan that the container was made from, as plan --format json does")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	id, err := oneID(fs)
	if err != nil {
		return 0, err
	}
	if plan {
		text, err := a.global.store().Plan(id)
		if err == nil {
			_, err = fmt.Fprintf(a.stdout, "%s\n", text)
		}
		return 0, err
	}
	state, err := a.global.store().Read(id)
	if err != nil {
		return 0, err
	}
	return 0, a.printJSON(a.shown(&state))
}

func (a *app) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", text)
	return err
}

func killCommand(a *app, args []string) (int, error) {
	var all bool
	fs := newFlags("kill")
	fs.BoolVarP(&all, "all", "a", false, "send the signal to all processes of the container")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	if fs.NArg() < 1 || fs.NArg() > 2 {
		return 0, &usageError{msg: fmt.Sprintf("kill: %d arguments: the ID is needed, and a signal if it is not TERM", fs.NArg()), hint: "nsboot kill ID KILL"}
	}
	sig := unix.SIGTERM
	if fs.NArg() == 2 {
		var err error
		if sig, err = parseSignal(fs.Arg(1)); err != nil {
			return 0, err
		}
	}
	if err := a.asRootOf(fs.Arg(0)); err != nil {
		return 0, err
	}
	return 0, a.kill(fs.Arg(0), sig, all)
}

// parseSignal takes 15, TERM and SIGTERM.
func parseSignal(text string) (unix.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= 64 {
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, &usageError{msg: fmt.Sprintf("unknown signal %q", text), hint: "a number up to 64, or a name: TERM, SIGKILL"}
}

// kill needs no lock: it works while a start waits for a process that hangs.
func (a *app) kill(id string, sig unix.Signal, all bool) error {
	if err := checkID(id); err != nil {
		return err
	}
	store := a.global.store()
	state, err := store.Read(id)
	if err != nil {
		return err
	}
	if all {
		return signalAll(&state, sig)
	}
	if status := state.Status(store.Facts(&state)); status != container.CreatedS && status != container.Running {
		return fmt.Errorf("container not running: %s is %s", id, status)
	}
	err = container.Signal(&state, sig)
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("container not running: %s is stopped", id)
	}
	if err == nil && sig == unix.SIGKILL {
		g, err := groupOf(&state)
		return errors.Join(err, thaw(g))
	}
	return err
}
