package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNested: nsboot works inside podman's containers, whose root is an overlay, as
// whatever root they have: all of the host's, one of a user namespace, one with
// the usual capabilities, and none. What starts the containers is nsboot too.
func TestNested(t *testing.T) {
	e := newEngine(t)
	e.driver = "overlay"
	judge := filepath.Join(e.dir, "judge")
	build := exec.Command("go", "build", "-trimpath", "-o", judge, "../nested/judge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	volumes := []string{"--volume", judge + ":/judge:ro", "--volume", filepath.Join(os.Getenv(workEnv), "real/nsboot-oci") + ":/nsboot:ro", "--tmpfs", "/work:exec,mode=1777"}
	const unconfined = "seccomp=unconfined"
	for name, c := range map[string]struct {
		flags []string
		says  string
	}{
		"privileged":     {[]string{"--privileged"}, "tmp: /tmp is an empty directory: cover"},
		"user namespace": {[]string{"--privileged", "--uidmap", "0:100000:65536"}, "/dev: the kernel lets no devices be made here"},
		"unprivileged":   {[]string{"--security-opt", unconfined}, "root has no CAP_SYS_ADMIN here: it has it in one where every id is itself"},
		"unprivileged in a user namespace": {[]string{"--security-opt", unconfined, "--uidmap", "0:100000:65536"},
			"the kernel refuses a new proc (operation not permitted): a recursive bind of /proc stands in"},
		"ordinary user": {[]string{"--security-opt", unconfined, "--user", "1000"}, "uid 1000 is root, and there is no other id"},
	} {
		t.Run(name, func(t *testing.T) {
			e := *e
			e.t = t
			args := append(append(c.flags, volumes...), e.image(), "sh", "-c", "busybox grep ' / / ' /proc/self/mountinfo; busybox cp /bin/busybox /work && exec /judge /nsboot /work")
			r := e.run(args...)
			if r.Code != 0 || !strings.Contains(r.Out, " - overlay ") || !strings.Contains(r.Out, "24 boots, 0 wrong\n") || !strings.Contains(r.Out, c.says) {
				t.Errorf("%+v", r)
			}
		})
	}
	e.bad(e.run(append(volumes, e.image(), "sh", "-c", "cd /work && /nsboot spec > /dev/null && mkdir rootfs && /nsboot run")...), 125, "--privileged")
}
