package pathres

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// elfFile is the head of a program with one PT_LOAD and one PT_INTERP.
func elfFile(order binary.ByteOrder, wide bool, interp string) []byte {
	head, entry := 52, 32
	if wide {
		head, entry = 64, 56
	}
	out := make([]byte, head+2*entry)
	copy(out, "\x7fELF")
	out[4], out[5] = 1, 1
	if order == binary.BigEndian {
		out[5] = 2
	}
	second := out[head+entry:]
	order.PutUint32(out[head:], 1)
	order.PutUint32(second, ptInterp)
	at, size := uint64(len(out)), uint64(len(interp)+1)
	if wide {
		out[4] = 2
		order.PutUint64(out[32:], uint64(head))
		order.PutUint16(out[54:], uint16(entry))
		order.PutUint16(out[56:], 2)
		order.PutUint64(second[8:], at)
		order.PutUint64(second[32:], size)
	} else {
		order.PutUint32(out[28:], uint32(head))
		order.PutUint16(out[42:], uint16(entry))
		order.PutUint16(out[44:], 2)
		order.PutUint32(second[4:], uint32(at))
		order.PutUint32(second[16:], uint32(size))
	}
	return append(append(out, interp...), 0)
}

// readsFrom is a file of that content.
func readsFrom(file []byte) func(int64, int) []byte {
	return func(off int64, n int) []byte {
		if off < 0 || n < 0 || off > int64(len(file)) {
			return nil
		}
		return file[off:min(int64(len(file)), off+int64(n))]
	}
}

func TestLoaderPath(t *testing.T) {
	const want = "/lib/ld.so"
	le, be := binary.LittleEndian, binary.BigEndian
	good := elfFile(le, true, want)
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"64 bits", good, want},
		{"32 bits", elfFile(le, false, want), want},
		{"big-endian, 64 bits", elfFile(be, true, want), want},
		{"big-endian, 32 bits", elfFile(be, false, want), want},
		{"no ELF", []byte("#!/bin/sh\n"), ""},
		{"empty", nil, ""},
		{"cut in the header", good[:63], ""},
		{"cut in the program headers", good[:100], ""},
		{"static", bytes.Replace(good, []byte{ptInterp, 0, 0, 0}, []byte{4, 0, 0, 0}, 1), ""},
		{"no path", elfFile(le, true, ""), ""},
		{"a path too long", elfFile(le, true, string(bytes.Repeat([]byte("x"), maxPath))), ""},
		{"up to the first NUL", elfFile(le, true, want+"\x00junk"), want},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := loaderPath(readsFrom(tt.file)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzLoaderPath: whatever the file says, nothing outside it is read.
func FuzzLoaderPath(f *testing.F) {
	f.Add(elfFile(binary.LittleEndian, true, "/lib/ld.so"))
	f.Add(elfFile(binary.BigEndian, false, "/lib/ld.so"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if got := loaderPath(readsFrom(file)); len(got) > maxPath {
			t.Errorf("%d bytes of path", len(got))
		}
	})
}
