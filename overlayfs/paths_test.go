package overlayfs_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsboot/nsboot/overlayfs"
)

func TestParseOptions(t *testing.T) {
	layers := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = "/l" + strconv.Itoa(i)
		}
		return "lowerdir=" + strings.Join(list, ":")
	}
	for _, tt := range []struct {
		name    string
		options []string
		want    overlayfs.PathList
		rest    []string
		err     string
	}{
		{"two lower", []string{"lowerdir=/a:/b"}, overlayfs.PathList{Lower: []string{"/a", "/b"}}, nil, ""},
		{"all", []string{"index=off", "lowerdir=/a", "upperdir=/u", "workdir=/w", "volatile"},
			overlayfs.PathList{Lower: []string{"/a"}, Upper: "/u", Work: "/w"}, []string{"index=off", "volatile"}, ""},
		{"escapes", []string{`lowerdir=/a\:b:/c\,d\\e,f=g`, `upperdir=/u\:v:w`, `workdir=/x\`},
			overlayfs.PathList{Lower: []string{"/a:b", `/c,d\e,f=g`}, Upper: "/u:v:w", Work: `/x\`}, nil, ""},
		{"one a time, to the letter", []string{`lowerdir+=/a:b`, `lowerdir+=/c\d`}, overlayfs.PathList{Lower: []string{"/a:b", `/c\d`}}, nil, ""},
		{"list, then one more", []string{"lowerdir=/a", "lowerdir+=/b"}, overlayfs.PathList{Lower: []string{"/a", "/b"}}, nil, ""},
		{"relative", []string{"lowerdir=a:b"}, overlayfs.PathList{Lower: []string{"a", "b"}}, nil, ""},
		{"newline", []string{"lowerdir=/a\nb:/c"}, overlayfs.PathList{Lower: []string{"/a\nb", "/c"}}, nil, ""},

		{name: "none", err: "no lowerdir"},
		{name: "one", options: []string{"lowerdir=/a"}, err: "merges two or more"},
		{name: "empty", options: []string{"lowerdir="}, err: "lower layer 1 of 1 has no name"},
		{name: "empty between", options: []string{`lowerdir=/a:`}, err: "lower layer 2 of 2 has no name"},
		{name: "data only", options: []string{"lowerdir=/a:/b::/c"}, err: "data alone"},
		{name: "data only, one a time", options: []string{"lowerdir=/a:/b", "datadir+=/c"}, err: "data alone"},
		{name: "twice", options: []string{"lowerdir=/a:/b", "lowerdir=/c"}, err: "lowerdir is there twice"},
		{name: "upper twice", options: []string{"lowerdir=/a", "upperdir=/u", "upperdir=/v", "workdir=/w"}, err: "upperdir is there twice"},
		{name: "no work", options: []string{"lowerdir=/a", "upperdir=/u"}, err: "upperdir without workdir"},
		{name: "no upper", options: []string{"lowerdir=/a:/b", "workdir=/w"}, err: "workdir without upperdir"},
		{name: "upper without a name", options: []string{"lowerdir=/a", "upperdir"}, err: "upperdir names no directory"},
		{name: "upper is work", options: []string{"lowerdir=/a", "upperdir=/u", "workdir=/u"}, err: "the same directory"},
		{name: "NUL", options: []string{"lowerdir=/a\x00:/b"}, err: "NUL"},
		{name: "NUL in upper", options: []string{"lowerdir=/a", "upperdir=/u\x00", "workdir=/w"}, err: "NUL"},
		{name: "501", options: []string{layers(501)}, err: "501 lower layers: the limit is 500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, rest, err := overlayfs.ParseOptions(tt.options)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again, _, err := overlayfs.ParseOptions(got.Options()); err != nil || !cmp.Equal(got, again) {
				t.Errorf("Options() of it give %+v, %v", again, err)
			}
			if diff := cmp.Diff(tt.rest, rest); diff != "" {
				t.Errorf("the other options (-want +got):\n%s", diff)
			}
		})
	}
	if l, _, err := overlayfs.ParseOptions([]string{layers(500)}); err != nil || len(l.Lower) != 500 {
		t.Errorf("500 layers: %v", err)
	}
}
