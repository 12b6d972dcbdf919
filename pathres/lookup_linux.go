package pathres

// Found says where a path leads inside the root.
type Found struct {
	// Path is the resolved path: absolute, clean, without links as far as it
	// exists.
	Path string
	// Existing is the deepest part of Path that exists; equal to Path when all of
	// it does.
	Existing string
	// Mode, Dev and Ino are st_mode, st_dev and st_ino of Existing.
	Mode     uint32
	Dev, Ino uint64
}

// Exists reports whether the whole path exists.
func (f Found) Exists() bool { return f.Path == f.Existing }

// Lookup walks path inside the root and says where it leads and how far it
// exists. It changes nothing. A relative path starts at the root, the last
// component is followed too, and a dangling link leads to where its text points
// (P1, P2). noLinks refuses any link with ELOOP (P1 of runsc-2019).
//
// The error is a *[PathError] that names the component to blame: ENOTDIR for
// something below what is not a directory (S6), ELOOP after 40 links (P3),
// [ErrMagicLink], EINVAL for a NUL byte.
func (r Root) Lookup(path string, noLinks bool) (Found, error) {
	w, err := newWalker(r, "lookup", path, noLinks)
	if err != nil {
		return Found{}, err
	}
	defer w.close()
	missing, err := w.run()
	if err != nil {
		return Found{}, err
	}
	st := &w.top().st
	return Found{
		Path:     w.resolved(missing...),
		Existing: w.resolved(),
		Mode:     st.Mode,
		Dev:      uint64(st.Dev),
		Ino:      st.Ino,
	}, nil
}
