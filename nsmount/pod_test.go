package nsmount

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// podSpec is a container of a pod, with annotations in the form "key=value", of
// hints without their prefix.
func podSpec(typ string, hints string, mounts ...specs.Mount) *specs.Spec {
	s := specOf(mounts...)
	s.Annotations = map[string]string{annotationType: typ, annotationSandbox: "sb"}
	for _, line := range strings.Fields(hints) {
		key, value, _ := strings.Cut(line, "=")
		s.Annotations[hintPrefix+key] = value
	}
	return s
}

const cacheHint = "cache.source=/vol/cache cache.type=tmpfs cache.share=pod "

// K1, K7: what a sandbox container has for its pod, and what comes of a mount
// whose source a hint names.
func TestCompilePod(t *testing.T) {
	bind := func(options string) specs.Mount { return mnt("/c", "bind", "/vol/cache", options) }
	for _, tc := range []struct {
		name string
		spec *specs.Spec
		opts Options
		want []string // the pod's steps and config.json's
	}{
		{"sandbox", podSpec("sandbox", ""), Options{}, []string{"mount /__runsc_containers__ tmpfs nosuid,nodev,noexec mode=0755"}},
		{"child", podSpec("container", ""), Options{}, nil},
		{"no pod", podSpec("", ""), Options{}, nil},
		{"shared tmpfs in the sandbox container", podSpec("sandbox", cacheHint+"cache.options=noexec,size=1m", bind("rbind,noexec")), Options{}, []string{
			"mount /__runsc_containers__ tmpfs nosuid,nodev,noexec mode=0755",
			"mount /__runsc_containers__/.shared/cache tmpfs noexec size=1m,mode=01777",
			"shared /c cache noexec"}},
		{"replica in a child", podSpec("container", cacheHint, bind("rbind,ro,rslave")), Options{}, []string{"shared /c cache ro rslave"}},
		{"a tmpfs in the spec", podSpec("container", cacheHint+"cache.options=size=1m", mnt("/c", "tmpfs", "/vol/cache", "size=1m")), Options{}, []string{"shared /c cache"}},
		{"of one container", podSpec("container", "cache.source=/vol/cache cache.type=tmpfs cache.share=container", bind("")), Options{}, []string{"shared /c cache"}},
		{"shared with the outside", podSpec("container", "cache.source=/vol/cache cache.type=tmpfs cache.share=shared", bind("")), Options{}, []string{"bind /c /vol/cache"}},
		{"a bind is one already", podSpec("sandbox", "cache.source=/vol/cache cache.type=bind cache.share=pod", bind("")), Options{}, []string{
			"mount /__runsc_containers__ tmpfs nosuid,nodev,noexec mode=0755", "bind /c /vol/cache"}},
		{"but not with a layer over it", podSpec("sandbox", "cache.source=/vol/cache cache.type=bind cache.share=pod", bind("")), Options{Overlay: OverlayOption{Binds: true}}, []string{
			"mount /__runsc_containers__ tmpfs nosuid,nodev,noexec mode=0755", "bind /__runsc_containers__/.shared/cache /vol/cache rec overlay", "shared /c cache"}},
		{"a read-only one has none", podSpec("container", "cache.source=/vol/cache cache.type=bind cache.share=pod cache.options=ro", bind("ro")), Options{Overlay: OverlayOption{Binds: true}}, []string{"bind /c /vol/cache ro"}},
		{"another source", podSpec("container", cacheHint, mnt("/c", "bind", "/vol/cache/sub", "")), Options{}, []string{"bind /c /vol/cache/sub"}},
		{"the sandbox container's word counts", podSpec("container", cacheHint, bind("")), Options{Pod: map[string]string{}}, []string{"bind /c /vol/cache"}},
		{"and is enough", podSpec("container", "", bind("")), Options{Pod: podSpec("sandbox", cacheHint).Annotations}, []string{"shared /c cache"}},
		{"an older runsc knows none", podSpec("container", cacheHint, bind("")), Options{Profile: "runsc-2019"}, []string{"bind /c /vol/cache"}},
		{"nor does runc", podSpec("container", cacheHint, bind("")), Options{Profile: "oci"}, []string{"bind /c /vol/cache"}},
		{"incomplete", podSpec("container", "cache.source=/vol/cache cache.type=tmpfs", bind("")), Options{}, []string{"bind /c /vol/cache"}},
		{"makes no sense", podSpec("container", cacheHint+"cache.share=all", bind("")), Options{}, []string{"bind /c /vol/cache"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.opts.Bundle = "/b"
			plan, err := Compile(tc.spec, tc.opts)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range plan.Steps {
				s := &plan.Steps[i]
				line := brief(s)
				if s.Op == OpShared {
					line = strings.Replace(line, s.Target, s.Target+" "+s.Source, 1)
				}
				if s.SpecIndex > 0 || strings.HasPrefix(s.Target, podDir) {
					got = append(got, line)
				}
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// What is refused (K1, K4, K7): the error says where, and why.
func TestCompilePodErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spec  *specs.Spec
		words []string
	}{
		{"type", podSpec("pod", ""), []string{"annotations[io.kubernetes.cri.container-type]", `"pod"`}},
		{"over the children", podSpec("sandbox", "", mnt("/__runsc_containers__//", "tmpfs", "", "")), []string{"mounts[0]", "K1"}},
		{"below them", podSpec("sandbox", "", mnt("/x/../__runsc_containers__/web", "tmpfs", "", "")), []string{"mounts[0]", "K1"}},
		{"two of one source", podSpec("sandbox", cacheHint+"b.source=/vol/cache b.type=bind b.share=pod"), []string{"spec.mount.b.source", "spec.mount.cache.source", "/vol/cache"}},
		{"no name", podSpec("sandbox", ".source=/x"), []string{"NAME.FIELD"}},
		{"a name with a slash", podSpec("sandbox", "../x.source=/x"), []string{"NAME.FIELD"}},
		{"options of the tmpfs", podSpec("sandbox", cacheHint+"cache.options=mode=7777"), []string{"spec.mount.cache.options", "over 01777"}},
		{"looser: ro", podSpec("container", cacheHint+"cache.options=ro", mnt("/c", "bind", "/vol/cache", "rw")), []string{"mounts[0] /c", "ro is not", "looser"}},
		{"looser: noexec", podSpec("container", cacheHint+"cache.options=noexec", mnt("/c", "bind", "/vol/cache", "ro")), []string{"noexec is not"}},
		{"looser: nosuid", podSpec("container", cacheHint+"cache.options=nosuid", mnt("/c", "bind", "/vol/cache", "ro")), []string{"nosuid is not"}},
		{"looser: nodev", podSpec("container", cacheHint+"cache.options=nodev", mnt("/c", "bind", "/vol/cache", "ro")), []string{"nodev is not"}},
		{"looser: noatime", podSpec("container", cacheHint+"cache.options=noatime", mnt("/c", "bind", "/vol/cache", "ro")), []string{"noatime is not"}},
		{"looser: a bind", podSpec("container", "cache.source=/vol/cache cache.type=bind cache.share=pod cache.options=ro", mnt("/c", "bind", "/vol/cache", "")), []string{"ro is not"}},
		{"a limit of its own", podSpec("container", cacheHint, mnt("/c", "tmpfs", "/vol/cache", "size=1m")), []string{`"size=1m"`, "spec.mount.cache.options"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Compile(tc.spec, Options{Bundle: "/b"})
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tc.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
		})
	}
}

// Section 7: annotations that section 6 reads are part of what a replay is held
// against, others are not.
func TestReplayPod(t *testing.T) {
	plan, err := Compile(podSpec("sandbox", cacheHint+"cache.options=ro"), Options{Bundle: "/b"})
	if err != nil {
		t.Fatal(err)
	}
	now := podSpec("sandbox", cacheHint)
	now.Annotations["org.example"] = "new"
	now.Annotations[annotationSandbox] = "other"
	now.Annotations[hintPrefix+"b.type"] = "bind"
	want := []string{
		`annotations[dev.gvisor.spec.mount.cache.options]: in the plan, not in config.json`,
		`annotations[io.kubernetes.cri.sandbox-id] is "sb" in the plan, "other" in config.json`,
		`annotations[dev.gvisor.spec.mount.b.type]: in config.json, not in the plan`,
	}
	if d := cmp.Diff(want, plan.Differences(now)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
