// Package tmpdetect decides whether /tmp may be covered by a tmpfs (rules T1 to
// T10).
//
//	found, err := tmpdetect.Probe(root, "/tmp")
//	if err != nil { ... }
//	action, err := tmpdetect.Decide(tmpdetect.RuleRunsc(), found)
//	if err != nil { ... }
//	if action == tmpdetect.Cover { /* mount a tmpfs of mode RuleRunsc().Mode */ }
//
// [Probe] says what is there and [Decide] what a profile's [Rule], plain data,
// makes of it. Two rules are decided before, from the list of mounts alone: a spec
// that mounts /tmp itself gets that and nothing more (T1), and /tmp with a submount
// below it counts as [Occupied] whatever it holds (T5); hand that to Decide without
// a Probe.
//
// # What it guarantees
//
//   - The path is resolved inside the root, by descriptor; a link never leads to
//     the host's /tmp.
//   - Nothing is created or changed.
//   - The directory is read only until its third entry, '.' and '..' being the first
//     two: a /tmp of a million files costs what one of three does.
//
// # What it does not
//
//   - Hold the answer: whoever can write in the directory can fill it right after.
//   - Keep a file system from reading more than it is asked for: a merged overlay
//     directory is read whole by the kernel when its first entry is.
//   - Say where a link leads; pathres.Root.Lookup does.
//
// # Where it differs from runsc
//
// runsc-2018 covers a regular file at /tmp with a directory. The host kernel cannot,
// so that is an error here (T9, D2).
package tmpdetect
