package pathres

import (
	"bytes"
	"encoding/binary"
)

const (
	elfPhdrMax = 1 << 16 // the kernel refuses longer program header tables
	ptInterp   = 3
)

// loader returns where in an ELF file the path of its loader stands, as the
// kernel reads PT_INTERP; size is 0 if the file is no ELF or asks for none.
// readAt reads n bytes at off of the file, or fewer.
func loader(readAt func(off int64, n int) []byte) (off int64, size int) {
	head := readAt(0, 64)
	if len(head) < 52 || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return 0, 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	var table int64
	var entry, want, count int
	wide := head[4] == 2
	switch {
	case wide && len(head) == 64:
		table, entry, count, want = int64(order.Uint64(head[32:])), int(order.Uint16(head[54:])), int(order.Uint16(head[56:])), 56
	case !wide:
		table, entry, count, want = int64(order.Uint32(head[28:])), int(order.Uint16(head[42:])), int(order.Uint16(head[44:])), 32
	}
	if want == 0 || entry != want || entry*count > elfPhdrMax {
		return 0, 0 // nothing that the kernel would execute
	}
	phdrs := readAt(table, entry*count)
	for ; len(phdrs) >= entry; phdrs = phdrs[entry:] {
		if order.Uint32(phdrs) != ptInterp {
			continue
		}
		if wide {
			off, size = int64(order.Uint64(phdrs[8:])), int(order.Uint64(phdrs[32:]))
		} else {
			off, size = int64(order.Uint32(phdrs[4:])), int(order.Uint32(phdrs[16:]))
		}
		if size < 2 || size > maxPath {
			return 0, 0
		}
		return off, size // of several the first counts
	}
	return 0, 0
}

// loaderPath is the path itself; "" if there is none.
func loaderPath(readAt func(off int64, n int) []byte) string {
	off, size := loader(readAt)
	if size == 0 {
		return ""
	}
	text := readAt(off, size)
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	return string(text)
}
