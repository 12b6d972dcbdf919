package overlayfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount makes a detached overlay mount of l and returns its descriptor, close on
// exec; unix.MoveMount puts it in place. It needs CAP_SYS_ADMIN in the mount
// namespace's user namespace. Errors are *[MountError].
func Mount(l Layers, o Options) (fd int, err error) {
	if err := Check(l); err != nil {
		return -1, err
	}
	opts, err := o.settings()
	if err != nil {
		return -1, &MountError{Op: "reading the options", Err: err}
	}
	if l.Upper >= 0 && !o.NewUpper { // the kernel leaves traces in work before it looks at these
		if err := unfit(l, o); err != nil {
			return -1, err
		}
	}
	for m := byDescriptor; ; m++ {
		fd, err := mountBy(m, l, opts, o.Attr)
		if err == nil {
			if err := writable(fd, l, o); err != nil {
				unix.Close(fd)
				return -1, err
			}
			return fd, nil
		}
		if m == byJoined || !err.unknown(m) {
			err.Hint = explain(err.Err, err.Log, lookUp(l, o, err.step))
			return -1, &err.MountError
		}
	}
}

// unfit finds what Check cannot see and the kernel does not, or too late: an upper
// or work directory in use, and a layer that has two levels of overlays below it.
func unfit(l Layers, o Options) error {
	if inUse(l, o.UserXattr) {
		return &MountError{
			Op: "checking the layers", Hint: explain(unix.EBUSY, "", facts{op: stepLayer}),
			Err: fmt.Errorf("upper or work directory: %w", unix.EBUSY),
		}
	}
	if i := tooDeep(l, o.UserXattr); i >= 0 {
		return &MountError{
			Op: "checking the layers", Hint: explain(unix.EINVAL, "", facts{op: stepCreate, deep: i + 1}),
			Err: fmt.Errorf("lower layer %d%s lies on two levels of overlays already: %w", i+1, nameOf(l.Lower[i]), unix.EINVAL),
		}
	}
	return nil
}

// writable checks that an overlay with an upper layer came out writable: where the
// kernel cannot make its directory in work it gives a read-only overlay instead of
// an error.
func writable(fd int, l Layers, o Options) error {
	var merged, upper unix.Statfs_t
	if l.Upper < 0 || o.Attr&unix.MOUNT_ATTR_RDONLY != 0 {
		return nil
	}
	if err := unix.Fstatfs(fd, &merged); err != nil {
		return &MountError{Op: "looking at the new overlay", Err: err}
	}
	if merged.Flags&unix.ST_RDONLY == 0 {
		return nil
	}
	why := unix.EROFS
	if unix.Fstatfs(l.Upper, &upper) == nil &&
		(upper.Blocks > 0 && upper.Bavail == 0 || upper.Files > 0 && upper.Ffree == 0) {
		why = unix.ENOSPC
	}
	return &MountError{
		Op: "creating it of " + l.String(), Hint: explain(why, "", facts{op: stepCreate}),
		Err: fmt.Errorf("it came out read-only, as the kernel could not prepare the work directory: %w", why),
	}
}

// An attempt is a failed mountBy.
type attempt struct {
	MountError
	step step
}

// unknown reports whether the kernel does not know method m, as opposed to not
// liking the layers. No version is asked: a kernel that does not know a key says
// so, one that does not take descriptors for it says 'Bad value' or EBADF, and
// the old form of contexts (before 6.5) takes any string and fails at the end.
func (a *attempt) unknown(m method) bool {
	switch {
	case a.step == stepCreate:
		return m == byLink && errors.Is(a.Err, unix.EINVAL) && a.Log == "" && takesAnything()
	case a.step != stepLayer:
		return false
	case errors.Is(a.Err, unix.EBADF), errors.Is(a.Err, unix.EOPNOTSUPP):
		return true
	}
	return errors.Is(a.Err, unix.EINVAL) && (a.Log == "" ||
		strings.Contains(a.Log, "Unknown parameter") || strings.Contains(a.Log, "Bad value"))
}

// takesAnything reports whether overlay contexts are of the old form, which
// collects parameters without looking at them.
func takesAnything() bool {
	ctx, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return false
	}
	defer unix.Close(ctx)
	return unix.FsconfigSetString(ctx, "no-such-parameter", "x") == nil
}

// mountBy makes the mount, handing over the layers by method m.
func mountBy(m method, l Layers, opts []setting, attr uint64) (int, *attempt) {
	layers, err := l.settings(m)
	if err != nil {
		return -1, &attempt{MountError{Op: "handing over the layers", Err: err}, stepOpen}
	}
	ctx, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, &attempt{MountError{Op: "opening a file system context", Err: err}, stepOpen}
	}
	defer unix.Close(ctx)
	fail := func(s step, op string, err error) (int, *attempt) {
		return -1, &attempt{MountError{Op: op, Log: readLog(ctx), Err: err}, s}
	}
	for _, p := range opts {
		if err := p.apply(ctx); err != nil {
			return fail(stepOption, "setting "+p.key, err)
		}
	}
	for i, p := range layers {
		if err := p.apply(ctx); err != nil {
			if i < len(l.Lower) && m != byJoined {
				return fail(stepLayer, fmt.Sprintf("adding lower layer %d%s %s", i+1, nameOf(l.Lower[i]), m), err)
			}
			return fail(stepLayer, fmt.Sprintf("setting %s %s", p.key, m), err)
		}
	}
	if err := unix.FsconfigCreate(ctx); err != nil {
		return fail(stepCreate, "creating it of "+l.String(), err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, int(attr))
	if err != nil {
		return fail(stepMount, "making the mount", err)
	}
	return fd, nil
}

// apply makes the call.
func (s setting) apply(ctx int) error {
	switch {
	case s.fd >= 0:
		return unix.FsconfigSetFd(ctx, s.key, s.fd)
	case s.value == "":
		return unix.FsconfigSetFlag(ctx, s.key)
	}
	return unix.FsconfigSetString(ctx, s.key, s.value)
}

// readLog reads the context's messages, one a read: the errors, or the warnings
// if there is no error.
func readLog(ctx int) string {
	var errs, rest []string
	buf := make([]byte, 4096)
	for range 32 { // the kernel keeps eight
		n, err := unix.Read(ctx, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			break
		}
		if text, isError := trimLog(string(buf[:n])); isError {
			errs = append(errs, text)
		} else {
			rest = append(rest, text)
		}
	}
	if len(errs) == 0 {
		errs = rest
	}
	return strings.Join(errs, "; ")
}

// lookUp gathers what explain wants to know; only failures pay for it.
func lookUp(l Layers, o Options, s step) facts {
	f := facts{op: s, userXattr: o.UserXattr, mapped: inUserNamespace(), deep: tooDeep(l, o.UserXattr) + 1}
	for _, fd := range l.all() {
		var st unix.Statfs_t
		if unix.Fstatfs(fd, &st) == nil && st.Type == unix.OVERLAYFS_SUPER_MAGIC {
			f.overlaid++
		}
	}
	return f
}

// inUserNamespace reports whether the caller's user namespace is not the initial
// one, judged by its map; without /proc it says no. It goes by the descriptor
// alone: an os.File starts the runtime's poller, which ends the program where
// there is no descriptor left, and that may be what is to be explained.
func inUserNamespace() bool {
	fd, err := unix.Open("/proc/thread-self/uid_map", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var buf [128]byte // the initial map is one line
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return false
	}
	m := strings.Fields(string(buf[:n]))
	return len(m) != 3 || m[0] != "0" || m[1] != "0" || m[2] != "4294967295"
}
