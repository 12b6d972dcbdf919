package nsmount

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// span is a run of whole pages of the address space.
type span struct{ from, to uintptr }

// forgettable lists the memory that a held process has no use for: all of nsboot's
// writable memory but the pages that the script is on, and nsboot's program, which
// comes back as far as it is used. The child, a copy of nsboot, would otherwise
// keep more than a megabyte of it for as long as it waits. The child leaves out its
// stack by itself: it may have moved since.
func (s *script) forgettable() []span {
	text, err := readKernelFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	spans := make([]span, 0, 64)
	keep := s.needed()
	for line := range bytes.Lines(text) {
		if from, to, ok := private(line); ok {
			spans = without(spans, span{from, to}, keep)
		}
	}
	return spans
}

// private reads a line of /proc/PID/maps: is it memory of the process's own, or
// part of its program?
func private(line []byte) (from, to uintptr, ok bool) {
	f := bytes.Fields(line)
	if len(f) < 5 {
		return 0, 0, false
	}
	switch perms := string(f[1]); {
	case perms == "rw-p":
	case (perms == "r-xp" || perms == "r--p") && string(f[4]) != "0": // its inode
	default:
		return 0, 0, false
	}
	a, b, _ := bytes.Cut(f[0], []byte("-"))
	lo, err1 := strconv.ParseUint(string(a), 16, 64)
	hi, err2 := strconv.ParseUint(string(b), 16, 64)
	return uintptr(lo), uintptr(hi), err1 == nil && err2 == nil
}

// needed lists what the child reads while it waits and afterwards, in order.
func (s *script) needed() []span {
	page := uintptr(unix.Getpagesize())
	var keep []span
	add := func(p unsafe.Pointer, size uintptr) {
		if p != nil && size > 0 {
			keep = append(keep, span{uintptr(p) &^ (page - 1), (uintptr(p) + size + page - 1) &^ (page - 1)})
		}
	}
	add(unsafe.Pointer(s), unsafe.Sizeof(*s))
	add(unsafe.Pointer(s.filter.prog.Filter), uintptr(s.filter.prog.Len)*sizeofSockFilter)
	for _, list := range []**byte{s.argv, s.envv} {
		n := uintptr(0)
		for ; ; n++ {
			str := *(**byte)(unsafe.Add(unsafe.Pointer(list), n*unsafe.Sizeof(list)))
			if str == nil {
				break
			}
			add(unsafe.Pointer(str), uintptr(len(unix.BytePtrToString(str)))+1)
		}
		add(unsafe.Pointer(list), (n+1)*unsafe.Sizeof(list))
	}
	slices.SortFunc(keep, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return keep
}

// without appends what is left of whole once keep, which is in order, is taken
// out.
func without(out []span, whole span, keep []span) []span {
	for _, k := range keep {
		if k.to <= whole.from || k.from >= whole.to {
			continue
		}
		if k.from > whole.from {
			out = append(out, span{whole.from, k.from})
		}
		whole.from = max(whole.from, k.to)
	}
	if whole.from < whole.to {
		out = append(out, whole)
	}
	return out
}

// stackRoom is what the child leaves alone on either side of where its stack
// is: its frames from there on need a few hundred bytes.
const stackRoom = 32 << 10

// forget gives the memory back. After it nothing of the Go runtime may be used,
// which the child does not in any case.
//
//go:noinline
//go:norace
//go:nosplit
func forget(s *script) {
	var here byte
	at := uintptr(unsafe.Pointer(&here)) &^ 4095
	for i := 0; i < s.nForget; i++ {
		sp := *(*span)(unsafe.Add(unsafe.Pointer(&s.forget), uintptr(i)*unsafe.Sizeof(s.forget[0])))
		if sp.from < at-stackRoom {
			adviseDontNeed(sp.from, min(sp.to, at-stackRoom))
		}
		if sp.to > at+stackRoom {
			adviseDontNeed(max(sp.from, at+stackRoom), sp.to)
		}
	}
}

//go:norace
//go:nosplit
func adviseDontNeed(from, to uintptr) {
	if from < to {
		syscall.RawSyscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED) // what it refuses stays
	}
}
