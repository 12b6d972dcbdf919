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
	}
	return "", ""
}
