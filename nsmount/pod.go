package nsmount

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The annotations that say which container of a pod this is (K4).
const (
	annotationType    = "io.kubernetes.cri.container-type" // sandbox or container
	annotationSandbox = "io.kubernetes.cri.sandbox-id"
)

// podDir is where the sandbox container has the roots of the pod's children
// (K1). What the pod shares is in sharedDir: no ID starts with a dot.
const (
	podDir    = "/__runsc_containers__"
	sharedDir = podDir + "/.shared"
)

// originPod is where the mounts of a sandbox container for its pod come from.
const originPod = "pod"

// SandboxOf returns the ID of the sandbox container that annotations name for a
// child of a pod, and "" for any other container (K4). A child without one, or a
// type of container that is neither, is an error.
func SandboxOf(annotations map[string]string) (id string, err error) {
	switch typ, id := annotations[annotationType], annotations[annotationSandbox]; {
	case typ == "" || typ == "sandbox":
		return "", nil
	case typ != "container":
		return "", fmt.Errorf("annotations[%s]: %q is neither sandbox nor container (K4)", annotationType, typ)
	case id == "":
		return "", fmt.Errorf("annotations[%s]: not set: a container of a pod names its sandbox there (K4)", annotationSandbox)
	default:
		return id, nil
	}
}

// IsSandbox reports whether annotations are those of a pod's sandbox container (K4).
func IsSandbox(annotations map[string]string) bool { return annotations[annotationType] == "sandbox" }

// podAnnotations are those that this file and podhints.go read.
func podAnnotations(spec *specs.Spec) map[string]string {
	var out map[string]string
	for key, value := range spec.Annotations {
		if key == annotationType || key == annotationSandbox || strings.HasPrefix(key, hintPrefix) {
			if out == nil {
				out = make(map[string]string)
			}
			out[key] = value
		}
	}
	return out
}

// pod adds what a sandbox container has for its pod: the directory of the
// children (K1) and the mounts that all of them share.
func (c *compiler) pod(spec *specs.Spec) error {
	if _, err := SandboxOf(spec.Annotations); err != nil {
		return err
	}
	c.plan.Pod = podAnnotations(spec)
	sandbox := IsSandbox(spec.Annotations)
	if err := c.readHints(spec, sandbox); err != nil || !sandbox {
		return err
	}
	for i := range spec.Mounts {
		if t := cleanTarget(spec.Mounts[i].Destination); t == podDir || below(t, podDir) {
			return fmt.Errorf("mounts[%d] %s: the containers of the pod are there (K1)", i, spec.Mounts[i].Destination)
		}
	}
	c.add(Step{Op: OpMount, Origin: originPod, Rule: "K1", Destination: podDir, Target: podDir, Type: "tmpfs", Source: "tmpfs",
		Flags: []string{"nosuid", "nodev", "noexec"}, Data: []string{"mode=0755"}, NoLinks: true})
	for i := range c.hints {
		if h := &c.hints[i]; h.instance(c.opts.Overlay.Binds) {
			c.add(h.master)
		}
	}
	return nil
}

// master is the one instance of a shared mount, in the sandbox container.
func (c *compiler) master(h *hint) (Step, error) {
	target := sharedDir + "/" + h.name
	s := Step{Op: OpMount, Origin: originPod + ":" + h.name, Rule: "K7", Destination: target, Target: target, Type: "tmpfs", Source: "tmpfs", NoLinks: true}
	if h.typ == "bind" {
		layer := c.opts.Overlay.Layer
		s.Op, s.Type, s.Source, s.Recursive, s.Overlay, s.Rule = OpBind, "", c.hostPath(h.source), true, &layer, "K7 C12"
	}
	if err := c.options(&s, h.options); err != nil {
		return s, fmt.Errorf("%s: %w", h.origin("options"), err)
	}
	return s, nil
}

// shared turns a mount of config.json that a hint speaks of into a replica of
// the pod's own one. It is called when the mount's options, asked for as they
// are, have been read; s is a bind or a tmpfs.
func (c *compiler) shared(s *Step, h *hint, asked []string) error {
	if err := h.checkReplica(s); err != nil {
		return err
	}
	if !h.instance(c.opts.Overlay.Binds) {
		return nil // the same directory of the host is one instance already
	}
	for _, o := range s.Data {
		if !slices.Contains(h.master.Data, o) && asks(asked, o) {
			c.warn(s.Origin, "K7", "option %q is ignored: a shared mount has those of %s", o, h.origin("options"))
		}
	}
	s.Op, s.Type, s.Source, s.Rule = OpShared, h.typ, h.name, "K7"
	s.Data, s.Overlay, s.Recursive = nil, nil, false
	return nil
}

// asks reports whether one of the options as they were written sets what o,
// a normalised one, does.
func asks(options []string, o string) bool {
	key, _, _ := strings.Cut(o, "=")
	return slices.ContainsFunc(options, func(written string) bool { return strings.HasPrefix(written, key+"=") })
}
