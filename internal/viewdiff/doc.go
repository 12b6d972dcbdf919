// Package viewdiff compares two views of a file system and says which of the
// differences are known.
//
//	r, err := viewdiff.Compare(
//		viewdiff.Side{Name: "nsboot", View: fsview.NewReader(a)},
//		viewdiff.Side{Name: "runsc", View: fsview.NewReader(b)}, viewdiff.Options{})
//	viewdiff.WriteText(os.Stdout, r, false)
//
// It is pure: two streams of sorted records are merged.
//
// # What it guarantees
//
//   - Each thing that is in either view is counted once: as the same, as known or as
//     different. An entry of the tree is one thing; of all else each fact is one.
//   - What is known is a row of DIVERGENCES.md, named; a test holds each to the
//     page. A rule of known.go says which values it explains, and no others.
//   - Memory grows with the differences, not with the views.
//
// # What it does not
//
//   - It does not know which side is right.
//   - A directory that only one side has is one difference, with all below it.
//
// # Where it differs from runsc
//
// In nothing: it runs nowhere near a container.
package viewdiff
