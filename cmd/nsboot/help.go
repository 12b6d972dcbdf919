package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

func (a *app) help(rest []string) error {
	for _, c := range commands() {
		fmt.Fprintf(a.stdout, "nsboot %s %s: %s\n", c.name, c.args, c.short)
	}
	return nil
}

func (a *app) commandHelp(fs *pflag.FlagSet) {
	fmt.Fprint(a.stdout, fs.FlagUsages())
}

// noArguments refuses words that a command has no use for.
func noArguments(fs *pflag.FlagSet, hint string) error {
	if fs.NArg() == 0 {
		return nil
	}
	return &usageError{msg: fmt.Sprintf("%s: unexpected argument %q", fs.Name(), fs.Arg(0)), hint: hint}
}
