package cgroup

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attachDevices puts device rules in force in a cgroup of v2, at once, in the
// place of those that it had.
func attachDevices(dir string, rules []deviceRule) error {
	cgroup, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("devices: %s: %w", dir, err)
	}
	defer unix.Close(cgroup)
	prog, err := loadProgram(deviceProgram(rules))
	if err != nil {
		return fmt.Errorf("devices: load the program: %w", err)
	}
	defer unix.Close(prog)
	old, err := attached(cgroup)
	if err != nil {
		return fmt.Errorf("devices: %w", err)
	}
	defer func() {
		for _, fd := range old {
			unix.Close(fd)
		}
	}()
	if err := attach(cgroup, prog, old); err != nil {
		return fmt.Errorf("devices: attach the program: %w", err)
	}
	// All programs of a cgroup have to agree: others would deny for ever what
	// the new rules allow.
	for i := 1; i < len(old); i++ {
		d := bpfAttach{target: uint32(cgroup), prog: uint32(old[i]), kind: unix.BPF_CGROUP_DEVICE}
		if _, err := bpf(unix.BPF_PROG_DETACH, unsafe.Pointer(&d), unsafe.Sizeof(d)); err != nil {
			return fmt.Errorf("devices: detach an older program: %w", err)
		}
	}
	return nil
}

// attach puts prog in the place of the first of old, if there are any.
func attach(cgroup, prog int, old []int) error {
	a := bpfAttach{target: uint32(cgroup), prog: uint32(prog), kind: unix.BPF_CGROUP_DEVICE, flags: unix.BPF_F_ALLOW_MULTI}
	if len(old) > 0 {
		a.flags, a.replace = a.flags|unix.BPF_F_REPLACE, uint32(old[0])
	}
	_, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&a), unsafe.Sizeof(a))
	return err
}

// bpfAttach is what BPF_PROG_ATTACH and BPF_PROG_DETACH take (linux/bpf.h).
type bpfAttach struct{ target, prog, kind, flags, replace uint32 }

// loadProgram hands a device program to the kernel, which verifies it.
func loadProgram(text []byte) (int, error) {
	license := append([]byte("Apache-2.0"), 0)
	a := struct {
		kind, count   uint32
		text, license uint64
	}{kind: unix.BPF_PROG_TYPE_CGROUP_DEVICE, count: uint32(len(text) / 8)}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&text[0])
	pin.Pin(&license[0])
	a.text, a.license = uint64(uintptr(unsafe.Pointer(&text[0]))), uint64(uintptr(unsafe.Pointer(&license[0])))
	return bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&a), unsafe.Sizeof(a))
}

// attached opens the device programs of a cgroup itself, not of those above.
func attached(cgroup int) (fds []int, err error) {
	var ids [64]uint32 // as many as the kernel lets one cgroup have
	a := struct {
		target, kind, query, flags uint32
		ids                        uint64
		count, _                   uint32
	}{target: uint32(cgroup), kind: unix.BPF_CGROUP_DEVICE, count: uint32(len(ids))}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&ids)
	a.ids = uint64(uintptr(unsafe.Pointer(&ids)))
	if _, err := bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&a), unsafe.Sizeof(a)); err != nil {
		return nil, fmt.Errorf("list the programs: %w", err)
	}
	for _, id := range ids[:a.count] {
		by := struct{ id, next, flags uint32 }{id: id}
		fd, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&by), unsafe.Sizeof(by))
		if err != nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
			return nil, fmt.Errorf("open program %d: %w", id, err)
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
		switch errno {
		case 0:
			return int(r), nil
		case unix.EINTR, unix.EAGAIN: // the verifier was interrupted
			continue
		case unix.ENOSYS, unix.EINVAL:
			return 0, fmt.Errorf("%w: the kernel may be without CONFIG_CGROUP_BPF", errno)
		}
		return 0, errno
	}
}
