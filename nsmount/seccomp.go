package nsmount

import (
	"encoding/binary"
	"runtime"

	"github.com/nsboot/nsboot/internal/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Seccomp is linux.seccomp, compiled for this machine: what a process that
// joins the container later gets as well.
type Seccomp struct {
	Program []byte `json:"program"`         // struct sock_filter, one after another, as the kernel reads them
	Flags   uint32 `json:"flags,omitzero"`  // of seccomp(2)
	Notify  bool   `json:"notify,omitzero"` // somebody at ListenerPath is asked about some calls

	ListenerPath     string `json:"listenerPath,omitzero"`
	ListenerMetadata string `json:"listenerMetadata,omitzero"`

	// Skipped are the names that are no system calls here.
	Skipped []string `json:"-"`
}

// sizeofSockFilter is the size of struct sock_filter.
const sizeofSockFilter = 8

// compileSeccomp returns nil where no filter is asked for.
func compileSeccomp(in *specs.LinuxSeccomp) (*Seccomp, error) {
	f, err := seccomp.Compile(in, runtime.GOARCH)
	if f == nil || err != nil {
		return nil, err
	}
	s := &Seccomp{Flags: f.Flags, Notify: f.Notify, Skipped: f.Skipped, Program: make([]byte, 0, sizeofSockFilter*len(f.Program))}
	for _, i := range f.Program {
		s.Program = binary.NativeEndian.AppendUint16(s.Program, i.Op)
		s.Program = append(s.Program, i.Jt, i.Jf)
		s.Program = binary.NativeEndian.AppendUint32(s.Program, i.K)
	}
	if f.Notify {
		s.ListenerPath, s.ListenerMetadata = in.ListenerPath, in.ListenerMetadata
	}
	return s, nil
}
