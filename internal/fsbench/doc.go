// Package fsbench measures what small operations on files cost a process, place
// by place, so that two file systems can be compared.
//
//	err := fsbench.Measure(fsview.NewWriter(os.Stdout), fsbench.Options{Places: []string{"/", "/tmp"}})
//
// The times are records of a view: a place, and by operation the samples in ns.
// Each sample is the mean of a batch that takes about a millisecond, after one
// batch that is thrown away.
//
// # What it guarantees
//
//   - What it makes is in a directory of a random name, which is gone afterwards; the
//     times of the directory that it was in are put back.
//   - An operation that cannot be made has the errno's name for its time.
//   - One place takes about a second.
//
// # What it does not
//
//   - It does not drop caches: everything is warm.
//   - It does not know what else the machine does; whoever compares measures in
//     turns.
//
// # Where it differs from runsc
//
// In nothing: it measures what it runs on.
package fsbench
