package stubs_test

import (
	"fmt"
	"log"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/internal/stubs"
	"github.com/nsboot/nsboot/pathres"
)

func Example() {
	dir, err := os.MkdirTemp("", "stubs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(dir)
	base, state := dir+"/rootfs", dir+"/state"
	if err := os.Mkdir(base, 0o755); err != nil {
		log.Fatal(err)
	}
	defer os.Remove(base)
	defer os.Remove(state)
	root, err := pathres.Open(base)
	if err != nil {
		log.Fatal(err)
	}
	defer root.Close()

	j, err := stubs.Open(state, root, base, true)
	if err != nil {
		log.Fatal(err)
	}
	fd, _, err := root.Make("/srv/data", pathres.MakeOptions{DirMode: 0o755, Before: j.Before, Made: j.Made})
	if err != nil {
		log.Fatal(err)
	}
	unix.Close(fd)
	_, err = os.Stat(base + "/srv/data")
	fmt.Println("while in use:", err)

	if err := j.Close(); err != nil {
		log.Fatal(err)
	}
	entries, err := os.ReadDir(base)
	fmt.Println("afterwards:", len(entries), "entries,", err)
	// Output:
	// while in use: <nil>
	// afterwards: 0 entries, <nil>
}
