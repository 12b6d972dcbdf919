package nsmount_test

import (
	"fmt"
	"log"
	"os"

	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A bundle with one read-only bind: what would be mounted, in order.
func ExampleCompile() {
	spec := &specs.Spec{
		Root:   &specs.Root{Path: "rootfs", Readonly: true},
		Mounts: []specs.Mount{{Destination: "/data", Type: "bind", Source: "src", Options: []string{"ro"}}},
	}
	plan, err := nsmount.Compile(spec, nsmount.Options{Bundle: "/srv/bundle"})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range plan.Steps {
		fmt.Println(s.Op, s.Target, s.Source, s.Flags)
	}
	// Output:
	// root / /srv/bundle/rootfs [ro]
	// mount /sys sysfs [ro nosuid nodev noexec]
	// dev /dev tmpfs [nosuid]
	// mount /proc proc [nosuid nodev noexec]
	// bind /data /srv/bundle/src [ro]
	// mount /dev/pts devpts [nosuid noexec]
	// tmp /tmp tmpfs [nosuid nodev]
}

// What a rule of the profile says to warn about is in the plan.
func ExamplePlan_warnings() {
	spec := &specs.Spec{
		Root:   &specs.Root{Path: "/srv/rootfs"},
		Mounts: []specs.Mount{{Destination: "/dev/mqueue", Type: "mqueue"}},
	}
	plan, err := nsmount.Compile(spec, nsmount.Options{Profile: "runsc"})
	if err != nil {
		log.Fatal(err)
	}
	for _, w := range plan.Warnings {
		fmt.Println(w)
	}
	// Output:
	// mounts[0]: file system type "mqueue" is unknown to runsc: /dev/mqueue is not mounted (C6)
}

// Mount a bundle's tree at a directory of this mount namespace, and take it
// down again. It needs root, and the goroutine locked to its thread.
func ExampleApply() {
	spec := &specs.Spec{Root: &specs.Root{Path: "/srv/rootfs", Readonly: true}}
	plan, err := nsmount.Compile(spec, nsmount.Options{})
	if err != nil {
		log.Fatal(err)
	}
	tree, err := nsmount.Apply(plan, nsmount.ApplyOptions{Target: "/mnt"})
	if err != nil {
		log.Fatal(err)
	}
	defer tree.Close()
	entries, _ := os.ReadDir("/mnt/dev")
	fmt.Println(len(entries), "devices and links")
}

// Boot a bundle: the process's exit code is returned, unless the calling
// process became it.
func ExampleBoot() {
	spec := &specs.Spec{
		Root:    &specs.Root{Path: "/srv/rootfs"},
		Process: &specs.Process{Args: []string{"/bin/true"}, Cwd: "/"},
		Linux:   &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}}},
	}
	plan, err := nsmount.Compile(spec, nsmount.Options{Profile: "oci"})
	if err != nil {
		log.Fatal(err)
	}
	process, err := nsmount.CompileProcess(spec)
	if err != nil {
		log.Fatal(err)
	}
	code, err := nsmount.Boot(plan, process, nsmount.BootOptions{})
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}
