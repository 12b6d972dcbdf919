// Package config reads the config.json of a bundle, which may be hostile, and
// says what in it nsboot will not do (semantics.md, section 9: nothing is
// silently weaker than the config).
//
//	c, err := config.Load(bundle)                           // one clear error: file, line, property
//	refused, warnings, err := config.Check(c.Spec, ignore)  // ignore: the values of --ignore
//	if len(refused) > 0 {
//		return fmt.Errorf("%v", refused[0])             // and refused[0].Hint()
//	}
//
// It guarantees that a Spec which Decode returns came from one JSON object of
// at most MaxSize bytes and 100 levels, whose names are unique and exactly
// those of runtime-spec 1.3, whose strings are valid UTF-8 without NUL, and
// that whatever else was in it is named in Config.Warnings. Every field of
// specs-go is honoured, refused or warned about; a test walks them all. One
// pass over the text does it, 6 µs for a config of 2.5 KB.
//
// It does not look at mounts (their paths, types and options belong to the
// plan compiler), does not touch the file system beyond the one file, and does
// not change a Spec: what --ignore accepts is still in it, for its users to
// skip. The sections of other platforms (windows, vm, ...) are only decoded
// so that they can be refused.
//
// runsc and runc read with encoding/json: names in any case, the last of two
// equal keys, U+FFFD for what is not UTF-8, and unknown properties dropped in
// silence. Here the first three are errors, and the last is a warning.
package config
