package nsmount

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Personality is linux.personality: what personality(2) is given.
type Personality uint32

// MemoryPolicy is linux.memoryPolicy: what set_mempolicy(2) is given.
type MemoryPolicy struct {
	Mode  uint32   `json:"mode"`            // MPOL_, its flags included
	Nodes []uint64 `json:"nodes,omitempty"` // bits
}

// Of personality(2).
const (
	perLinux   Personality = 0
	perLinux32 Personality = 8
)

// memoryModes are the modes of set_mempolicy(2), at their number; memoryFlags its
// flags, from bit 13 on.
var (
	memoryModes = [...]string{"MPOL_DEFAULT", "MPOL_PREFERRED", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"}
	memoryFlags = [...]string{"MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"}
)

const (
	firstMemoryFlag = 13
	maxNodes        = 1024 // the most that a kernel can be built for
)

// MemoryModes and MemoryFlags list what linux.memoryPolicy may say.
func MemoryModes() []string { return memoryModes[:] }

// MemoryFlags: see MemoryModes.
func MemoryFlags() []string { return memoryFlags[:] }

// compilePersonality returns nil where nothing is asked for.
func compilePersonality(in *specs.LinuxPersonality) (*Personality, error) {
	switch {
	case in == nil || in.Domain == "" && len(in.Flags) == 0:
		return nil, nil
	case len(in.Flags) > 0:
		return nil, fmt.Errorf("linux.personality.flags: %q: runtime-spec defines none", in.Flags)
	case in.Domain == specs.PerLinux:
		return new(perLinux), nil
	case in.Domain == specs.PerLinux32:
		return new(perLinux32), nil
	}
	return nil, fmt.Errorf("linux.personality.domain: %q: neither LINUX nor LINUX32", in.Domain)
}

// compileMemoryPolicy returns nil where nothing is asked for.
func compileMemoryPolicy(in *specs.LinuxMemoryPolicy) (*MemoryPolicy, error) {
	if in == nil || in.Mode == "" && in.Nodes == "" && len(in.Flags) == 0 {
		return nil, nil
	}
	mode := slices.Index(memoryModes[:], string(in.Mode))
	if mode < 0 {
		return nil, fmt.Errorf("linux.memoryPolicy.mode: %q: none of %s", in.Mode, strings.Join(memoryModes[:], ", "))
	}
	p := &MemoryPolicy{Mode: uint32(mode)}
	for i, name := range in.Flags {
		bit := slices.Index(memoryFlags[:], string(name))
		if bit < 0 {
			return nil, fmt.Errorf("linux.memoryPolicy.flags[%d]: %q: none of %s", i, name, strings.Join(memoryFlags[:], ", "))
		}
		p.Mode |= 1 << (firstMemoryFlag + bit)
	}
	if in.Nodes == "" {
		if in.Mode == specs.MpolDefault || in.Mode == specs.MpolLocal || in.Mode == specs.MpolPreferred {
			return p, nil
		}
		return nil, fmt.Errorf("linux.memoryPolicy.nodes: missing: %s wants one at least", in.Mode)
	}
	if in.Mode == specs.MpolDefault || in.Mode == specs.MpolLocal {
		return nil, fmt.Errorf("linux.memoryPolicy.nodes: %q: %s has none", in.Nodes, in.Mode)
	}
	var err error
	if p.Nodes, err = parseSet(in.Nodes, maxNodes); err != nil {
		return nil, fmt.Errorf("linux.memoryPolicy.nodes: %w", err)
	}
	return p, nil
}
