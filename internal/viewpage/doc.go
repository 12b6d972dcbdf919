// Package viewpage writes what nsboot compare found as one HTML page.
//
//	err := viewpage.Write(f, report)
//
// # What it guarantees
//
//   - The page is whole in itself: no script, no request to anywhere, and a policy
//     in it that forbids both.
//   - It is readable dark and light, as the reader's system has it, and on paper;
//     what has a colour has a word or a sign too. Long names are wrapped, not cut.
//   - Whatever a file is called, it is text.
//
// # What it does not
//
// It does not hold all of a large tree: what is the same in both is left out then,
// and says so.
//
// # Where it differs from runsc
//
// In nothing: it shows what was found.
package viewpage
