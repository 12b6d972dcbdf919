package nsmount

import (
	"fmt"
	"strings"

	"github.com/nsboot/nsboot/pathres"
	"github.com/nsboot/nsboot/tmpdetect"
)

// Profile is one set of rules: the columns of the tables in the semantics.
// Everything in it is plain data; Compile and Apply read it and hold no rule
// of their own.
type Profile struct {
	Name string

	// Which mounts there are (section 1).
	Missing       []string          // C1: implicit mounts put in front, each only if absent from the spec
	Always        []string          // C1: put after those, whatever the spec says
	TmpFirst      bool              // C1: /tmp's tmpfs comes with the implicit mounts, else last
	Dev           DevRule           // C3
	NoneIsSysfs   bool              // C4: type none is sysfs, even with a bind option
	BindByOption  bool              // C4, C5: a bind option makes it a bind whatever the type
	NoneNeedsBind bool              // C4: type none without a bind option is an error
	KnownTypes    []string          // C6: the types mounted; nil = the kernel is asked
	StubOfUnknown bool              // C6: a skipped mount's mount point still appears
	ParentsFirst  bool              // C7
	Options       OptionRule        // C9
	TmpfsMode     string            // C10: default mode; empty = parameters go to the kernel as they are
	RelativeDest  bool              // C13: a relative destination is taken as absolute, with a warning
	DotDotDest    bool              // C13: ".." in a destination is cleaned away, else an error
	HiddenBind    bool              // a bind hidden by a later bind of its parent is an error, as it was in the sandbox
	TmpfsOnProc   bool              // C2: a tmpfs may take the place of procfs
	MountHints    bool              // the annotations dev.gvisor.spec.mount.* are honoured (section 6)
	Tmp           tmpdetect.Rule    // section 3
	NoLinks       bool              // P1: a symlink in a non-bind destination is an error
	Cwd           CwdRule           // P5
	DirMode       uint32            // S4: mode of a stub directory
	FileMode      uint32            // S4: mode of a stub file
	DevMode       uint32            // mode of the private /dev
	Lookup        pathres.LookRules // section 5
}

// DevRule says what becomes of a spec mount on or below /dev (C3).
type DevRule int

// The ways of C3.
const (
	DevHonoured DevRule = iota // as the spec says
	DevPrivate                 // honoured, but /dev itself is the private directory unless it is a bind
	DevSkipped                 // on /dev and on its fixed names: skipped with a warning
)

// OptionRule says which options of a mount count (C9).
type OptionRule int

// The ways of C9.
const (
	OptionsAll    OptionRule = iota // runtime-spec's table; the rest goes to the file system
	OptionsKernel                   // all that the kernel has; ro wins wherever it stands; the rest warned
	OptionsFew                      // ro, rw (last wins), noatime; the rest warned
)

// CwdRule says where a missing process.cwd is created (P5).
type CwdRule int

// The ways of P5.
const (
	CwdNever  CwdRule = iota // not created
	CwdInRoot                // in the root's own tree, before anything is mounted on it
	CwdInTree                // in the mounted tree
)

// DefaultProfile is the profile used where none is named.
const DefaultProfile = "runsc"

// ProfileNames lists the profiles, the default first.
func ProfileNames() []string { return []string{"runsc", "runsc-2019", "runsc-2018", "oci"} }

// ProfileByName returns the profile of that name; an empty name is the default.
func ProfileByName(name string) (Profile, error) {
	switch name {
	case "", "runsc":
		return profileRunsc(), nil
	case "runsc-2019":
		return profile2019(), nil
	case "runsc-2018":
		return profile2018(), nil
	case "oci":
		return profileOCI(), nil
	}
	return Profile{}, fmt.Errorf("unknown profile %q: one of %s", name, strings.Join(ProfileNames(), ", "))
}

// profileRunsc is runsc of today (built 2026-08).
func profileRunsc() Profile {
	return Profile{
		Name:         "runsc",
		Missing:      []string{"/proc", "/sys", "/dev", "/dev/pts"},
		Dev:          DevPrivate,
		BindByOption: true,
		KnownTypes:   []string{"tmpfs", "proc", "sysfs", "devpts", "devtmpfs", "cgroup"},
		ParentsFirst: true,
		MountHints:   true,
		Options:      OptionsKernel,
		TmpfsMode:    "01777",
		TmpfsOnProc:  true,
		Tmp:          tmpdetect.RuleRunsc(),
		Cwd:          CwdInTree,
		DirMode:      0o755,
		FileMode:     0o644,
		DevMode:      0o755,
		Lookup:       pathres.RulesRunsc(),
	}
}

// profile2019 is runsc's boot code of 2019-02-01.
func profile2019() Profile {
	return Profile{
		Name:          "runsc-2019",
		Missing:       []string{"/proc", "/sys"},
		Always:        []string{"/dev", "/dev/pts"},
		Dev:           DevSkipped,
		NoneIsSysfs:   true,
		KnownTypes:    []string{"tmpfs", "proc", "sysfs", "devpts", "devtmpfs"},
		StubOfUnknown: true,
		Options:       OptionsFew,
		TmpfsMode:     "0777",
		TmpfsOnProc:   true,
		HiddenBind:    true,
		Tmp:           tmpdetect.RuleRunsc2019(),
		NoLinks:       true,
		Cwd:           CwdInRoot,
		DirMode:       0o555,
		FileMode:      0o555,
		DevMode:       0o555,
		Lookup:        pathres.RulesRunsc2019(),
	}
}

// profile2018 is runsc's boot code of 2018-09-07: 2019's, less what came
// between.
func profile2018() Profile {
	p := profile2019()
	p.Name = "runsc-2018"
	p.TmpFirst = true
	p.Tmp = tmpdetect.RuleRunsc2018()
	p.NoLinks = false
	p.Cwd = CwdNever
	p.Lookup = pathres.RulesRunsc2018()
	return p
}

// profileOCI is runtime-spec 1.3, as runc reads it.
func profileOCI() Profile {
	return Profile{
		Name:          "oci",
		Dev:           DevHonoured,
		BindByOption:  true,
		NoneNeedsBind: true,
		Options:       OptionsAll,
		RelativeDest:  true,
		DotDotDest:    true,
		Tmp:           tmpdetect.RuleOCI(),
		Cwd:           CwdInTree,
		DirMode:       0o755,
		FileMode:      0o644,
		DevMode:       0o755,
		Lookup:        pathres.RulesOCI(),
	}
}
