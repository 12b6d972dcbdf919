package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// listener is what gives the listener of the process's seccomp filter to the
// agent at linux.seccomp.listenerPath, with the container's state as
// runtime-spec's container process state has it; nil if it has none. That pid 0
// stands for the process's own.
func listener(p *nsmount.Process, state stateJSON) func(pid, fd int) error {
	if p.Seccomp == nil || !p.Seccomp.Notify {
		return nil
	}
	return func(pid, fd int) error {
		s := specs.ContainerProcessState{
			Version: specs.Version, Fds: []string{specs.SeccompFdName}, Pid: pid, Metadata: p.Seccomp.ListenerMetadata,
			State: specs.State{
				Version: state.Version, ID: state.ID, Status: specs.ContainerState(state.Status), Pid: state.Pid,
				Bundle: state.Bundle, Annotations: state.Annotations,
			},
		}
		if s.State.Pid == 0 {
			s.State.Pid = pid
		}
		if err := sendDescriptor(p.Seccomp.ListenerPath, s, fd); err != nil {
			return fmt.Errorf("linux.seccomp.listenerPath %s: %w", p.Seccomp.ListenerPath, err)
		}
		return nil
	}
}

// creating is the state of a container that is being made, for listener.
func creating(b *bundle, id string) stateJSON {
	return stateJSON{Version: b.spec.Version, ID: id, Status: container.Creating, Bundle: b.dir, Annotations: b.spec.Annotations}
}

// sendDescriptor makes a connection for one message: v as JSON, the descriptor
// with its first byte.
func sendDescriptor(path string, v any, fd int) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(conn)
	if err := unix.Connect(conn, &unix.SockaddrUnix{Name: path}); err != nil {
		return fmt.Errorf("connect to the agent: %w", err)
	}
	rights := unix.UnixRights(fd)
	for len(text) > 0 {
		n, err := unix.SendmsgN(conn, text, rights, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("tell the agent: %w", err)
		}
		text, rights = text[n:], nil
	}
	return nil
}

// debugSeccomp names what of the filter means nothing here.
func (a *app) debugSeccomp(p *nsmount.Process) {
	if a.log.debug && p.Seccomp != nil && len(p.Seccomp.Skipped) > 0 {
		a.log.debugf("linux.seccomp: no system calls of this machine, skipped: " + strings.Join(p.Seccomp.Skipped, ", "))
	}
}
