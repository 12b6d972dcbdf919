// Package parity boots the same small bundles under nsboot, in each of its
// profiles, and compares what their processes saw and what changed on the host
// with what the profile's oracle did. It holds no importable code: the cases are
// data in testdata/cases, the runner is the package's test.
//
//	cd tests/parity && go test -count=1 -live               # everything, as make parity does; the summary is on stdout
//	go test ./tests/parity -count=1 -v                      # the recorded answers and the rules alone
//	go test ./tests/parity -run 'TestParity/runsc-2019/72'  # one case in one profile
//	go test ./tests/parity -subject=runc -v                 # how another runtime scores
//	go test ./tests/parity -update                          # rewrite the listed divergences' answers
//
// # A case
//
// A case is a text file: a sentence, `key: value` lines (rules, root, overlay,
// standard, cwd, env, args, flags), and sections:
//
//	-- tree --             what differs from the base bundle: dir, file, link, remove, busybox, tmpfs
//	-- mounts --           SOURCE DESTINATION TYPE OPTIONS, as in fstab; "" is empty, - is nothing at all
//	-- config --           JSON merged over config.json; null removes a field
//	-- probe --            what the container's shell runs, in the words of testdata/probe.sh
//	-- recorded PROFILE -- what the profile's oracle did
//	-- rule PROFILE --     what the rules say, where no oracle was recorded
//	-- nsboot PROFILE --   what nsboot does instead: one of testdata/divergences
//
// Answers start with `boots` or `fails`; then the probe's lines in order, and
//
//	host: + PATH ...  an entry that the host has afterwards (- one that it had)
//	left: PATH ...    a mount point that the oracle left; it may be there, it need not
//	says: TEXT        stderr contains TEXT (nsboot only; error texts are not compared)
//
// A rule's answer must be met to the letter (the word * is any word); a recorded one
// `loosely`, file modes aside, and the summary says how many are met strictly too.
//
// # What it guarantees
//
// A case either agrees or differs exactly as its `nsboot` section says: a
// divergence that has gone away fails the test as a new one does. Beyond the
// answers, every nsboot boot is held to the standing rules: a boot that fails
// leaves nothing, a read-only or overlaid root gains nothing, no mount stays.
// All boots happen on a tmpfs in a mount namespace of their own, so nothing of
// the machine is written.
//
// # What it does not
//
// It does not compare error texts, mount tables or timing, and live oracles never
// fail it: the versions installed are not the recorded ones, so their agreement
// is printed as numbers, with the names of the cases that differ.
//
// # Where it differs from runsc
//
// In nothing of its own: each difference is a row of testdata/divergences, which
// names the row of DIVERGENCES.md.
package parity
