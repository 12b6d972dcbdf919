package terminal

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// forever is a timeout that never is up.
const forever = time.Duration(-1)

// The caller's descriptors.
const stdin, stdout = 0, 1

// input types what comes on standard input. At its end it waits to be told that
// the process has ended.
func (s *Session) input(master int) {
	buf := make([]byte, 4096)
	for {
		fds := await(forever, unix.PollFd{Fd: stdin, Events: unix.POLLIN}, unix.PollFd{Fd: int32(s.quit), Events: unix.POLLIN})
		if fds[1].Revents != 0 {
			return
		}
		n, err := unix.Read(stdin, buf)
		switch {
		case retry(err):
			continue
		case err == nil && n > 0:
			if !s.typeIn(master, buf[:n]) {
				return
			}
			continue
		case s.caller == nil:
			s.typeEnd(master)
		}
		return
	}
}

// retry reports whether a read or write is to be tried once more: for poll said
// that it could be done.
func retry(err error) bool { return errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) }

// typeIn writes to the master as the process reads; it gives up when the process
// has ended, or has let go of the terminal.
func (s *Session) typeIn(master int, text []byte) bool {
	for len(text) > 0 {
		fds := await(forever, unix.PollFd{Fd: int32(master), Events: unix.POLLOUT}, unix.PollFd{Fd: int32(s.quit), Events: unix.POLLIN})
		if fds[1].Revents != 0 {
			return false
		}
		n, err := unix.Write(master, text)
		switch {
		case err == nil:
			text = text[n:]
		case errors.Is(err, unix.EIO): // no process has it open just now
			if await(reopened, unix.PollFd{Fd: int32(s.quit), Events: unix.POLLIN})[0].Revents != 0 {
				return false
			}
		case !retry(err):
			return false
		}
	}
	return true
}

// reopened is how often a terminal that no process has open is looked at again: a
// daemon closes its own and opens /dev/console later.
const reopened = 50 * time.Millisecond

// typeEnd has the process read an end of file, each time that it reads: it is the
// end of a file that was typed, and a shell would wait for more for ever. The
// terminal's character for it (Ctrl-D) is typed whenever the one before has been
// read; a program that reads raw gets that character.
func (s *Session) typeEnd(master int) {
	slave, err := peer(master, unix.O_NONBLOCK)
	if err != nil {
		return
	}
	defer unix.Close(slave)
	const longest = 500 * time.Millisecond
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, longest) {
		if pending := await(0, unix.PollFd{Fd: int32(slave), Events: unix.POLLIN}); pending[0].Revents&unix.POLLIN == 0 {
			if !s.typeIn(master, []byte{endOf(slave)}) {
				return
			}
		}
		if await(pause, unix.PollFd{Fd: int32(s.quit), Events: unix.POLLIN})[0].Revents != 0 {
			return
		}
	}
}

// endOf is the terminal's character for the end of a file.
func endOf(slave int) byte {
	const usual = 'D' - '@'
	t, err := unix.IoctlGetTermios(slave, unix.TCGETS)
	if err != nil || t.Cc[unix.VEOF] == 0 {
		return usual
	}
	return t.Cc[unix.VEOF]
}

// lastOutput is more than a terminal holds that nobody reads: what comes after it,
// once the process has ended, others write that it left running.
const lastOutput = 1 << 20

// output shows what the process writes, until it has ended and all of it is out.
// Where nobody takes it any more the terminal is hung up: a plain command would
// have had SIGPIPE.
func (s *Session) output(master int) {
	buf := make([]byte, 32<<10)
	timeout, left := forever, lastOutput
	for left > 0 {
		fds := await(timeout, unix.PollFd{Fd: int32(master), Events: unix.POLLIN}, unix.PollFd{Fd: int32(s.ended), Events: unix.POLLIN})
		if timeout != 0 && fds[1].Revents != 0 {
			timeout = 0 // look once more: what was written before is there by now
			continue
		}
		if fds[0].Revents == 0 {
			return
		}
		n, err := unix.Read(master, buf)
		switch {
		case err == nil && n > 0:
			if timeout == 0 {
				left -= n
			}
			if !show(buf[:n]) {
				s.cutOff()
				return
			}
		case retry(err):
		case timeout == 0: // EIO: no process has it open, and none will
			return
		default:
			await(reopened, unix.PollFd{Fd: int32(s.ended), Events: unix.POLLIN})
		}
	}
}

// cutOff hangs up, once the input side is through with the master.
func (s *Session) cutOff() {
	signal(s.quit)
	<-s.typed
	s.hangUp()
}

// show writes to standard output.
func show(text []byte) bool {
	for len(text) > 0 {
		n, err := unix.Write(stdout, text)
		switch {
		case err == nil:
			text = text[n:]
		case errors.Is(err, unix.EAGAIN): // the caller's is non-blocking
			await(forever, unix.PollFd{Fd: stdout, Events: unix.POLLOUT})
		case !errors.Is(err, unix.EINTR):
			return false
		}
	}
	return true
}
