package main

// viewText is commandText of the commands that look at file systems.
func viewText(name string) (text, examples string) {
	switch name {
	case "view":
		return `Prints, in one order, what this process gets: its ids, capabilities and
descriptors, which executables PATH leads to, the mounts, what can be done at
each mount point, and the tree at each PATH, / if none is named. Times, inode
numbers and all that changes from one look to the next are left out, so that two
views can be compared.

What can be done is tried, in a directory of an unlikely name that is removed
again; --no-probe tries nothing. Of proc, sysfs and cgroup the top is listed.
A path that cannot be looked at is a line that says so, no failure. The binary
is static: bind it into any container and run it there.
`, `  nsboot view
  nsboot view --no-probe --json / > before.json
  docker run --rm -v /usr/local/bin/nsboot:/nsboot:ro debian /nsboot view --json > debian.json
`
	case "compare":
		return `Boots the bundle under nsboot and under each COMMAND, one after the other, with
nsboot view as the process, and shows what differs, by mount point: known is what
a row of DIVERGENCES.md explains, different is what none does. With two files it
compares views that nsboot view --json wrote.

With --time each runtime also measures small operations on files, in turns.

The exit code is 0 if nothing is different, 1 if something is, 2 if a runtime
failed. Where the config lets it, things are tried in directories of the host and
removed again; --no-probe tries nothing. The bundle is left as it was.
`, `  sudo nsboot compare
  sudo nsboot compare --time --html report.html
  sudo nsboot --profile oci compare --with runc --with 'crun --debug' --bundle /srv/web
  nsboot compare yesterday.json today.json
`
	}
	return "", ""
}
