package e2e

import (
	"fmt"
	"os"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// payloadEnv makes the test binary the process of a container.
const payloadEnv = "NSBOOT_E2E_PAYLOAD"

// payload is the process of a root that holds nothing but this test binary.
func payload(verb string) int {
	switch verb {
	case "list":
		entries, err := os.ReadDir("/")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		for _, e := range entries {
			fmt.Println(e.Name())
		}
		return 0
	case "clocks":
		return clocks()
	}
	return 99
}

// TestNothingButOneBinary boots a root that holds one static file, without
// busybox, in every profile: all mount points are stubs (S2).
func TestNothingButOneBinary(t *testing.T) {
	dir := workDir(t)
	b := &bundle{t: t, dir: dir, mark: "E2E=" + dir}
	b.mkdir("rootfs")
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(b.path("rootfs/probe"), data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.spec = &specs.Spec{Version: specs.Version, Root: &specs.Root{Path: "rootfs"}, Linux: &specs.Linux{},
		Process: &specs.Process{Args: []string{"/probe"}, Cwd: "/", Env: []string{payloadEnv + "=list", b.mark}}}
	for profile, want := range map[string]string{
		"runsc": "dev\nprobe\nproc\nsys\ntmp\n", "runsc-2019": "dev\nprobe\nproc\nsys\ntmp\n",
		"runsc-2018": "dev\nprobe\nproc\nsys\ntmp\n", "oci": "dev\nprobe\n",
	} {
		for _, readonly := range []bool{false, true} {
			b.spec.Root.Readonly = readonly
			r := b.boot("--profile", profile)
			if r.Code != 0 || r.Out != want {
				t.Errorf("%s, read-only %v: exit %d, root holds %q, want %q; %s", profile, readonly, r.Code, r.Out, want, r.Err)
			}
		}
	}
}
