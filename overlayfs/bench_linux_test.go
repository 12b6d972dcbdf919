package overlayfs_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/overlayfs"
)

func BenchmarkMount(b *testing.B) {
	dir := scratch(b)
	l := overlayfs.Layers{Lower: []int{open(b, dir+"/l")}, Upper: open(b, dir+"/u"), Work: open(b, dir+"/w")}
	for _, bb := range []struct {
		name string
		l    overlayfs.Layers
		o    overlayfs.Options
	}{
		{"read-only", overlayfs.ReadOnly(l.Lower[0], l.Upper), overlayfs.Options{}},
		{"new upper", l, overlayfs.Options{NewUpper: true}},
		{"any upper", l, overlayfs.Options{}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				fd, err := overlayfs.Mount(bb.l, bb.o)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer() // taking it down waits for RCU
				unix.Close(fd)
				b.StartTimer()
			}
		})
	}
}
