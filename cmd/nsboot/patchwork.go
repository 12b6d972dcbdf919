package main

import (
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/nsboot/nsboot/nsmount"
)

// patchwork makes the plan of `nsboot do` in a user namespace. There the kernel
// takes no directory for a layer that something is mounted below, and so not the
// root: an empty tmpfs stands in for each such directory, in which the entries
// that are whole have a writable layer each, links are made again, and the others
// are put together the same way. list reads a directory of the host.
func patchwork(mounts []hostMount, rw, disks []string, list func(dir string) ([]fs.DirEntry, error)) (*nsmount.Plan, error) {
	whole, err := throwawayPlan(mounts, rw, disks)
	if err != nil {
		return nil, err
	}
	p := &patch{list: list, points: make(map[string]bool), rw: rw, plan: &nsmount.Plan{Version: whole.Version, Profile: whole.Profile, Warnings: whole.Warnings}}
	for _, m := range visibleMounts(mounts) {
		p.points[m.point] = true
	}
	p.add(nsmount.Step{Op: nsmount.OpRoot, Origin: "host:/", Destination: "/", Target: "/", Type: "tmpfs", Source: "tmpfs", Data: []string{"mode=0755"}})
	for _, s := range whole.Steps {
		switch {
		case s.Op == nsmount.OpMask || s.Origin == "--rw" || s.Overlay == nil && s.Op != nsmount.OpRoot:
			// What the kernel makes up is one with all that is mounted below it: to
			// bind one without the other would show what the mount hides.
			s.Recursive = s.Recursive || s.Op == nsmount.OpBind && p.split(s.Target)
			p.add(s)
		default:
			s.Op = nsmount.OpBind
			p.tree(s)
		}
	}
	return p.plan, nil
}

type patch struct {
	list   func(string) ([]fs.DirEntry, error)
	points map[string]bool // where something is mounted
	rw     []string
	plan   *nsmount.Plan
}

func (p *patch) add(s nsmount.Step) { p.plan.Steps = append(p.plan.Steps, s) }

// split reports whether something is mounted below dir.
func (p *patch) split(dir string) bool {
	for point := range p.points {
		if point != dir && isBelow(point, dir) {
			return true
		}
	}
	return false
}

// tree adds the layer over a directory, or the parts of it.
func (p *patch) tree(s nsmount.Step) {
	if !p.split(s.Target) {
		p.add(s)
		return
	}
	entries, err := p.list(s.Source)
	if err != nil {
		p.plan.Warnings = append(p.plan.Warnings, nsmount.Warning{Origin: s.Origin, Text: "empty but for what is mounted below: " + err.Error()})
	}
	if s.Target != "/" {
		p.add(nsmount.Step{Op: nsmount.OpStub, Origin: s.Origin, Destination: s.Target, Target: s.Target})
	}
	for _, e := range entries {
		at := path.Join(s.Target, e.Name())
		if p.points[at] || within(at, p.rw) {
			continue
		}
		part := s
		part.Destination, part.Target, part.Source, part.Flags = at, at, at, slices.Clone(s.Flags)
		part.Optional = true
		switch {
		case e.IsDir():
			p.tree(part)
		case e.Type()&fs.ModeSymlink != 0:
			if to, err := os.Readlink(at); err == nil {
				p.add(nsmount.Step{Op: nsmount.OpLink, Origin: s.Origin, Destination: at, Target: at, Source: to})
			}
		default: // a layer over a file is one over its directory, which is none here
			part.Overlay, part.Flags = nil, append(part.Flags, "ro")
			p.plan.Warnings = append(p.plan.Warnings, nsmount.Warning{Origin: s.Origin, Text: at + " is read-only: a file beside directories that something is mounted in"})
			p.add(part)
		}
	}
}

func listDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }
