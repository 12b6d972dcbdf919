package tmpdetect_test

import (
	"fmt"
	"log"
	"os"

	"github.com/nsboot/nsboot/pathres"
	"github.com/nsboot/nsboot/tmpdetect"
)

func ExampleProbe() {
	dir, err := os.MkdirTemp("", "tmpdetect")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.MkdirAll(dir+"/tmp/lost+found", 0o755); err != nil {
		log.Fatal(err)
	}
	root, err := pathres.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer root.Close()

	found, err := tmpdetect.Probe(root, "/tmp")
	if err != nil {
		log.Fatal(err)
	}
	action, err := tmpdetect.Decide(tmpdetect.RuleRunsc(), found)
	fmt.Printf("%v: %v %v\n", found, action, err)
	// Output: a directory with entries: leave <nil>
}
