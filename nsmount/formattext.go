package nsmount

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// stubsText says where missing mount points are made (S1, S5).
func stubsText(s *Step) string {
	switch {
	case s.Overlay != nil, s.Layers != nil:
		return "missing ones come from the stub layer: none is made on the host (S1 S5)"
	case slices.Contains(s.Flags, "ro") || slices.Contains(s.Flags, "rro"):
		return "if any is missing: an overlay with a stub layer below; none is made on the host (S1 S5)"
	}
	return "missing ones are made in " + printable(s.Source) + ", and removed afterwards (S5)"
}

// what says in a few words what is mounted.
func (f *formatter) what(s *Step) string {
	switch s.Op {
	case OpRoot, OpBind:
		return f.bindText(s)
	case OpShared:
		return "the pod's " + printable(s.Source) + " (" + s.Type + ")"
	case OpDev:
		return "private /dev (tmpfs)"
	case OpCgroup:
		return s.Type + ": the process's own"
	case OpTmp:
		return "tmpfs, " + f.tmpText(s)
	case OpStub:
		if s.Origin == originCwd {
			return "made if missing"
		}
		return "mount point only"
	case OpConsole:
		return "the terminal of the process"
	case OpLink:
		return "link to " + printable(s.Source)
	case OpRemount:
		return "other flags for what is mounted"
	case OpNodes:
		return "default devices and links, made if missing"
	}
	if s.CopyUp {
		return "tmpfs, a copy of what is there"
	}
	if s.Source != "" && s.Source != s.Type {
		return printable(s.Type) + " " + printable(s.Source)
	}
	return printable(s.Type)
}

// ownersText says how the ids of a mount are mapped.
func ownersText(s *Step) []string {
	words := func(list []IDMap) []string {
		out := make([]string, len(list))
		for i, r := range list {
			out[i] = fmt.Sprintf("%d:%d:%d", r.ContainerID, r.HostID, r.Size)
		}
		return out
	}
	lead := "idmap"
	if s.IDMap.Recursive {
		lead = "ridmap"
	}
	return append(wrap(lead+" users: ", words(s.IDMap.UIDs), 90), wrap(lead+" groups: ", words(s.IDMap.GIDs), 90)...)
}

// layersText lists the layers of an overlay, the top one first.
func layersText(s *Step) []string {
	out := wrap("layers: ", printables(s.Layers.Lower), 90)
	if s.Layers.Upper != "" {
		out = append(out, "writes go to "+printable(s.Layers.Upper)+" (workdir "+printable(s.Layers.Work)+")")
	}
	return out
}

func (f *formatter) bindText(s *Step) string {
	if s.Type != "" {
		return s.Type + ", empty"
	}
	if o := s.Overlay; o != nil {
		upper := "tmpfs"
		switch {
		case o.Dir != "":
			upper = printable(o.Dir)
		case o.Size != "":
			upper += " of " + printable(o.Size)
		}
		text := "overlay: " + upper + " over " + printable(s.Source)
		if len(s.Stubs) > 0 {
			text += ", stubs below"
		}
		return text
	}
	if s.Recursive {
		return "rbind " + printable(s.Source)
	}
	return "bind " + printable(s.Source)
}

// tmpText says when the tmpfs of /tmp is there: a thing that is only known
// once everything else is mounted (section 3).
func (f *formatter) tmpText(s *Step) string {
	if s.Rule == ruleTmpForced {
		return "whatever is there"
	}
	profile, err := ProfileByName(f.plan.Profile)
	if err == nil && profile.TmpFirst {
		return "whatever is there"
	}
	return "if absent or empty"
}

// wrap joins words with commas into lines of about width columns; those after
// the first are indented as far as its lead is long.
func wrap(lead string, words []string, width int) []string {
	var lines []string
	line := lead
	for i, w := range words {
		if i < len(words)-1 {
			w += ","
		}
		if n := utf8.RuneCountInString(line) + utf8.RuneCountInString(w); n >= width && line != lead {
			lines = append(lines, strings.TrimRight(line, " "))
			line = strings.Repeat(" ", len(lead))
		}
		line += w + " "
	}
	return append(lines, strings.TrimRight(line, " "))
}

// printable quotes what could move the cursor or end the line: the names come
// from a config that nobody vouches for.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(s)
		}
	}
	return s
}

func printables(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = printable(s)
	}
	return out
}
