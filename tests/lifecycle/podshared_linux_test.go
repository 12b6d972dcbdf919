package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// newSharing is a pod of which two children and the sandbox container mount the
// volume vol on /vol, one of the children read-only; the sandbox container's
// annotations say what of it.
func newSharing(t *testing.T, hints map[string]string) (p *pod, vol string) {
	t.Helper()
	p = newPod(t, "web", "db")
	vol = filepath.Join(p.dir, "vol")
	if err := os.Mkdir(vol, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(vol, "of-the-host"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for id, m := range p.members {
		options := []string{"rbind", "noexec"}
		if id == "db" {
			options = append(options, "ro")
		}
		m.spec.Mounts = append(m.spec.Mounts, specs.Mount{Destination: "/vol", Type: "bind", Source: vol, Options: options})
		m.save()
	}
	p.spec.Annotations["dev.gvisor.spec.mount.vol.source"] = vol
	for key, value := range hints {
		p.spec.Annotations["dev.gvisor.spec.mount.vol."+key] = value
	}
	p.save()
	return p, vol
}

// shares checks that what one container writes the others see, and that the host
// does not.
func (p *pod) shares(vol, before string) {
	p.t.Helper()
	p.good("exec", "web", "sh", "-c", "echo hello > /vol/file")
	for _, id := range []string{"sb", "db"} {
		if got := strings.Join(p.sees(id, "/vol"), " "); got != before {
			p.t.Errorf("%s sees %q, want %q", id, got, before)
		}
		if r := p.good("exec", id, "cat", "/vol/file"); r.Out != "hello\n" {
			p.t.Errorf("%s reads %q", id, r.Out)
		}
	}
	if r := p.run("exec", "db", "sh", "-c", "echo > /vol/other"); !strings.Contains(r.Err, "Read-only file system") {
		p.t.Errorf("the read-only replica: %+v", r)
	}
	if names, err := filepath.Glob(vol + "/*"); err != nil || len(names) != 1 {
		p.t.Errorf("on the host: %v %v", names, err)
	}
	for id := range p.members {
		p.good("verify", id)
	}
}

// TestPodSharedTmpfs: a volume that the pod shares as a tmpfs is one, with the
// annotations' own options, and lives as long as the pod (K7).
func TestPodSharedTmpfs(t *testing.T) {
	p, vol := newSharing(t, map[string]string{"type": "tmpfs", "share": "pod", "options": "rw,noexec,size=64k,mode=0750"})
	p.up("sb", "web", "db")
	p.shares(vol, "file")
	if got := p.good("exec", "db", "busybox", "stat", "-c", "%a", "/vol").Out; got != "750\n" {
		t.Errorf("mode %s", got)
	}
	if r := p.run("exec", "web", "sh", "-c", "busybox dd if=/dev/zero of=/vol/big bs=1k count=100; busybox rm /vol/big"); !strings.Contains(r.Err, "No space left") {
		t.Errorf("its size is no limit: %+v", r)
	}
	p.good("delete", "--force", "web")
	p.up("web")
	if got := p.good("exec", "web", "cat", "/vol/file").Out; got != "hello\n" {
		t.Errorf("after a restart of the child: %q", got)
	}
	web := p.members["web"]
	web.spec.Mounts[2].Options = []string{"rbind"}
	web.save()
	p.bad(125, []string{"mounts[2] /vol", "noexec", "looser", "dev.gvisor.spec.mount.vol.options"}, "create", "--bundle", web.bundle, "more")
	p.good("delete", "--force", "sb")
}

// TestPodSharedBind: a bind that the pod shares has one writable layer over it,
// not one in each container (C12, K7). Without layers it is the host's directory.
func TestPodSharedBind(t *testing.T) {
	p, vol := newSharing(t, map[string]string{"type": "bind", "share": "pod"})
	for _, id := range []string{"sb", "web", "db"} {
		p.good("--overlay=all", "create", "--bundle", p.members[id].bundle, id)
		p.good("start", id)
	}
	p.shares(vol, "file of-the-host")
	p.good("delete", "--force", "sb")
	for id, m := range p.members {
		if m.clean(); t.Failed() {
			t.Fatal(id)
		}
	}
	p.up("sb", "web", "db")
	p.good("exec", "web", "sh", "-c", "echo hello > /vol/file")
	if got := p.good("exec", "db", "cat", "/vol/file").Out; got != "hello\n" {
		t.Errorf("without layers: %q", got)
	}
	if _, err := os.Stat(filepath.Join(vol, "file")); err != nil {
		t.Error(err)
	}
	p.good("delete", "--force", "sb")
}

// TestPodNothingShared: a child asks for what its sandbox container does not have.
func TestPodNothingShared(t *testing.T) {
	p, _ := newSharing(t, map[string]string{"type": "tmpfs", "share": "pod", "options": "noexec"})
	p.good("--profile=oci", "create", "--bundle", p.bundle, "sb")
	before := p.table("sb", "/")
	p.bad(125, []string{"mounts[2] /vol", "no shared mount vol", "hint: "}, "create", "--bundle", p.members["web"].bundle, "web")
	if now := p.table("sb", "/"); len(now) != len(before) {
		t.Errorf("mounts are left: %v", now)
	}
	p.good("--profile=oci", "create", "--bundle", p.members["web"].bundle, "web")
	p.good("delete", "--force", "sb")
}
