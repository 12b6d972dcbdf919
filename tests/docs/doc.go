// Package docs keeps the documents of the project true. It holds no importable
// code.
//
//	go test ./tests/docs                    # all; the transcripts need root and a static busybox
//	go test ./tests/docs -run Transcripts   # README.md's commands, run again
//	go test ./tests/docs -update            # rewrite README.md's transcripts; read the diff
//	NSBOOT_BIN=/usr/bin/nsboot go test ./tests/docs
//
// # What it guarantees
//
//   - Every relative link of a document leads to a file and a heading that exist.
//   - What README.md shows after <!-- transcript --> is what the commands print;
//     its Go example compiles.
//   - Every flag, command and make target that a document names exists.
//   - Every row of DIVERGENCES.md names tests that exist, and every divergence of
//     tests/parity has a row that names its cases.
//   - docs/config.md lists exactly the fields that internal/config honours, warns
//     of and refuses.
//   - Every rule cited in code, cases and documents is in docs/semantics.md.
//
// # What it does not
//
// It cannot tell whether a sentence is true, only whether what it points at is
// there. The claims of DIVERGENCES.md that no other package tests are tested in
// divergences_test.go.
//
// # Where it differs from runsc
//
// In nothing: see DIVERGENCES.md.
package docs
