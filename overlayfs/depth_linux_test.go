package overlayfs_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsboot/nsboot/overlayfs"
)

// A layer on two levels is found beforehand where the upper directory is not new:
// the kernel would have made its own directory in work by the time it looks.
func TestTooDeep(t *testing.T) {
	dir := scratch(t)
	empty := open(t, dir+"/empty")
	levels := []int{open(t, dir+"/tree")}
	for range 2 {
		fd, err := overlayfs.Mount(overlayfs.ReadOnly(levels[len(levels)-1], empty), overlayfs.Options{UserXattr: os.Getenv(inUserNamespace) != ""})
		if err != nil {
			t.Fatal(err)
		}
		levels = append(levels, open(t, attach(t, fd, dir+"/m"+string(rune('0'+len(levels))))))
	}
	for depth, under := range levels {
		l := overlayfs.Layers{Lower: []int{empty, under}, Upper: open(t, dir+"/u"), Work: open(t, dir+"/w")}
		before := openFDs(t)
		fd, err := overlayfs.Mount(l, overlayfs.Options{UserXattr: os.Getenv(inUserNamespace) != ""})
		if depth < 2 {
			if err != nil {
				t.Errorf("over %d levels: %v", depth, err)
			}
			unix.Close(fd)
			if err := os.RemoveAll(dir + "/w/work"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var me *overlayfs.MountError
		if !errors.Is(err, unix.EINVAL) || !errors.As(err, &me) || !strings.Contains(err.Error(), "lower layer 2 (") || !strings.Contains(err.Error(), "/m2") ||
			!strings.Contains(me.Hint, "two levels at most") {
			t.Errorf("over two levels: %v, hint %q", err, me.Hint)
		}
		if diff := cmp.Diff(map[string]string{}, list(t, dir+"/w")); diff != "" {
			t.Errorf("in the work directory (-want +got):\n%s", diff)
		}
		if after := openFDs(t); after != before {
			t.Errorf("%d descriptors open, %d before", after, before)
		}
	}
}
