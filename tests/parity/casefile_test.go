package parity

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// profiles are nsboot's, in the order of the summary.
var profiles = []string{"runsc", "runsc-2019", "runsc-2018", "oci"}

// answerKind says where an answer comes from.
type answerKind string

const (
	recorded answerKind = "recorded" // an oracle did so
	byRule   answerKind = "rule"     // semantics.md says so
	instead  answerKind = "nsboot"   // nsboot does so where it differs from the oracle
)

// A facts is one expected answer.
type facts struct {
	Boots bool
	Lines []string // what the probe printed
	Host  []string // "+ path ..." and "- path ...": what changed on the host
	Left  []string // mount points that may be left on the host
	Says  []string // parts of stderr
}

// A section is an answer as it stands in a case file.
type section struct {
	Kind     answerKind
	Profiles []string
	Facts    facts
}

// A parityCase is one case file.
type parityCase struct {
	Name     string
	Title    string
	Rules    []string
	ReadOnly bool
	Overlay  string // "", root or all
	// OverlayIn lists the profiles that Overlay is asked for in; nil means all.
	OverlayIn []string
	Standard  bool // the usual mounts on /proc, /dev and /dev/pts come first
	Cwd       string
	Env       []string
	Args      []string // nil: the shell runs Probe
	Flags     []string // further flags of nsboot
	Tree      []string
	Mounts    [][4]string
	Config    json.RawMessage
	Probe     string
	Sections  []section
}

// overlayFor is the overlay asked for in a profile.
func (c *parityCase) overlayFor(profile string) string {
	if c.OverlayIn != nil && !slices.Contains(c.OverlayIn, profile) {
		return ""
	}
	return c.Overlay
}

// answer returns the answer of one of the kinds for a profile, or nil.
func (c *parityCase) answer(profile string, kinds ...answerKind) *section {
	for i, s := range c.Sections {
		if slices.Contains(kinds, s.Kind) && slices.Contains(s.Profiles, profile) {
			return &c.Sections[i]
		}
	}
	return nil
}

// loadCases reads every case below testdata/cases, by number and then by name.
func loadCases(dir string) ([]*parityCase, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.case"))
	if err != nil {
		return nil, err
	}
	var cases []*parityCase
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		c, err := parseCase(strings.TrimSuffix(filepath.Base(p), ".case"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		cases = append(cases, c)
	}
	slices.SortStableFunc(cases, func(a, b *parityCase) int { return caseNumber(a.Name) - caseNumber(b.Name) })
	return cases, nil
}

// caseNumber orders the numbered cases before the named ones.
func caseNumber(name string) int {
	head, _, _ := strings.Cut(name, "-")
	if n, err := strconv.Atoi(head); err == nil {
		return n
	}
	return 1 << 30
}

// parseCase reads the format described in doc.go.
func parseCase(name, text string) (*parityCase, error) {
	c := &parityCase{Name: name, Standard: true, Cwd: "/"}
	title, rest, _ := strings.Cut(text, "\n")
	c.Title = strings.TrimSpace(title)
	head, sections := splitSections(rest)
	for _, line := range head {
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, fmt.Errorf("header line %q is not `key: value`", line)
		}
		if err := c.setHeader(key, strings.TrimSpace(value)); err != nil {
			return nil, err
		}
	}
	for _, s := range sections {
		if err := c.setSection(s.title, s.lines); err != nil {
			return nil, fmt.Errorf("section %q: %w", s.title, err)
		}
	}
	if c.Env == nil {
		c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	}
	if (c.Args == nil) == (c.Probe == "") {
		return nil, fmt.Errorf("a case has either args or a probe")
	}
	return c, nil
}

func (c *parityCase) setHeader(key, value string) error {
	switch key {
	case "rules":
		c.Rules = strings.Fields(value)
	case "root":
		if value != "ro" && value != "rw" {
			return fmt.Errorf("root: %q is neither ro nor rw", value)
		}
		c.ReadOnly = value == "ro"
	case "overlay":
		f := strings.Fields(value)
		c.Overlay, c.OverlayIn = f[0], nil
		if len(f) > 1 {
			c.OverlayIn = f[1:]
		}
	case "standard":
		c.Standard = value != "no"
	case "cwd":
		c.Cwd = value
	case "env":
		c.Env = append(c.Env, value)
	case "flags":
		c.Flags = strings.Fields(value)
	case "args":
		if err := json.Unmarshal([]byte(value), &c.Args); err != nil {
			return fmt.Errorf("args: %w", err)
		}
	default:
		return fmt.Errorf("unknown header %q", key)
	}
	return nil
}

func (c *parityCase) setSection(title string, lines []string) error {
	f := strings.Fields(title)
	if len(f) == 0 {
		return fmt.Errorf("no name")
	}
	switch f[0] {
	case "tree":
		c.Tree = lines
	case "mounts":
		for _, l := range lines {
			m := strings.Fields(l)
			if len(m) != 4 {
				return fmt.Errorf("mount %q has not four columns", l)
			}
			c.Mounts = append(c.Mounts, [4]string(m))
		}
	case "config":
		c.Config = json.RawMessage(strings.Join(lines, "\n"))
		if !json.Valid(c.Config) {
			return fmt.Errorf("not JSON")
		}
	case "probe":
		c.Probe = strings.Join(lines, "\n") + "\n"
	case string(recorded), string(byRule), string(instead):
		a, err := parseFacts(lines)
		if err != nil {
			return err
		}
		for _, p := range f[1:] {
			if !slices.Contains(profiles, p) {
				return fmt.Errorf("no profile is named %q", p)
			}
			if answerKind(f[0]) != instead && c.answer(p, recorded, byRule) != nil {
				return fmt.Errorf("a second answer for %s", p)
			}
		}
		c.Sections = append(c.Sections, section{answerKind(f[0]), f[1:], a})
	default:
		return fmt.Errorf("unknown section")
	}
	return nil
}

func parseFacts(lines []string) (facts, error) {
	if len(lines) == 0 || lines[0] != "boots" && lines[0] != "fails" {
		return facts{}, fmt.Errorf("the first line is neither boots nor fails")
	}
	a := facts{Boots: lines[0] == "boots"}
	for _, l := range lines[1:] {
		switch {
		case strings.HasPrefix(l, "host: "):
			a.Host = append(a.Host, l[len("host: "):])
		case strings.HasPrefix(l, "left: "):
			a.Left = append(a.Left, "+ "+l[len("left: "):])
		case strings.HasPrefix(l, "says: "):
			a.Says = append(a.Says, l[len("says: "):])
		default:
			a.Lines = append(a.Lines, l)
		}
	}
	return a, nil
}

type rawSection struct {
	title string
	lines []string
}

// splitSections cuts a case file at its `-- title --` lines; blank lines go.
func splitSections(text string) (head []string, sections []rawSection) {
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		line := s.Text()
		switch {
		case strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --"):
			sections = append(sections, rawSection{title: strings.TrimSpace(line[3 : len(line)-3])})
		case strings.TrimSpace(line) == "":
		case len(sections) == 0:
			head = append(head, line)
		default:
			last := &sections[len(sections)-1]
			last.lines = append(last.lines, line)
		}
	}
	return head, sections
}
