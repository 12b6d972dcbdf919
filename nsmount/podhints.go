package nsmount

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// hintPrefix starts the annotations that describe a volume of a pod to runsc:
// dev.gvisor.spec.mount.NAME.source, .type, .share and .options.
const hintPrefix = "dev.gvisor.spec.mount."

// hint is what those of one NAME say.
type hint struct {
	name    string
	source  string   // of the mounts in config.json that are meant
	typ     string   // tmpfs or bind
	share   string   // container, pod, or shared with others outside the pod
	options []string // of the one instance
	master  Step     // that instance, in the sandbox container
}

func (h *hint) origin(field string) string {
	return "annotations[" + hintPrefix + h.name + "." + field + "]"
}

// instance reports whether the pod has one instance of the mount, in which the
// containers' are replicas: a tmpfs, also one of a single container, for that may
// be mounted twice; a bind, if without one each container had its own writable
// layer over it (C12). Else a bind is the same directory of the host everywhere.
func (h *hint) instance(overlaid bool) bool {
	switch {
	case h.typ == "tmpfs":
		return h.share == "pod" || h.share == "container"
	case h.share == "pod" && overlaid:
		ro := slices.Contains(h.options, "ro") || slices.Contains(h.options, "rro")
		return !ro
	}
	return false
}

// readHints reads the hints of the pod: a sandbox container's own, a child's
// from its sandbox container.
func (c *compiler) readHints(spec *specs.Spec, sandbox bool) error {
	if !c.profile.MountHints {
		return nil
	}
	annotations := spec.Annotations
	if c.plan.Sandbox() != "" && c.opts.Pod != nil {
		annotations = c.opts.Pod
	}
	hints, err := c.parseHints(annotations)
	if err != nil {
		return err
	}
	if !sandbox && c.plan.Sandbox() == "" {
		for i := range hints {
			c.warn(hints[i].origin("source"), "K4", "ignored: the container is of no pod")
		}
		return nil
	}
	for i := range hints {
		if hints[i].master, err = c.master(&hints[i]); err != nil {
			return err
		}
	}
	c.hints = hints
	return nil
}

// parseHints reads the hints, sorted by name. One that is incomplete, or has a
// field that makes no sense, is warned of and left out, as runsc does; what
// cannot be told apart is an error.
func (c *compiler) parseHints(annotations map[string]string) ([]hint, error) {
	var keys []string
	for key := range annotations {
		if strings.HasPrefix(key, hintPrefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var hints []hint
	for _, key := range keys {
		name, field, ok := strings.Cut(key[len(hintPrefix):], ".")
		if !ok || name == "" || strings.ContainsAny(name, "/\x00") || strings.Contains(field, ".") {
			return nil, fmt.Errorf("annotations[%s]: not %sNAME.FIELD", key, hintPrefix)
		}
		if len(hints) == 0 || hints[len(hints)-1].name != name {
			hints = append(hints, hint{name: name})
		}
		if why := hints[len(hints)-1].set(field, annotations[key]); why != "" {
			c.warn("annotations["+key+"]", "", "ignored: %s", why)
		}
	}
	whole := hints[:0]
	for _, h := range hints {
		if h.source == "" || h.typ == "" || h.share == "" {
			c.warn("annotations["+hintPrefix+h.name+"]", "", "ignored: source, type and share are needed")
			continue
		}
		whole = append(whole, h)
	}
	bySource := slices.Clone(whole)
	slices.SortStableFunc(bySource, func(a, b hint) int { return cmp.Compare(a.source, b.source) })
	for i := 1; i < len(bySource); i++ {
		if a, b := &bySource[i-1], &bySource[i]; a.source == b.source {
			return nil, fmt.Errorf("%s and %s are both %s", a.origin("source"), b.origin("source"), a.source)
		}
	}
	return whole, nil
}

// set takes one field; why says what is wrong with it.
func (h *hint) set(field, value string) (why string) {
	oneOf := func(to *string, list ...string) string {
		if !slices.Contains(list, value) {
			return fmt.Sprintf("%q is none of %s", value, strings.Join(list, ", "))
		}
		*to = value
		return ""
	}
	switch field {
	case "source":
		if h.source = value; value == "" {
			return "empty"
		}
	case "type":
		return oneOf(&h.typ, "tmpfs", "bind")
	case "share":
		return oneOf(&h.share, "container", "pod", "shared")
	case "options":
		h.options = strings.Split(value, ",")
	default:
		return "no such field: source, type, share, options"
	}
	return ""
}

// hintOf finds the hint for a mount of config.json: by its source.
func (c *compiler) hintOf(m *specs.Mount) *hint {
	for i := range c.hints {
		if c.hints[i].source == m.Source {
			return &c.hints[i]
		}
	}
	return nil
}

// checkReplica refuses a mount that would be looser than the instance it is a
// replica of, or that asks for a limit of its own, which it cannot have.
func (h *hint) checkReplica(s *Step) error {
	have, err := parseAttrs(s.Flags)
	if err != nil {
		return err
	}
	want, err := parseAttrs(h.master.Flags)
	if err != nil {
		return err
	}
	for _, name := range []string{"ro", "nosuid", "nodev", "noexec", "noatime"} {
		if a, _, _ := lookupAttr(name); (want.set|want.recSet)&a.set != 0 && (have.set|have.recSet)&a.set == 0 {
			return fmt.Errorf("%s is not among its options: the mount would be looser than the one it shares (%s)", name, h.origin("options"))
		}
	}
	for _, o := range s.Data {
		key, _, _ := strings.Cut(o, "=")
		limit := key == "size" || key == "nr_inodes" || key == "nr_blocks"
		if limit && !slices.Contains(h.master.Data, o) {
			return fmt.Errorf("option %q: a limit of a shared mount belongs into %s", o, h.origin("options"))
		}
	}
	return nil
}
