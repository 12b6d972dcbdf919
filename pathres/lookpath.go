package pathres

import (
	"errors"
	"path"
	"strings"
	"syscall"
)

// Verdict is what the search for an executable does with one element of PATH.
type Verdict uint8

const (
	// Abort ends the search with the element's error.
	Abort Verdict = iota
	// Next goes on; if nothing is found anywhere the answer is ENOENT.
	Next
	// Remember goes on; if nothing is found anywhere the answer is EACCES.
	Remember
	// Accept takes what was found, and leaves the complaint to exec.
	Accept
)

// LookRules are the rules E1 to E8 of one profile, as data. [RulesRunsc] and its
// like return those of the four profiles.
type LookRules struct {
	// CleanName: the name is cleaned before it is looked at, so that './prog' is
	// the bare name 'prog' (E1, E2).
	CleanName bool
	// FirstPATH: the first PATH= of the environment counts, else the last (E3).
	FirstPATH bool
	// RelativeFromRoot: relative and empty elements of PATH are taken from '/',
	// else they are skipped (E4).
	RelativeFromRoot bool
	// WarnSkipped: what is skipped is warned of (E4; see [SkippedElements]).
	WarnSkipped bool

	// What an element does that cannot be reached (E5, E6); any other errno is
	// Abort.
	NotExist Verdict // ENOENT
	Denied   Verdict // EACCES
	NotDir   Verdict // ENOTDIR
	Loop     Verdict // ELOOP
	Stale    Verdict // ESTALE, ENODEV, ETIMEDOUT: a file system that does not answer

	// Unusable is a file without any read bit or without any execute bit, or a
	// device, FIFO or socket (E7).
	Unusable Verdict
	// Directory is a directory of that name (E8).
	Directory Verdict
}

// RulesRunsc2018 are the rules of profile runsc-2018.
func RulesRunsc2018() LookRules {
	r := RulesRunsc2019()
	r.CleanName = true
	return r
}

// RulesRunsc2019 are the rules of profile runsc-2019.
func RulesRunsc2019() LookRules {
	return LookRules{
		FirstPATH: true, RelativeFromRoot: true,
		NotExist: Next, Denied: Next, NotDir: Abort, Loop: Abort, Stale: Abort,
		Unusable: Next, Directory: Accept,
	}
}

// RulesRunsc are the rules of profile runsc. A directory counts as EACCES if
// nothing better is found, as it does there.
func RulesRunsc() LookRules {
	return LookRules{
		NotExist: Next, Denied: Remember, NotDir: Next, Loop: Abort, Stale: Next,
		Unusable: Remember, Directory: Remember,
	}
}

// RulesOCI are the rules of profile oci.
func RulesOCI() LookRules {
	return LookRules{
		WarnSkipped: true,
		NotExist:    Next, Denied: Next, NotDir: Next, Loop: Next, Stale: Next,
		Unusable: Remember, Directory: Next,
	}
}

// LookError says which executable was looked for, and where (E9).
type LookError struct {
	Name string // as args[0] has it
	Cwd  string
	Path string // the value of PATH that was searched; unused if Name has a slash
	Err  error  // ends in an errno: ENOENT, EACCES, ELOOP, ...
}

// Error is one line; PATH is named only where it was searched.
func (e *LookError) Error() string {
	s := "finding executable " + show(e.Name) + " (cwd " + show(e.Cwd)
	if !strings.Contains(e.Name, "/") {
		s += ", PATH=" + show(e.Path)
	}
	return s + "): " + e.Err.Error()
}

// Unwrap returns Err, so that a caller can tell 'not found' (127) from 'found, not
// executable' (126) with errors.Is.
func (e *LookError) Unwrap() error { return e.Err }

// SkippedElements returns the elements of PATH that the search for name by these
// rules skips because they are relative, where the rules want that warned of (E4).
// A name with a slash is not searched for.
func SkippedElements(name string, env []string, rules LookRules) []string {
	list, ok := pathOf(env, rules.FirstPATH)
	if !ok || !rules.WarnSkipped || strings.Contains(name, "/") {
		return nil
	}
	var skipped []string
	for _, e := range strings.Split(list, ":") {
		if !path.IsAbs(e) {
			skipped = append(skipped, e)
		}
	}
	return skipped
}

// pathOf returns the PATH that counts (E3).
func pathOf(env []string, first bool) (list string, ok bool) {
	for _, e := range env {
		if v, is := strings.CutPrefix(e, "PATH="); is {
			list, ok = v, true
			if first {
				break
			}
		}
	}
	return list, ok
}

// query is what is to be probed for a name: one direct path, or candidates in
// order.
type query struct {
	direct     string
	candidates []string
	list       string // PATH's value
}

// plan turns a name into what is to be probed (E1 to E4).
func (r LookRules) plan(name, cwd string, env []string) query {
	if r.CleanName && name != "" {
		name = path.Clean(name)
	}
	switch {
	case name == "":
		return query{}
	case path.IsAbs(name):
		return query{direct: name}
	case strings.Contains(name, "/"):
		return query{direct: path.Join("/", cwd, name)}
	}
	var q query
	list, ok := pathOf(env, r.FirstPATH)
	if !ok {
		return q
	}
	q.list = list
	for _, e := range strings.Split(list, ":") {
		if path.IsAbs(e) || r.RelativeFromRoot {
			q.candidates = append(q.candidates, path.Join("/", e, name))
		}
	}
	return q
}

// finding is what probing one path gave: err if it was not reached, else what it
// is.
type finding struct {
	err          error
	dir, regular bool
	// read and exec: any such bit in the mode.
	read, exec bool
}

// judge decides about one candidate (E5 to E8); err is what Abort reports.
func (r LookRules) judge(f finding) (Verdict, error) {
	switch {
	case f.err == nil && f.dir:
		return r.Directory, errDirectory
	case f.err == nil && f.read && f.exec && f.regular:
		return Accept, nil
	case f.err == nil:
		return r.Unusable, syscall.EACCES
	case errors.Is(f.err, ErrMagicLink):
		return Abort, f.err
	}
	var errno syscall.Errno
	errors.As(f.err, &errno)
	switch errno {
	case syscall.ENOENT:
		return r.NotExist, f.err
	case syscall.EACCES:
		return r.Denied, f.err
	case syscall.ENOTDIR:
		return r.NotDir, f.err
	case syscall.ELOOP:
		return r.Loop, f.err
	case syscall.ESTALE, syscall.ENODEV, syscall.ETIMEDOUT:
		return r.Stale, f.err
	}
	return Abort, f.err
}

// judgeDirect decides about a name with a slash, where only exec's own errors
// count: it needs no read bit.
func judgeDirect(f finding) error {
	switch {
	case f.err != nil:
		return f.err
	case f.dir:
		return errDirectory
	case !f.regular:
		return reasonError{"it is not a regular file", syscall.EACCES}
	case !f.exec:
		return reasonError{"no execute bit is set", syscall.EACCES}
	}
	return nil
}

var errDirectory error = reasonError{"it is a directory", syscall.EACCES}
