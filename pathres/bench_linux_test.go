package pathres

import (
	"testing"

	"golang.org/x/sys/unix"
)

func BenchmarkMakeExisting(b *testing.B) {
	r, _ := tree(b, "a/b/c/")
	for b.Loop() {
		fd, _, err := r.Make("/a/b/c", MakeOptions{DirMode: 0o755})
		if err != nil {
			b.Fatal(err)
		}
		unix.Close(fd)
	}
}

func BenchmarkMakeRemove(b *testing.B) {
	r, _ := tree(b, "a/b/c/")
	var m Made
	o := MakeOptions{DirMode: 0o755, Made: func(x Made) error { m = x; return nil }}
	for b.Loop() {
		fd, _, err := r.Make("/a/b/c/d", o)
		if err != nil {
			b.Fatal(err)
		}
		unix.Close(fd)
		if ok, err := r.Remove(m); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	r, _ := tree(b, "a/b/c/")
	for b.Loop() {
		if _, err := r.Lookup("/a/b/c", false); err != nil {
			b.Fatal(err)
		}
	}
}
