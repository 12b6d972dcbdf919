package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// help prints the help of all, or of the command named after help.
func (a *app) help(rest []string) error {
	if len(rest) < 2 {
		a.overview()
		return nil
	}
	for _, c := range commands() {
		if c.name == rest[1] {
			_, err := c.run(a, []string{"--help"})
			return err
		}
	}
	return &usageError{msg: fmt.Sprintf("help: unknown command %q", rest[1]), hint: "nsboot --help lists the commands" + nearest(rest[1])}
}

const overviewHead = `nsboot boots the file system of an OCI bundle on real kernel mounts, by the
rules of gVisor's runsc, and runs the bundle's process there.

Usage: nsboot [FLAGS] COMMAND ...

Examples:
  nsboot spec && nsboot plan         a starter config.json, and what it would mount
  sudo nsboot run                    boot the bundle in this directory
  sudo nsboot --overlay=all run      the same, and throw away what it writes
  sudo nsboot do -- apt-get install  try something on a throwaway copy of this machine

Commands:
`

func (a *app) overview() {
	var b strings.Builder
	b.WriteString(overviewHead)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-11s %s\n", c.name, c.short)
	}
	b.WriteString("\nFlags, before the command:\n" + new(globals).flags().FlagUsages())
	b.WriteString("\nnsboot COMMAND --help tells more.\n")
	fmt.Fprint(a.stdout, b.String())
}

// commandHelp prints the help of the command that fs belongs to.
func (a *app) commandHelp(fs *pflag.FlagSet) {
	var b strings.Builder
	for _, c := range commands() {
		if c.name == fs.Name() {
			fmt.Fprintf(&b, "nsboot %s: %s\n\nUsage: nsboot [FLAGS] %s\n", c.name, c.short, strings.TrimSpace(c.name+" "+c.args))
		}
	}
	text, examples := commandText(fs.Name())
	if text != "" {
		b.WriteString("\n" + text)
	}
	if examples != "" {
		b.WriteString("\nExamples:\n" + examples)
	}
	if usages := fs.FlagUsages(); usages != "" {
		b.WriteString("\nFlags:\n" + usages)
	}
	b.WriteString("\nnsboot --help lists the flags that go before the command.\n")
	fmt.Fprint(a.stdout, b.String())
}

// commandText is what a newcomer needs to know of a command besides its flags,
// and how it is typed.
func commandText(name string) (text, examples string) {
	switch name {
	case "run":
		return `A bundle is a directory with a config.json and a root file system. Its process
gets the signals and descriptors 0, 1 and 2 of nsboot, and its exit code is
passed on: 125 is nsboot's own failure, 126 and 127 an executable that cannot be
started or is not there, 128+N a process ended by signal N.

With process.terminal it has a terminal of its own, and nsboot copies between
that and its own descriptors, which need be no terminal.

With an ID the container is there for the other commands while it runs, and with
--keep, as a stopped one, until nsboot delete. Without an ID nothing is recorded.

With --detach it is nsboot create and nsboot start in one: the process goes on
when nsboot ends, and the container stays until nsboot delete.
`, `  sudo nsboot run
  sudo nsboot run --bundle /srv/web -- /bin/sh -c 'ls /'
  nsboot plan --format json > web.plan && sudo nsboot run --plan web.plan
  sudo nsboot run web                    and elsewhere: sudo nsboot exec web sh
  sudo nsboot run --detach --bundle /srv/web web
`
	case "plan":
		return `Needs no privileges and touches nothing. Each mount is shown with its source,
ro or rw, the line of config.json it comes from, the rule that made it so (see
docs/semantics.md), and its flags. What depends on the root's contents, such as
a symbolic link or an empty /tmp, is settled when the bundle boots.
`, `  nsboot plan
  nsboot --profile oci plan --bundle /srv/web
  nsboot plan --format json > web.plan
`
	case "do":
		return `The command sees this machine's files and may change them all; when it ends,
the changes are gone. Only what it writes below a --rw PATH stays. /proc, /sys
and /dev are the machine's own, with the disks in /dev masked. A file system
that cannot be layered is read-only; --debug lists those. The command gets
descriptors 0, 1 and 2, and no other.

This is a safety net, not a sandbox: a command run as root that goes for the
disk on purpose, by mounting it or through /proc/1/root, still gets there.
`, `  nsboot do
  sudo nsboot do -- sh -c 'apt-get -y remove python3; python3 --version'
  sudo nsboot do --rw ~/out -- sh -c 'make install && cp result ~/out'
`
	case "mount":
		return `For scripts that chroot or copy. The tree appears on TARGET at once, with the
procfs of the caller, and stays until nsboot umount. Mount points that it needs
in a writable root are made there and removed by umount. Boots of the bundle
leave them alone as long as they start where the mount is visible.
`, `  sudo nsboot mount --bundle /srv/web /mnt
  sudo chroot /mnt /bin/sh
  sudo nsboot umount /mnt
`
	case "umount":
		return `Takes down the tree with all that is mounted below it. Processes inside keep it
until they end. What nsboot did not mount is refused; that nothing is mounted
there is no error.
`, `  sudo nsboot umount /mnt
`
	case "spec":
		return `Writes config.json to the current directory: a shell in a read-only root. One
that is there already is not overwritten.
`, `  mkdir rootfs && nsboot spec
  nsboot spec --rootfs /srv/debian && sudo nsboot run
`
	case "completion":
		return "", `  source <(nsboot completion bash)
  nsboot completion zsh > "${fpath[1]}/_nsboot"
  nsboot completion fish > ~/.config/fish/completions/nsboot.fish
`
	}
	if text, examples = viewText(name); text != "" {
		return text, examples
	}
	return lifecycleText(name)
}

// noArguments refuses words that a command has no use for.
func noArguments(fs *pflag.FlagSet, hint string) error {
	if fs.NArg() == 0 {
		return nil
	}
	return &usageError{msg: fmt.Sprintf("%s: unexpected argument %q", fs.Name(), fs.Arg(0)), hint: hint}
}
