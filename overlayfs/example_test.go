package overlayfs_test

import (
	"errors"
	"fmt"
	"log"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/overlayfs"
)

// A read-only tree with a layer of stubs below it. It needs CAP_SYS_ADMIN.
func ExampleMount() {
	open := func(dir string) int {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			log.Fatal(err)
		}
		return fd
	}
	fd, err := overlayfs.Mount(overlayfs.ReadOnly(open("/srv/rootfs"), open("/srv/stubs")), overlayfs.Options{})
	var me *overlayfs.MountError
	if errors.As(err, &me) {
		log.Fatalf("%v\n  hint: %s", me, me.Hint)
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, "/mnt", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		log.Fatal(err)
	}
}

func ExampleCheck() {
	err := overlayfs.Check(overlayfs.ReadOnly(make([]int, 501)...))
	fmt.Println(err)
	var me *overlayfs.MountError
	if errors.As(err, &me) {
		fmt.Println("  hint:", me.Hint)
	}
	// Output:
	// overlay: checking the layers: 501 lower layers, the kernel takes 500
	//   hint: merge some layers into one directory first
}
