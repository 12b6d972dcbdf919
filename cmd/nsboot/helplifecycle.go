package main

// lifecycleText is commandText of the commands for containers that outlive a
// command.
func lifecycleText(name string) (text, examples string) {
	switch name {
	case "create":
		return `Does all that nsboot run does but start the program: everything is mounted, the
root is switched, and a process waits for nsboot start. It has descriptors 0, 1
and 2 of nsboot, is reparented to the nearest subreaper when nsboot ends, and
lives until nsboot delete --force. A create that fails leaves nothing.

With process.terminal it has a terminal of its own instead, whose other side
goes to --console-socket.

Standard error is the process's too. Where an engine reads it from a pipe, a
warning is written only if create fails; --log FILE gets it in any case.

Of a tree handed over detached (--source-fds) nothing says where it is: one that
is writable must have every mount point.
`, `  sudo nsboot create --bundle /srv/web --pid-file /run/web.pid web
  sudo nsboot --root /run/mine create web < /dev/null > web.log 2>&1
`
	case "start":
		return `Returns once the program runs. If it cannot be started the exit code is 126 or
127, as that of nsboot run, and the container is stopped.
`, `  sudo nsboot start web
`
	case "exec":
		return `The process gets the container's namespaces, root, user and environment unless
told otherwise, descriptors 0, 1 and 2 of nsboot, and its exit code is passed on.
All that stands after ID is the command. With --tty, or terminal in the process
of --process, it has a terminal of its own, as with nsboot run, or, if it goes to
--console-socket, as with nsboot create.
`, `  sudo nsboot exec web sh -c 'ls /'
  sudo nsboot exec --tty web sh
  sudo nsboot exec --user 1000:1000 --env HOME=/tmp web id
  sudo nsboot exec --detach --pid-file job.pid --process job.json web
`
	case "state":
		return `The document is runtime-spec's. Its status is creating, created, running,
paused or stopped; pid is left at 0 for a stopped container.
`, `  sudo nsboot state web
`
	case "kill":
		return `SIGNAL is a name, with SIG or without it, or a number. It goes to the
container's own process, or with --all to each that lives in the container. A
signal for a stopped container is an error, but not with --all.
`, `  sudo nsboot kill web
  sudo nsboot kill web HUP
  sudo nsboot kill --all web KILL
`
	case "pause", "resume":
		return `Freezes or thaws all processes in the container's cgroup; it needs one of its
own. A paused container's status is paused. Killed, it is thawed.
`, `  sudo nsboot pause web
  sudo nsboot resume web
`
	case "update":
		return `Sets the limits that are named in a linux.resources object of config.json and
leaves the others as they are. Device rules are set all anew. The container needs
a cgroup of its own.
`, `  sudo nsboot update --resources limits.json web
  echo '{"pids": {"limit": 100}}' | sudo nsboot update --resources - web
`
	case "delete":
		return `Forgets a stopped container and removes the mount points that it needed on the
host. With --force one that runs is killed first, what a killed nsboot left is
cleaned up, and a container that is gone is no error.
`, `  sudo nsboot delete web
  sudo nsboot delete --force web
`
	case "list":
		return `What stands there is asked of the machine at that moment: a container whose
process has ended is stopped, whoever ended it.
`, `  sudo nsboot list
  sudo nsboot list --format json
  sudo nsboot list -q | xargs -n 1 sudo nsboot delete --force
`
	case "ps":
		return `The pids are those of the caller. With --format json they are an array.
`, `  sudo nsboot ps web
  sudo nsboot ps --format json web
`
	case "features":
		return `The document is runtime-spec's, and what the profile makes of it: mountOptions
are those that are honoured. What this build does not do is there as false.
`, `  nsboot features
  nsboot --profile oci features
`
	case "verify":
		return `Exits with 0 if the container's mount table is what its plan says, else with 1
and a line for each mount that is missing, hidden by another, extra, looser (rw
for ro, nosuid lost, another propagation) or other (its type, its source's file
system, what it is mounted on). A mount that is stricter than planned is none.
`, `  sudo nsboot verify web
  sudo nsboot verify --format json web
`
	}
	return "", ""
}
