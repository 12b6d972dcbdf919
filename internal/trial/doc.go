// Package trial runs one bundle under one OCI runtime after the other, with a
// program of its own as the process, and leaves the bundle as it was.
//
//	t, err := trial.New("/srv/web", "/proc/self/exe")
//	defer t.Close()
//	end := t.Run(ctx, trial.Runtime{Name: "runc", Argv: []string{"runc"}}, trial.Job{Args: []string{"view", "--json"}, Out: out})
//
// The bundle's config.json is copied to a scratch directory with the process's
// arguments changed and one mount added, the program itself, at a path that the
// bundle does not use.
//
// # What it guarantees
//
//   - The bundle holds afterwards what it held before: mount points that a runtime
//     made on the host are removed if they are empty, the times of the directories
//     they were in are put back, and config.json is never written.
//   - A cancelled context ends the runtime, by SIGTERM and then by its delete
//     --force and SIGKILL; nothing is left of the scratch directory, nor a cgroup of
//     the container's.
//   - All that a config says beside that stays as it is, also what this build does
//     not know.
//
// # What it does not
//
//   - After SIGKILL of itself, the scratch directory stays, and the mount points
//     stay as they stay after any run of that runtime.
//   - It does not keep a bundle's hooks from running, nor the process from writing
//     where the config lets it.
//
// # Where it differs from runsc
//
// In nothing: runsc is one of the runtimes that it runs.
package trial
