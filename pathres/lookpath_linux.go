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
// /proc/self/exe leads to is our own binary (CVE-2019-5736); so it is for the
// loader that a program names. An interpreter that is
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

// checkInterpreters follows "#!" lines from p on to the loader of the last, and
// refuses a magic link among them. All else that may be wrong with them is
// exec's to say.
func checkInterpreters(r Root, p, cwd string) error {
	for range scriptDepth {
		next, isScript, err := interpreterOf(r, p)
		if err != nil || next == "" {
			return err
		}
		if p = next; !path.IsAbs(p) {
			p = cwd + "/" + p
		}
		what := "a script's interpreter"
		if !isScript {
			what = "the program's loader"
		}
		// The procfs of the pid namespace to come has no self for who looks from
		// here, so what openat2 says is not enough: the walk knows such a link.
		if _, err := r.Lookup(p, false); errors.Is(err, ErrMagicLink) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if !isScript {
			return nil // the kernel asks no loader for its own
		}
	}
	return nil
}

// interpreterOf returns what the kernel executes instead of p: the interpreter
// of a script, the loader of a program; "" if there is none, or p is no regular
// file. Of errors only a magic link counts.
func interpreterOf(r Root, p string) (next string, isScript bool, err error) {
	f := probe(r, p)
	if !f.regular {
		if errors.Is(f.err, ErrMagicLink) {
			err = f.err
		}
		return "", false, err
	}
	// O_NONBLOCK: a FIFO may come in between the look and the open.
	fd, err := open(r, p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		if errors.Is(err, ErrMagicLink) {
			return "", false, err
		}
		return "", false, nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", false, nil
	}
	head := pread(fd, 0, elfHead)
	if next := interpreter(head); next != "" {
		return next, true, nil
	}
	return loaderPath(func(off int64, n int) []byte {
		if off >= 0 && off+int64(n) <= int64(len(head)) {
			return head[off : off+int64(n)]
		}
		return pread(fd, off, n)
	}), false, nil
}

// pread reads n bytes at off, or as many as there are.
func pread(fd int, off int64, n int) []byte {
	buf := make([]byte, n)
	got, err := unix.Pread(fd, buf, off)
	if err != nil {
		return nil
	}
	return buf[:got]
}
