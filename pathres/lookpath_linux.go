package pathres

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// LookPath finds the executable name in the container's tree, by the rules of
// section 5 (E1 to E9), and returns its path inside the root: as it is if absolute,
// joined to cwd if it has a slash, else the first match in env's PATH. Do this
// before the root is switched, and exec the path after.
//
// A magic link anywhere on the way is refused in every profile, for the executable
// and, up to five levels deep, for the interpreters that scripts name: what
// /proc/self/exe leads to is our own binary (CVE-2019-5736). An interpreter that is
// missing is no error here, exec will say so.
//
// The error is a *[LookError].
func LookPath(r Root, name, cwd string, env []string, rules LookRules) (string, error) {
	if cwd == "" {
		cwd = "/"
	}
	q := rules.plan(name, cwd, env)
	found, err := q.direct, error(nil)
	if found != "" {
		err = judgeDirect(probe(r, found))
	} else {
		found, err = search(r, q.candidates, rules)
	}
	if err == nil {
		err = checkInterpreters(r, found, cwd)
	}
	if err != nil {
		return "", &LookError{Name: name, Cwd: cwd, Path: q.list, Err: err}
	}
	return found, nil
}

// search probes the candidates in order.
func search(r Root, candidates []string, rules LookRules) (string, error) {
	last := error(unix.ENOENT)
	for _, c := range candidates {
		verdict, err := rules.judge(probe(r, c))
		switch verdict {
		case Accept:
			return c, nil
		case Abort:
			return "", err
		case Remember:
			last = unix.EACCES
		}
	}
	return "", last
}

// probe looks at one path.
func probe(r Root, p string) finding {
	fd, err := open(r, p, unix.O_PATH)
	if err != nil {
		return finding{err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return finding{err: &PathError{Op: "stat", Path: p, Err: err}}
	}
	return finding{
		dir:     st.Mode&unix.S_IFMT == unix.S_IFDIR,
		regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
		read:    st.Mode&0o444 != 0,
		exec:    st.Mode&0o111 != 0,
	}
}

// open is Root.Open with ELOOP told apart: the walk knows a magic link from a loop.
func open(r Root, p string, flags int) (int, error) {
	fd, err := r.Open(p, flags, false)
	if errors.Is(err, unix.ELOOP) {
		if _, why := r.Lookup(p, false); why != nil {
			err = why
		}
	}
	return fd, err
}

// checkInterpreters follows "#!" lines from p on, and refuses a magic link among
// the interpreters. All else that may be wrong with them is exec's to say.
func checkInterpreters(r Root, p, cwd string) error {
	for range scriptDepth {
		f := probe(r, p)
		head, err := []byte(nil), f.err
		if f.regular {
			head, err = readHead(r, p)
		}
		if errors.Is(err, ErrMagicLink) {
			return fmt.Errorf("a script's interpreter: %w", err)
		}
		interp := interpreter(head)
		if err != nil || interp == "" {
			return nil
		}
		if p = interp; !path.IsAbs(p) {
			p = cwd + "/" + p
		}
	}
	return nil
}

// readHead reads as much of a regular file as the kernel does to see what it is.
func readHead(r Root, p string) ([]byte, error) {
	// O_NONBLOCK: a FIFO may come in between the look and the open.
	fd, err := open(r, p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, err
	}
	buf := make([]byte, scriptHead)
	n, err := unix.Pread(fd, buf, 0)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}
