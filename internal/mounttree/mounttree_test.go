package mounttree

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVisible(t *testing.T) {
	for _, tc := range []struct {
		name  string
		table []Mount
		want  []bool
	}{
		{"none", nil, []bool{}},
		{"no root", []Mount{{2, 1, "/mnt"}}, []bool{false}},
		{"side by side", []Mount{{1, 0, "/"}, {2, 1, "/a"}, {3, 2, "/a/b"}, {4, 1, "/ab"}}, []bool{true, true, true, true}},
		{"stacked", []Mount{{1, 0, "/"}, {2, 1, "/a"}, {3, 2, "/a"}}, []bool{true, false, true}},
		{"covered from above", []Mount{{1, 0, "/"}, {2, 1, "/a/b"}, {3, 1, "/a"}}, []bool{true, false, true}},
		{"below what is covered", []Mount{{1, 0, "/"}, {2, 1, "/a"}, {3, 2, "/a/b"}, {4, 2, "/a"}}, []bool{true, false, false, true}},
		{"a root on the root", []Mount{{1, 0, "/"}, {2, 1, "/a"}, {3, 1, "/"}}, []bool{false, false, true}},
		{"its own parent", []Mount{{1, 1, "/"}, {2, 1, "/a"}}, []bool{true, true}},
	} {
		if d := cmp.Diff(tc.want, Visible(tc.table)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}
