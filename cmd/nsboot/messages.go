package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	"github.com/nsboot/nsboot/pathres"
)

// Exit codes of nsboot itself; a process's own pass through.
const (
	exitFailed     = 125 // nsboot failed
	exitCannotExec = 126 // the executable is there and cannot be executed
	exitNotFound   = 127 // no such executable
)

// usageError is a command line that makes no sense.
type usageError struct{ msg, hint string }

func (e *usageError) Error() string { return e.msg }
func (e *usageError) Hint() string  { return e.hint }

// fail prints an error and returns the exit code for it.
func (a *app) fail(err error) int {
	hint := a.stateHint(err)
	if hint == "" {
		hint = hintOf(err)
	}
	a.log.error(err.Error(), hint)
	return exitCode(err)
}

// stateHint is the one thing to do where the directory of states, or one that it
// is in, cannot be used: an ordinary user without XDG_RUNTIME_DIR and HOME has none.
func (a *app) stateHint(err error) string {
	var p *fs.PathError
	if !errors.As(err, &p) || !errors.Is(err, os.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return ""
	}
	if root := a.global.store().Root; !isBelow(p.Path, root) && !isBelow(root, p.Path) {
		return ""
	}
	return "nsboot notes there what it has to clean up: name a directory of your own with --root DIR, or set XDG_RUNTIME_DIR"
}

// hintOf finds the one thing to do about an error, if there is one.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		return h.Hint()
	}
	var look *pathres.LookError
	switch {
	case errors.Is(err, container.ErrCorrupt):
		return "nsboot delete --force removes the container with what is left of it"
	case errors.As(err, &look): // it is the container's file that may not be executed
	case errors.Is(err, os.ErrPermission) && os.Geteuid() != 0:
		return "nsboot needs root here: sudo nsboot ..."
	}
	return ""
}

func exitCode(err error) int {
	var look *pathres.LookError
	var launch *nsmount.LaunchError
	switch {
	case errors.As(err, &look):
	case errors.As(err, &launch) && strings.HasPrefix(launch.Stage, "exec"):
	default:
		return exitFailed
	}
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		return exitNotFound
	}
	return exitCannotExec
}

// logger writes nsboot's messages, a line each: text to a person, JSON to a
// program.
type logger struct {
	w      io.Writer
	file   *os.File  // w, if it is that of --log
	stderr io.Writer // what w was before
	json   bool
	debug  bool
	hold   bool     // warnings wait for an error
	held   []string // those that wait
}

// holdWarnings is for commands whose standard error the container goes on
// writing to. Where an engine reads it from a pipe, a warning of nsboot would
// stand in the container's log as if it were the container's own: it is written
// only if the command fails. A file or a terminal gets it at once, and so do
// --log and --debug.
func (l *logger) holdWarnings() {
	f, ok := l.w.(*os.File)
	if !ok || l.file != nil || l.debug {
		return
	}
	if st, err := f.Stat(); err == nil {
		l.hold = st.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
	}
}

// holdUnlessRoot is for commands that an ordinary user has run once more, as root
// of a user namespace, which then says all that there is to say.
func (l *logger) holdUnlessRoot() { l.hold = l.hold || os.Geteuid() != 0 }

func (l *logger) open(g *globals) error {
	l.debug = g.debug
	switch g.logFormat {
	case "text":
	case "json":
		l.json = true
	default:
		return &usageError{msg: "--log-format=" + g.logFormat, hint: "text or json"}
	}
	if g.log == "" {
		return nil
	}
	f, err := os.OpenFile(g.log, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	l.file, l.stderr, l.w = f, l.w, f
	return nil
}

func (l *logger) close() {}

// error also goes to standard error if there is a log file: conmon sends on what
// it reads there when a create has failed, and an engine that finds nothing says
// only that it found nothing.
func (l *logger) error(msg, hint string) {
	for _, w := range l.held {
		l.write("warning", "warning: "+w, "")
	}
	l.held = nil
	l.write("error", msg, hint)
	if l.file != nil {
		(&logger{w: l.stderr}).write("error", msg, hint)
	}
}

func (l *logger) warning(msg string) {
	if l.hold {
		l.held = append(l.held, msg)
		return
	}
	l.write("warning", "warning: "+msg, "")
}

// debugf is nil-safe work only where somebody listens.
func (l *logger) debugf(msg string) {
	if l.debug {
		l.write("debug", msg, "")
	}
}

func (l *logger) write(level, msg, hint string) {
	if !l.json {
		text := "nsboot: " + msg + "\n"
		if hint != "" {
			text += "  hint: " + hint + "\n"
		}
		io.WriteString(l.w, harmless(text))
		return
	}
	if hint != "" {
		msg += " (hint: " + hint + ")"
	}
	line, _ := json.Marshal(struct {
		Level string    `json:"level"`
		Msg   string    `json:"msg"`
		Time  time.Time `json:"time"`
	}{level, strings.TrimPrefix(msg, "warning: "), time.Now()})
	l.w.Write(append(line, '\n'))
}

// harmless escapes control characters other than the end of a line: a config's
// strings, an image's names, are not to command the reader's terminal.
func harmless(text string) string {
	control := func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }
	if strings.IndexFunc(text, control) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if control(r) {
			fmt.Fprintf(&b, "\\x%02x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
