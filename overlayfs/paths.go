package overlayfs

import (
	"fmt"
	"strings"
)

// PathList is the layers of an overlay as the options of a mount name them.
type PathList struct {
	Lower []string `json:"lower"` // the top one first
	Upper string   `json:"upper,omitempty"`
	Work  string   `json:"work,omitempty"`
}

// ParseOptions takes the layers out of the options of an overlay, one
// "key=value" or "key" an entry, and returns the others as they are. lowerdir=
// is a list with colons between, upperdir= and workdir= are one path; in all
// three a backslash takes the meaning of the character behind it, as with
// mount(2). lowerdir+= is one more lower layer, to the letter. What the kernel
// would not take is an error: see [PathList.Check].
func ParseOptions(options []string) (*PathList, []string, error) {
	var l PathList
	var rest []string
	once := func(field *string, key, value string) error {
		if *field != "" {
			return fmt.Errorf("%s is there twice", key)
		}
		if *field = unescape(value); *field == "" {
			return fmt.Errorf("%s names no directory", key)
		}
		return nil
	}
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		var err error
		switch key {
		case "lowerdir":
			if len(l.Lower) > 0 {
				err = fmt.Errorf("lowerdir is there twice")
				break
			}
			l.Lower, err = splitLower(value)
		case "lowerdir+":
			l.Lower = append(l.Lower, value)
		case "upperdir":
			err = once(&l.Upper, key, value)
		case "workdir":
			err = once(&l.Work, key, value)
		case "datadir+":
			err = fmt.Errorf("%s: layers of data alone are not taken", key)
		default:
			rest = append(rest, o)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if err := l.Check(); err != nil {
		return nil, nil, err
	}
	return &l, rest, nil
}

// Options gives the list as options again, of a form that [ParseOptions] reads.
func (l *PathList) Options() []string {
	out := make([]string, 0, len(l.Lower)+2)
	for _, p := range l.Lower {
		out = append(out, "lowerdir+="+p)
	}
	if l.Upper != "" {
		escape := strings.NewReplacer(`\`, `\\`)
		out = append(out, "upperdir="+escape.Replace(l.Upper), "workdir="+escape.Replace(l.Work))
	}
	return out
}

// Check says what is wrong with the list, as far as it can be said without
// asking the kernel: no layers, more than [MaxLower], one without a name, an upper
// without a work directory.
func (l *PathList) Check() error {
	for i, p := range l.Lower {
		if p == "" {
			return fmt.Errorf("lower layer %d of %d has no name", i+1, len(l.Lower))
		}
		if strings.IndexByte(p, 0) >= 0 {
			return fmt.Errorf("lower layer %d of %d: NUL byte in %q", i+1, len(l.Lower), p)
		}
	}
	switch {
	case strings.IndexByte(l.Upper+l.Work, 0) >= 0:
		return fmt.Errorf("NUL byte in upperdir or workdir")
	case len(l.Lower) == 0:
		return fmt.Errorf("no lowerdir: an overlay needs at least one lower layer")
	case len(l.Lower) > MaxLower:
		return fmt.Errorf("%d lower layers: the limit is %d", len(l.Lower), MaxLower)
	case l.Upper != "" && l.Work == "":
		return fmt.Errorf("upperdir without workdir: it needs an empty directory beside it")
	case l.Upper == "" && l.Work != "":
		return fmt.Errorf("workdir without upperdir")
	case l.Upper != "" && l.Upper == l.Work:
		return fmt.Errorf("upperdir and workdir are the same directory, %s", l.Upper)
	case l.Upper == "" && len(l.Lower) == 1:
		return fmt.Errorf("a single lowerdir and no upperdir: the kernel merges two or more; a read-only bind shows one")
	}
	return nil
}

// splitLower reads the value of lowerdir=.
func splitLower(list string) ([]string, error) {
	var out []string
	var layer []byte
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == ':' && i+1 < len(list) && list[i+1] == ':':
			return nil, fmt.Errorf("lowerdir: layers of data alone (those behind ::) are not taken")
		case c == ':':
			out = append(out, string(layer))
			layer = layer[:0]
		case c == '\\' && i+1 < len(list):
			i++
			layer = append(layer, list[i])
		default:
			layer = append(layer, c)
		}
	}
	return append(out, string(layer)), nil
}

// unescape takes the backslashes out of a path.
func unescape(path string) string {
	if strings.IndexByte(path, '\\') < 0 {
		return path
	}
	var out []byte
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+1 < len(path) {
			i++
		}
		out = append(out, path[i])
	}
	return string(out)
}
