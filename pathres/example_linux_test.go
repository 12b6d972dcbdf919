package pathres_test

import (
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// exampleRoot is a directory with a link in it that tries to leave.
func exampleRoot() string {
	dir, err := os.MkdirTemp("", "pathres")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Mkdir(dir+"/srv", 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.Symlink("../../../../srv/cache", dir+"/data"); err != nil {
		log.Fatal(err)
	}
	return dir
}

func ExampleRoot_Lookup() {
	dir := exampleRoot()
	defer os.RemoveAll(dir)
	r, err := pathres.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	f, err := r.Lookup("/data/new", false)
	fmt.Println(f.Path, f.Existing, f.Exists(), err)
	// Output: /srv/cache/new /srv false <nil>
}

func ExampleRoot_Make() {
	dir := exampleRoot()
	defer os.RemoveAll(dir)
	r, err := pathres.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	var made []pathres.Made
	fd, resolved, err := r.Make("/data/new", pathres.MakeOptions{
		DirMode: 0o755,
		Made:    func(m pathres.Made) error { made = append(made, m); return nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	unix.Close(fd) // after mounting on it
	fmt.Println("mount point", resolved)
	for i := len(made) - 1; i >= 0; i-- {
		gone, err := r.Remove(made[i])
		fmt.Println("removed", made[i].Path, gone, err)
	}
	// Output:
	// mount point /srv/cache/new
	// removed /srv/cache/new true <nil>
	// removed /srv/cache true <nil>
}

func ExampleLookPath() {
	dir := exampleRoot()
	defer os.RemoveAll(dir)
	r, err := pathres.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	_, err = pathres.LookPath(r, "prog", "/", []string{"PATH=/bin:/srv"}, pathres.RulesRunsc())
	fmt.Println(err)
	fmt.Println("exit code 127:", errors.Is(err, os.ErrNotExist))
	// Output:
	// finding executable prog (cwd /, PATH=/bin:/srv): no such file or directory
	// exit code 127: true
}
