package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
)

func listCommand(a *app, args []string) (int, error) {
	var quiet bool
	var format string
	fs := newFlags("list")
	fs.BoolVarP(&quiet, "quiet", "q", false, "print the IDs only")
	fs.StringVarP(&format, "format", "f", "table", "table or json")
	if help, err := a.parseCommand(fs, args); help || err != nil {
		return 0, err
	}
	states, unread := a.global.store().List()
	list := make([]stateJSON, 0, len(states))
	for i := range states {
		list = append(list, a.shown(&states[i]))
	}
	switch {
	case quiet:
		for _, s := range list {
			fmt.Fprintln(a.stdout, s.ID)
		}
		return 0, unread
	case format == "json":
		return 0, errors.Join(a.printJSON(list), unread)
	case format != "table":
		return 0, &usageError{msg: "--format=" + format, hint: "table or json"}
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle, s.Created)
	}
	return 0, errors.Join(w.Flush(), unread)
}

func psCommand(a *app, args []string) (int, error) {
	var format string
	fs := newFlags("ps")
	fs.StringVarP(&format, "format", "f", "table", "table or json")
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
	state, err := a.global.store().Read(id)
	if err != nil {
		return 0, err
	}
	pids, err := processes(&state)
	if err != nil {
		return 0, err
	}
	switch format {
	case "json":
		if pids == nil {
			pids = []int{}
		}
		return 0, a.printJSON(pids)
	case "table":
	default:
		return 0, &usageError{msg: "--format=" + format, hint: "table or json"}
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PID\tCOMMAND")
	for _, pid := range pids {
		if text := commandOf(pid); text != "" {
			fmt.Fprintf(w, "%d\t%s\n", pid, text)
		}
	}
	return 0, w.Flush()
}

// commandOf is a process's command line or, as ps(1) has it, its name in brackets
// where there is none: in a process that waits to be started nothing of nsboot's
// is left. It is empty if the process has ended.
func commandOf(pid int) string {
	dir := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return ""
	}
	if line := strings.Trim(string(text), "\x00"); line != "" {
		return printableLine(string(text))
	}
	name, err := os.ReadFile(dir + "/comm")
	if err != nil {
		return ""
	}
	return printableLine("[" + strings.TrimSuffix(string(name), "\n") + "]\x00")
}

// printableLine shows a command line of arguments that end in NUL bytes.
func printableLine(cmdline string) string {
	args := strings.Split(strings.TrimSuffix(cmdline, "\x00"), "\x00")
	for i, arg := range args {
		if q := strconv.Quote(arg); arg == "" || q != `"`+arg+`"` || strings.Contains(arg, " ") {
			args[i] = q
		}
	}
	return strings.Join(args, " ")
}
