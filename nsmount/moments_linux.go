package nsmount

// Moments are calls at the moments of a container's life that runtime-spec
// names for hooks. Each is told the pid of the container's process, which waits
// until they have returned; an error of any but Started ends the boot.
type Moments struct {
	// Runtime and Container are called once all is mounted, before the root is
	// switched: Runtime in the caller's own namespaces, Container on the thread
	// that is in the container's (all but the pid namespace).
	Runtime, Container func(pid int) error

	// Start is called when all is ready but the process has not been executed,
	// Started when it has; both in the caller's own namespaces. Create calls
	// neither: they are its caller's, around Start.
	Start, Started func(pid int) error
}

func (m *Moments) built(pid int) error {
	if m == nil {
		return nil
	}
	if err := m.inHost(m.Runtime, pid); err != nil {
		return err
	}
	if m.Container == nil {
		return nil
	}
	return m.Container(pid)
}

// inHost makes a call on a thread that has entered nothing.
func (m *Moments) inHost(call func(int) error, pid int) error {
	if call == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- call(pid) }()
	return <-done
}

func (m *Moments) start(pid int) error {
	if m == nil {
		return nil
	}
	return m.inHost(m.Start, pid)
}

func (m *Moments) started(pid int) error {
	if m == nil {
		return nil
	}
	return m.inHost(m.Started, pid)
}
