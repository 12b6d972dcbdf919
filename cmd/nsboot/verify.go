package main

import (
	"fmt"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
)

// verifyCommand exits with 1 if there are differences.
func verifyCommand(a *app, args []string) (int, error) {
	var format string
	fs := newFlags("verify")
	fs.StringVarP(&format, "format", "f", "text", "text or json")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	id, err := oneID(fs)
	if err != nil {
		return 0, err
	}
	if format != "text" && format != "json" {
		return 0, &usageError{msg: "--format=" + format, hint: "text or json"}
	}
	if err := a.asRootOf(id); err != nil {
		return 0, err
	}
	findings, err := a.verify(id)
	if err != nil {
		return 0, err
	}
	if format == "json" {
		if findings == nil {
			findings = []nsmount.Finding{}
		}
		err = a.printJSON(findings)
	} else {
		for _, f := range findings {
			fmt.Fprintln(a.stdout, f)
		}
	}
	if len(findings) > 0 {
		return 1, err
	}
	return 0, err
}

// verify compares a running container's mounts with its plan.
func (a *app) verify(id string) ([]nsmount.Finding, error) {
	state, err := a.global.store().Read(id)
	if err != nil {
		return nil, err
	}
	if status := state.Status(a.global.store().Facts(&state)); status != container.Running && status != container.CreatedS {
		return nil, fmt.Errorf("container %s is %s: it has no mounts to verify", id, status)
	}
	text, err := a.global.store().Plan(id)
	if err != nil {
		return nil, err
	}
	plan, err := nsmount.ParsePlan(text)
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", id, err)
	}
	o := nsmount.VerifyOptions{SourceFDs: state.SourceFDs}
	if nsmount.IsSandbox(state.Annotations) {
		o.Children = a.children(id)
	}
	findings, err := nsmount.Verify(plan, state.Pid, o)
	if err == nil && !container.Alive(state.Pid, state.StartTime) {
		err = fmt.Errorf("container %s has ended meanwhile", id)
	}
	return findings, err
}
