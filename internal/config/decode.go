package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	// MaxSize is the largest config.json that is read, in bytes.
	MaxSize = 10 << 20

	maxDepth    = 100     // levels of objects and lists
	maxEntries  = 1 << 18 // entries of one list: bounds the memory that a file of MaxSize can ask for
	maxUnknown  = 20      // unknown properties named one by one
	maxKeyShown = 64      // bytes of a key shown in a path
)

// Config is what a config.json says.
type Config struct {
	// Spec holds every property that runtime-spec 1.3 defines.
	Spec *specs.Spec
	// Warnings names, one line each, the properties that it does not define.
	// The specification asks runtimes to ignore those; nothing is dropped
	// without being named here.
	Warnings []string
}

// Decode reads the text of a config.json. Errors name the property, the line,
// the column (in bytes, from 1) and the byte offset (from 0).
//
// It is stricter than encoding/json: property names match exactly, keys are
// unique, strings are valid UTF-8 without NUL, lists hold no null, and nothing
// follows the object. What it accepts, encoding/json reads as the same value.
//
// It exists because encoding/json spends 0.5 ms on preparing the types of
// specs.Spec, which is half of a boot.
func Decode(data []byte) (*Config, error) {
	d := &decoder{src: string(data)}
	if strings.TrimLeft(d.src, " \t\r\n") == "" {
		return nil, errors.New("the file is empty")
	}
	if strings.HasPrefix(d.src, "\xef\xbb\xbf") {
		return nil, errors.New("the file starts with a byte order mark (UTF-8 BOM): JSON has none")
	}
	spec := new(specs.Spec)
	d.path = make([]frame, 0, 8)
	object(d, spec, specFields)
	if d.err == nil {
		d.skipSpace()
		if d.pos < len(d.src) {
			d.fail(d.pos, "data after the end of the configuration")
		}
	}
	if d.err == nil {
		d.err = checkVersion(spec.Version)
	}
	if d.err != nil {
		return nil, d.err
	}
	if n := d.unknown - maxUnknown; n > 0 {
		d.warnings = append(d.warnings, fmt.Sprintf("%d more unknown properties; ignored", n))
	}
	return &Config{Spec: spec, Warnings: d.warnings}, nil
}

// decoder walks the text once. The first error sticks: every method is a
// no-op after it.
type decoder struct {
	src      string
	pos      int
	depth    int
	path     []frame
	warnings []string
	unknown  int
	err      error
}

// frame is one step of a path: a key, or an index where key is not used.
type frame struct {
	key   string
	index int // -1 for a key
}

// fail records the first error: where, what is being read, and what is wrong.
func (d *decoder) fail(at int, format string, args ...any) {
	if d.err != nil {
		return
	}
	line, col := d.lineColumn(at)
	msg := fmt.Sprintf(format, args...)
	if p := d.where(); p != "" {
		msg = p + ": " + msg
	}
	d.err = fmt.Errorf("line %d, column %d (byte %d): %s", line, col, at, msg)
}

func (d *decoder) lineColumn(at int) (line, col int) {
	before := d.src[:at]
	return 1 + strings.Count(before, "\n"), at - strings.LastIndexByte(before, '\n')
}

// where renders the current path as mounts[3].options[1].
func (d *decoder) where() string {
	var b strings.Builder
	for _, f := range d.path {
		switch {
		case f.index >= 0:
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(f.index))
			b.WriteByte(']')
		case plainKey(f.key):
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(f.key)
		default:
			b.WriteByte('[')
			b.WriteString(quote(f.key))
			b.WriteByte(']')
		}
	}
	return b.String()
}

func plainKey(s string) bool {
	if s == "" || len(s) > maxKeyShown {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// quote makes a string of the config safe to print, and short.
func quote(s string) string {
	if len(s) > maxKeyShown {
		return strconv.Quote(s[:maxKeyShown]) + "..."
	}
	return strconv.Quote(s)
}

// checkVersion accepts semantic versions 1.x.y, pre-releases and build
// metadata included.
func checkVersion(v string) error {
	if v == "" {
		return errors.New("ociVersion is missing")
	}
	core, build, hasBuild := strings.Cut(v, "+")
	core, pre, hasPre := strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	ok := len(parts) == 3 && (!hasPre || identifiers(pre)) && (!hasBuild || identifiers(build))
	for _, p := range parts {
		ok = ok && p != "" && len(p) < 10 && strings.Trim(p, "0123456789") == "" && (p == "0" || p[0] != '0')
	}
	switch {
	case !ok:
		return fmt.Errorf("ociVersion %s is not a version of the form 1.x.y", quote(v))
	case parts[0] != "1":
		return fmt.Errorf("ociVersion %s is not supported: this build reads 1.x.y", quote(v))
	}
	return nil
}

// identifiers says whether s is a dotted list as semver allows after - and +.
func identifiers(s string) bool {
	for s != "" {
		part, rest, more := strings.Cut(s, ".")
		if part == "" || !plainKey(part) || strings.Contains(part, "_") || more && rest == "" {
			return false
		}
		if !more {
			return true
		}
		s = rest
	}
	return false
}
