package stubs

import (
	"testing"

	"github.com/nsboot/nsboot/pathres"
)

// The usual case of a boot: nobody has made stubs in the base.
func BenchmarkOpenNone(b *testing.B) {
	root, err := pathres.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	state := b.TempDir()
	for b.Loop() {
		if j, err := Open(state, root, "", false); j != nil || err != nil {
			b.Fatal(j, err)
		}
	}
}
