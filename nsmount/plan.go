package nsmount

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nsboot/nsboot/overlayfs"
)

// PlanVersion is the version of the JSON form of a Plan. A recorded plan of
// another version is refused, never guessed at.
const PlanVersion = 1

// Op says what a Step does.
type Op string

// The operations of a plan.
const (
	OpRoot     Op = "root"     // the container's root: a bind, one overlay, or, of Type tmpfs, an empty one
	OpBind     Op = "bind"     // a bind of a host directory or file
	OpMount    Op = "mount"    // a new instance of a file system
	OpShared   Op = "shared"   // a mount that the containers of a pod share (section 6)
	OpDev      Op = "dev"      // the private /dev of rule D1
	OpNodes    Op = "nodes"    // the default nodes and links of runtime-spec in whatever /dev is
	OpCgroup   Op = "cgroup"   // the process's own cgroups
	OpTmp      Op = "tmp"      // a tmpfs on /tmp, if section 3 lets it be covered
	OpStub     Op = "stub"     // only the mount point of a mount that is skipped (C6)
	OpLink     Op = "link"     // a symbolic link; Source is its text
	OpDevice   Op = "device"   // one of linux.devices
	OpMask     Op = "mask"     // one of linux.maskedPaths
	OpReadonly Op = "readonly" // one of linux.readonlyPaths
	OpSeal     Op = "seal"     // read-only, applied once nothing more is made inside
	OpConsole  Op = "console"  // the terminal of the process, on /dev/console
	OpRemount  Op = "remount"  // other flags and parameters of what is mounted there already
)

// Step is one operation of a plan. It is flat, plain data: what is not meant
// for its Op is zero.
type Step struct {
	Op     Op     `json:"op"`
	Origin string `json:"origin"`         // where it comes from: mounts[3], default:/proc, root, tmp, linux.maskedPaths[0]
	Rule   string `json:"rule,omitempty"` // the rules of docs/semantics.md that made it so: "C1", "C7 S2"

	Destination string `json:"destination"`        // the spec's path, as it stands there
	Target      string `json:"target"`             // what is mounted on: cleaned, absolute, inside the root
	Type        string `json:"type,omitempty"`     // file system type of OpMount
	Source      string `json:"source,omitempty"`   // absolute host path of OpRoot and OpBind, name of OpShared, else the device name
	SpecIndex   int    `json:"specIndex,omitzero"` // 1 + index in config.json's mounts; 0 = not from there

	Flags       []string `json:"flags,omitempty"`       // mount attributes by their fstab names: ro, nosuid, rro, ...
	Data        []string `json:"data,omitempty"`        // parameters of the file system: mode=0755, size=64k, sync
	Propagation []string `json:"propagation,omitempty"` // private, rslave, ...: in spec order
	Recursive   bool     `json:"recursive,omitzero"`    // rbind

	Overlay *Overlay `json:"overlay,omitempty"` // a writable layer over the tree (C11, C12)
	Stubs   []string `json:"stubs,omitempty"`   // mount points needed inside, relative to Target (S2)
	NoLinks bool     `json:"noLinks,omitzero"`  // a symlink in Target is an error (P1)

	Optional bool `json:"optional,omitzero"` // a bind whose source is gone by then is left out

	CopyUp bool                `json:"copyUp,omitzero"`  // a tmpfs starts with what the directory under it holds
	IDMap  *MountIDs           `json:"idMap,omitempty"`  // of OpBind and OpMount: whose the files are; of an overlay, those of its lower layers
	Layers *overlayfs.PathList `json:"layers,omitempty"` // of an OpMount that is an overlay

	Device *Device `json:"device,omitempty"` // of OpDevice
}

// Overlay asks for a writable layer over a tree that is itself never written.
type Overlay struct {
	Dir  string `json:"dir,omitempty"`  // host directory that holds the layer; empty = a tmpfs
	Size string `json:"size,omitempty"` // limit of that tmpfs, as tmpfs(5) writes it: "64m", "10%"
}

// Device is a node of linux.devices.
type Device struct {
	Type  string `json:"type"` // c, u, b or p
	Major int64  `json:"major"`
	Minor int64  `json:"minor"`
	Mode  uint32 `json:"mode"` // permission bits
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
}

// Warning is something of the config that a rule says to warn about and skip,
// or that is done in another way than asked.
type Warning struct {
	Origin string `json:"origin"`
	Rule   string `json:"rule,omitempty"`
	Text   string `json:"text"`
}

func (w Warning) String() string {
	if w.Rule == "" {
		return visible(w.Origin + ": " + w.Text)
	}
	return visible(w.Origin + ": " + w.Text + " (" + w.Rule + ")")
}

// SpecMount is a mount as config.json had it when the plan was compiled: what
// a replay is held against (section 7).
type SpecMount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type,omitempty"`
	Options     []string `json:"options,omitempty"`

	UIDMappings []IDMap `json:"uidMappings,omitempty"`
	GIDMappings []IDMap `json:"gidMappings,omitempty"`
}

// Plan is what Compile decides and Apply carries out: every mount of one
// container, in order, root first. It is plain data and may be recorded as
// JSON and replayed.
type Plan struct {
	Version  int       `json:"version"`
	Profile  string    `json:"profile"`
	Steps    []Step    `json:"steps"`
	Warnings []Warning `json:"warnings,omitempty"`
	Readonly bool      `json:"readonlyRoot,omitzero"`

	// Pod are the annotations of config.json that section 6 reads.
	Pod    map[string]string `json:"podAnnotations,omitempty"`
	Mounts []SpecMount       `json:"specMounts,omitempty"`
}

// Root returns the step that makes the container's root.
func (p *Plan) Root() *Step { return &p.Steps[0] }

// Sandbox returns the ID of the sandbox container of a child of a pod, "" for
// any other container (K4).
func (p *Plan) Sandbox() string {
	id, _ := SandboxOf(p.Pod)
	return id
}

// Filesystem is one mount as a restore environment lists it.
type Filesystem struct {
	Device string   `json:"device"`
	Flags  []string `json:"flags,omitempty"`
	Data   []string `json:"data,omitempty"`
}

// Filesystems lists, per file system type and in mount order, the device,
// flags and data of each mount, root first: what a restore of the sandbox
// needs to find again (section 7).
func (p *Plan) Filesystems() map[string][]Filesystem {
	out := make(map[string][]Filesystem)
	for i := range p.Steps {
		s := &p.Steps[i]
		kind := s.Type
		switch s.Op {
		case OpRoot, OpBind:
			kind = "bind"
			if s.Overlay != nil {
				kind = "overlay"
			}
		case OpDev, OpTmp:
			kind = "tmpfs"
		case OpMount, OpShared, OpCgroup:
		default:
			continue
		}
		data := s.Data
		if s.Layers != nil {
			data = append(s.Layers.Options(), data...)
		}
		out[kind] = append(out[kind], Filesystem{Device: s.Source, Flags: s.Flags, Data: data})
	}
	return out
}

// MarshalJSON writes the plan with its restore listing beside the steps.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	return json.Marshal(struct {
		*plain
		Filesystems map[string][]Filesystem `json:"filesystems"`
	}{(*plain)(p), p.Filesystems()})
}

// ParsePlan reads a plan recorded as JSON. A plan of another version, of an
// unknown profile, without a root, or with a step this build does not know is
// an error.
func ParsePlan(data []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("recorded plan: %w", err)
	}
	if p.Version != PlanVersion {
		return nil, fmt.Errorf("recorded plan: version %d, this build replays version %d", p.Version, PlanVersion)
	}
	if _, err := ProfileByName(p.Profile); err != nil {
		return nil, fmt.Errorf("recorded plan: %w", err)
	}
	if _, err := SandboxOf(p.Pod); err != nil {
		return nil, fmt.Errorf("recorded plan: %w", err)
	}
	if len(p.Steps) == 0 || p.Steps[0].Op != OpRoot {
		return nil, fmt.Errorf("recorded plan: the first step is not the root")
	}
	for i := range p.Steps {
		if err := p.Steps[i].check(i); err != nil {
			return nil, fmt.Errorf("recorded plan: steps[%d]: %w", i, err)
		}
	}
	return &p, nil
}

// check refuses a recorded step that Compile would never have written: a
// recorded plan is input like any other.
func (s *Step) check(i int) error {
	known := []Op{OpRoot, OpBind, OpMount, OpShared, OpDev, OpNodes, OpCgroup, OpTmp, OpStub, OpLink, OpDevice, OpMask, OpReadonly, OpSeal, OpConsole, OpRemount}
	switch {
	case !slices.Contains(known, s.Op):
		return fmt.Errorf("unknown op %q", s.Op)
	case (s.Op == OpRoot) != (i == 0):
		return fmt.Errorf("op root belongs first and only there")
	case cleanTarget(s.Target) != s.Target:
		return fmt.Errorf("target %q is not a clean absolute path", s.Target)
	case s.Op == OpDevice && s.Device == nil:
		return fmt.Errorf("op device without a device")
	case s.Op == OpShared && (s.Source == "" || strings.Contains(s.Source, "/")):
		return fmt.Errorf("op shared: %q is not the name of a shared mount", s.Source)
	case s.CopyUp && (s.Op != OpMount || s.Type != "tmpfs"):
		return fmt.Errorf("copyUp is for a tmpfs")
	case s.IDMap != nil && s.Op != OpBind && s.Op != OpMount:
		return fmt.Errorf("op %s with an id mapping", s.Op)
	case (s.Layers != nil) != (s.Op == OpMount && s.Type == "overlay"):
		return fmt.Errorf("layers belong to an overlay, and it to them")
	}
	if err := s.checkParts(); err != nil {
		return err
	}
	for _, str := range append([]string{s.Source, s.Type}, append(s.Flags, s.Data...)...) {
		if strings.IndexByte(str, 0) >= 0 {
			return fmt.Errorf("NUL byte in %q", str)
		}
	}
	if _, err := parseAttrs(s.Flags); err != nil {
		return err
	}
	return nil
}

// checkParts refuses what is amiss in the parts of a recorded step.
func (s *Step) checkParts() error {
	if s.IDMap != nil {
		if err := s.IDMap.check(); err != nil {
			return err
		}
	}
	if s.Layers != nil {
		if err := s.Layers.Check(); err != nil {
			return err
		}
	}
	for _, p := range s.Propagation {
		if !slices.Contains(propagations[:], p) {
			return fmt.Errorf("unknown propagation %q", p)
		}
	}
	return nil
}
