package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nsboot/nsboot/internal/container"
	"github.com/nsboot/nsboot/nsmount"
	"github.com/spf13/pflag"
)

// globals are the flags that stand before the command.
type globals struct {
	root, profile, overlay, tmp, log, logFormat string
	ignore                                      []string
	debug, version, help                        bool
	rootless, cgroups                           string // as engines give them
	systemd                                     bool
	given                                       []string // the flags as they were typed
}

// newFlags makes an empty flag set. Flags may stand before or after other
// words, and all after -- is the command's own.
func newFlags(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.Usage = func() {}
	fs.SortFlags = false
	return fs
}

func (g *globals) flags() *pflag.FlagSet {
	fs := newFlags("nsboot")
	fs.SetInterspersed(false)
	fs.StringVar(&g.root, "root", "", "directory of the containers' states (default /run/nsboot, or below XDG_RUNTIME_DIR)")
	fs.StringVar(&g.profile, "profile", nsmount.DefaultProfile, "whose rules: "+strings.Join(nsmount.ProfileNames(), ", "))
	fs.StringVar(&g.overlay, "overlay", "none", "throwaway layer: none, root or all, then :memory or :dir=/ABS, then ,size=N")
	fs.StringVar(&g.tmp, "tmp", "auto", "/tmp: auto (the profile's rule), tmpfs (always one) or rootfs (never)")
	fs.StringArrayVar(&g.ignore, "ignore", nil, "accept a field of config.json that this build does not honour; may be repeated")
	fs.StringVar(&g.log, "log", "", "write messages to FILE; errors go to standard error as well")
	fs.StringVar(&g.logFormat, "log-format", "text", "text or json")
	fs.StringVar(&g.rootless, "rootless", "auto", "auto: an ordinary user is root of a user namespace; false: never")
	fs.StringVar(&g.cgroups, "cgroup-manager", "auto", "auto: a cgroup where config.json asks for one; cgroupfs: always; disabled: never; systemd: refused where one is asked for")
	fs.BoolVar(&g.systemd, "systemd-cgroup", false, "like --cgroup-manager systemd")
	fs.BoolVar(&g.debug, "debug", false, "say what was fallen back to and found out")
	fs.BoolVar(&g.version, "version", false, "print the version")
	fs.BoolVarP(&g.help, "help", "h", false, "print this help")
	return fs
}

// parse reads the global flags and returns the command and what follows it.
// Without any, no flag set is built: it costs more than a bind mount. name is
// what nsboot was called by.
func (g *globals) parse(name string, args []string) ([]string, error) {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		g.overlay, g.tmp, g.logFormat = "none", "auto", "text"
		var err error
		g.profile, err = profileOf(name)
		return args, err
	}
	fs := g.flags()
	if err := fs.Parse(args); err != nil {
		return nil, flagError("nsboot", err)
	}
	g.given = args[:len(args)-fs.NArg()]
	if g.help || g.version {
		return fs.Args(), nil
	}
	if !fs.Changed("profile") {
		var err error
		if g.profile, err = profileOf(name); err != nil {
			return nil, err
		}
	}
	if err := g.checkEngine(); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"auto", "tmpfs", "rootfs"}, g.tmp) {
		return nil, &usageError{msg: fmt.Sprintf("--tmp=%s", g.tmp), hint: "one of auto, tmpfs, rootfs"}
	}
	if _, err := nsmount.ProfileByName(g.profile); err != nil {
		return nil, &usageError{msg: "--profile: " + err.Error()}
	}
	return fs.Args(), nil
}

// checkEngine judges what engines say of how they run a runtime.
func (g *globals) checkEngine() error {
	switch g.rootless {
	case "auto", "true", "false", rootlessIn:
	default:
		return &usageError{msg: "--rootless=" + g.rootless, hint: "auto, true or false"}
	}
	if !slices.Contains([]string{"auto", "cgroupfs", "disabled", "systemd"}, g.cgroups) {
		return &usageError{msg: "--cgroup-manager=" + g.cgroups, hint: "one of auto, cgroupfs, disabled, systemd"}
	}
	return nil
}

// profileOf chooses the profile where --profile does not: NSBOOT_PROFILE names
// it, or else the name that nsboot was called by does: nsboot-oci. Clients that
// take nothing but the path of a runtime have no other way.
func profileOf(name string) (string, error) {
	if p := os.Getenv("NSBOOT_PROFILE"); p != "" {
		if _, err := nsmount.ProfileByName(p); err != nil {
			return "", &usageError{msg: "NSBOOT_PROFILE: " + err.Error()}
		}
		return p, nil
	}
	if p, ok := strings.CutPrefix(filepath.Base(name), "nsboot-"); ok && slices.Contains(nsmount.ProfileNames(), p) {
		return p, nil
	}
	return nsmount.DefaultProfile, nil
}

// compileOptions are the flags as Compile takes them.
func (g *globals) compileOptions(bundle string) (nsmount.Options, error) {
	o, err := nsmount.ParseOverlay(g.overlay)
	if err != nil {
		return nsmount.Options{}, &usageError{msg: "--overlay=" + g.overlay + ": " + err.Error(), hint: "for example --overlay=all:memory,size=64m"}
	}
	return nsmount.Options{Profile: g.profile, Bundle: bundle, Overlay: o, Tmp: g.tmp}, nil
}

// flagError says what to type instead of a wrong flag.
func flagError(command string, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	return &usageError{msg: err.Error(), hint: command + " --help lists the flags"}
}

// parseCommand parses a command's own flags. help tells that the help was
// asked for and has been printed.
func (a *app) parseCommand(fs *pflag.FlagSet, args []string) (help bool, err error) {
	err = fs.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		a.commandHelp(fs)
		return true, nil
	}
	if err != nil {
		return false, flagError("nsboot "+fs.Name(), err)
	}
	return false, nil
}

// store is where containers are recorded.
func (g *globals) store() container.Store {
	if g.root != "" {
		return container.Store{Root: g.root}
	}
	return container.Store{Root: filepath.Dir(nsmount.DefaultStateDir())}
}

// stubsDir is where mount points made on the host are journalled.
func (g *globals) stubsDir() string {
	if g.root == "" {
		return "" // nsmount's default
	}
	return filepath.Join(g.root, "stubs")
}
