package tmpdetect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"github.com/nsboot/nsboot/pathres"
	"golang.org/x/sys/unix"
)

// Probe says what is at path inside the root. It follows links there only, and
// reads a directory only until its third entry. A link in any component makes it
// one of the Link cases.
//
// The error, for what is none of the cases (EACCES, EIO, a regular file on the way
// to path without any link), names the path.
func Probe(r pathres.Root, path string) (Found, error) {
	at, err := r.Lookup(path, true)
	if err == nil {
		return classify(r, at, Absent, Empty, Occupied, NotDir)
	}
	if !errors.Is(err, unix.ELOOP) {
		return Absent, err
	}
	at, err = r.Lookup(path, false)
	switch {
	case err == nil:
		return classify(r, at, LinkDangling, LinkEmpty, LinkOccupied, LinkNotDir)
	case errors.Is(err, unix.ELOOP):
		return LinkLoop, nil
	case errors.Is(err, unix.ENOTDIR):
		return LinkNotDir, nil
	case errors.Is(err, unix.ENOENT):
		return LinkDangling, nil
	}
	return Absent, err
}

// classify picks one of the four cases for a resolved path.
func classify(r pathres.Root, at pathres.Found, absent, empty, occupied, notDir Found) (Found, error) {
	if !at.Exists() {
		return absent, nil
	}
	if at.Mode&unix.S_IFMT != unix.S_IFDIR {
		return notDir, nil
	}
	fd, err := r.Open(at.Path, unix.O_RDONLY|unix.O_DIRECTORY, true)
	if err != nil {
		return absent, err
	}
	defer unix.Close(fd)
	more, err := hasEntry(func(buf []byte) (int, error) { return unix.Getdents(fd, buf) })
	if err != nil {
		return absent, fmt.Errorf("reading the directory %s: %w", at.Path, err)
	}
	if more {
		return occupied, nil
	}
	return empty, nil
}

// direntBuf holds '.', '..' and one entry of the longest name, in the order of
// any file system.
const direntBuf = 512

// hasEntry reports whether a directory has an entry other than '.' and '..', and
// stops at the first. Some file systems list those two late, or not at all: names
// are looked at, not numbers.
func hasEntry(getdents func([]byte) (int, error)) (bool, error) {
	buf := make([]byte, direntBuf)
	for {
		n, err := getdents(buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return false, err
		}
		for rec := buf[:n]; len(rec) > 0; {
			name, size := dirent(rec)
			if size == 0 {
				return false, unix.EIO
			}
			if name != "." && name != ".." {
				return true, nil
			}
			rec = rec[size:]
		}
	}
}

// dirent returns the name and the size of the first record; 0 for a damaged one.
func dirent(rec []byte) (name string, size int) {
	const (
		reclen = unsafe.Offsetof(unix.Dirent{}.Reclen)
		start  = unsafe.Offsetof(unix.Dirent{}.Name)
	)
	if len(rec) <= int(start) {
		return "", 0
	}
	size = int(binary.NativeEndian.Uint16(rec[reclen:]))
	if size <= int(start) || size > len(rec) {
		return "", 0
	}
	b := rec[start:size]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b), size
}
