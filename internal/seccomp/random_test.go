package seccomp

import (
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"
)

// straight evaluates a config as its words say, without ranges or halves.
func straight(c *specs.LinuxSeccomp, archs []arch, s sysCall) uint32 {
	def := verdict(c.DefaultAction, c.DefaultErrnoRet)
	var a *arch
	for i := range archs {
		x32 := archs[i].table == tableX32
		if archs[i].audit == s.audit && (i == 0 || slices.Contains(c.Architectures, archs[i].name)) && (!x32 || s.nr&x32Bit != 0) {
			a = &archs[i] // x32 comes after amd64
		}
	}
	if a == nil {
		return retKillProcess
	}
	newer := def
	if top, ok := highest(c, a); ok && !passes(def) && s.nr > top {
		newer = retErrno | enosys
	}
	if a.table == tableAMD64 && s.nr >= x32Bit {
		switch {
		case s.nr&x32Bit == 0:
			if newer == def && !slices.Contains(c.Architectures, specs.ArchX32) {
				return retKillProcess
			}
			return newer
		case s.nr != ^uint32(0):
			return retKillProcess
		default:
			return def
		}
	}
	all, named := matching(c, a, s, def)
	if ret, ok := best(all, a); ok {
		return ret
	}
	if named {
		return def // one of arm's own may be
	}
	return newer
}

// highest is the highest number that the config names.
func highest(c *specs.LinuxSeccomp, a *arch) (top uint32, ok bool) {
	for _, s := range c.Syscalls {
		for _, name := range s.Names {
			known := lookup(name)
			if known == nil {
				continue
			}
			if nr, has := a.number(known); has && nr&^x32Bit < 0x0f0000 {
				top, ok = max(top, nr), true
			}
			switch {
			case a.table == table386 && socketcall(name) > 0:
				top, ok = max(top, nrSocketcall), true
			case a.table == table386 && ipc(name) > 0:
				top, ok = max(top, nrIPC), true
			}
		}
	}
	return top, ok
}

// match is a rule that matches: its conditions and what it says.
type match struct {
	args []specs.LinuxSeccompArg
	ret  uint32
	rank int // of rules through socketcall and ipc
}

func matching(c *specs.LinuxSeccomp, a *arch, s sysCall, def uint32) (out []match, named bool) {
	for _, entry := range c.Syscalls {
		ret := verdict(entry.Action, entry.ErrnoRet)
		if ret == def {
			continue
		}
		for _, name := range entry.Names {
			if known := lookup(name); known != nil {
				if nr, ok := a.number(known); ok && nr == s.nr {
					out, named = append(out, hits(entry.Args, a, s, ret)...), true
				}
			}
			nr, sub := uint32(nrSocketcall), socketcall(name)
			first := uint32(s.args[0])
			if n := ipc(name); n != 0 {
				nr, sub, first = nrIPC, n, first&0xffff
			}
			if a.table != table386 || sub == 0 || nr != s.nr || uint64(first) != sub {
				continue
			}
			is := []specs.LinuxSeccompArg{{Op: specs.OpEqualTo, Value: sub}}
			switch {
			case len(entry.Args) == 0:
				out = append(out, match{is, ret, 1})
			case int32(ret&actionMask) < int32(def&actionMask):
				out = append(out, match{is, ret, 2})
			}
		}
	}
	return out, named
}

// hits is the entry, if all its conditions hold; if two are about one argument,
// those that hold.
func hits(args []specs.LinuxSeccompArg, a *arch, s sysCall, ret uint32) (out []match) {
	seen := [6]bool{}
	alone := false
	for _, x := range args {
		alone = alone || seen[x.Index]
		seen[x.Index] = true
	}
	all := true
	for _, x := range args {
		ok := holds(x, a, s.args[x.Index])
		all = all && ok
		if alone && ok {
			out = append(out, match{[]specs.LinuxSeccompArg{x}, ret, 0})
		}
	}
	if !alone && all {
		out = append(out, match{args, ret, 0})
	}
	return out
}

func holds(x specs.LinuxSeccompArg, a *arch, arg uint64) bool {
	value, two := x.Value, x.ValueTwo
	if a.bits == 32 {
		arg, value, two = uint64(uint32(arg)), uint64(uint32(value)), uint64(uint32(two))
	}
	switch x.Op {
	case specs.OpEqualTo:
		return arg == value
	case specs.OpNotEqual:
		return arg != value
	case specs.OpGreaterThan:
		return arg > value
	case specs.OpGreaterEqual:
		return arg >= value
	case specs.OpLessThan:
		return arg < value
	case specs.OpLessEqual:
		return arg <= value
	}
	return arg&value == two&value
}

// best is the verdict of the match that is tried first.
func best(all []match, a *arch) (uint32, bool) {
	if len(all) == 0 {
		return 0, false
	}
	rules := make([]rule, len(all))
	for i, m := range all {
		if len(m.args) == 0 {
			return m.ret, true
		}
		rules[i] = rule{conds: newConditions(m.args, a.bits), ret: m.ret, via: via(m.rank)}
	}
	return slices.MinFunc(rules, func(x, y rule) int { return before(&x, &y) }).ret, true
}

// few are calls that lie side by side, far apart, in some tables only, or
// behind others.
var few = []string{
	"read", "write", "open", "close", "stat", "socket", "connect", "accept", "accept4", "socketcall", "ipc", "shmat", "semop",
	"ioctl", "execve", "clone", "personality", "set_tls", "waitpid", "fcntl64", "clone3", "openat2", "mseal", "rseq_slice_yield",
	"no_such_call", "rt_sigaction", "pwritev2", "recvmmsg",
}

func number64(t *rapid.T, what string) uint64 {
	return rapid.OneOf(
		rapid.Uint64Range(0, 3),
		rapid.Uint64Range(1<<32-2, 1<<32+2),
		rapid.Uint64Range(1<<63-1, 1<<63+1),
		rapid.Just(^uint64(0)), rapid.Just(uint64(7)<<32|1), rapid.Uint64(),
	).Draw(t, what)
}

func drawConfig(t *rapid.T, archs []arch) *specs.LinuxSeccomp {
	action := func(what string) (specs.LinuxSeccompAction, *uint) {
		a := rapid.SampledFrom(actions[:]).Draw(t, what)
		if (a == specs.ActErrno || a == specs.ActTrace) && rapid.Bool().Draw(t, "errno?") {
			return a, new(rapid.UintRange(0, 4095).Draw(t, "errno"))
		}
		return a, nil
	}
	c := &specs.LinuxSeccomp{ListenerPath: "/agent"}
	for {
		if c.DefaultAction, c.DefaultErrnoRet = action("default"); c.DefaultAction != specs.ActNotify {
			break
		}
	}
	for _, a := range archs {
		if rapid.Bool().Draw(t, string(a.name)) {
			c.Architectures = append(c.Architectures, a.name)
		}
	}
	for range rapid.IntRange(0, 12).Draw(t, "entries") {
		s := specs.LinuxSyscall{Names: rapid.SliceOfN(rapid.SampledFrom(few), 1, 4).Draw(t, "names")}
		s.Action, s.ErrnoRet = action("action")
		if s.Action == specs.ActNotify {
			s.Names = slices.DeleteFunc(s.Names, func(n string) bool { return n == "write" })
		}
		for range rapid.IntRange(0, 3).Draw(t, "args") {
			s.Args = append(s.Args, specs.LinuxSeccompArg{
				Index: rapid.UintRange(0, 3).Draw(t, "index"), Op: rapid.SampledFrom(operators[:]).Draw(t, "op"),
				Value: number64(t, "value"), ValueTwo: number64(t, "two"),
			})
		}
		if len(s.Names) > 0 {
			c.Syscalls = append(c.Syscalls, s)
		}
	}
	return c
}

func drawCall(t *rapid.T, c *specs.LinuxSeccomp, archs []arch) sysCall {
	a := rapid.SampledFrom(archs).Draw(t, "arch")
	s := sysCall{audit: a.audit}
	if rapid.Bool().Draw(t, "any number") {
		s.nr = rapid.OneOf(rapid.Uint32Range(0, 600), rapid.Uint32Range(x32Bit-2, x32Bit+600), rapid.Uint32Range(0x0f0000, 0x0f0010), rapid.Uint32()).Draw(t, "nr")
	} else if known := lookup(rapid.SampledFrom(few).Draw(t, "name")); known != nil {
		s.nr, _ = a.number(known)
	}
	if rapid.IntRange(0, 20).Draw(t, "strange") == 0 {
		s.audit = rapid.Uint32().Draw(t, "audit")
	}
	for i := range s.args {
		s.args[i] = number64(t, "arg")
		// What a rule compares with is met more often than by chance.
		if len(c.Syscalls) > 0 && rapid.Bool().Draw(t, "near") {
			e := rapid.SampledFrom(c.Syscalls).Draw(t, "of")
			if len(e.Args) > 0 {
				s.args[i] = rapid.SampledFrom(e.Args).Draw(t, "it").Value + uint64(rapid.IntRange(-1, 1).Draw(t, "off"))
			}
		}
	}
	return s
}

// TestRandom holds the program to the words of the config, for random configs
// and random calls.
func TestRandom(t *testing.T) {
	for _, name := range []string{"amd64", "arm64"} {
		t.Run(name, rapid.MakeCheck(func(rt *rapid.T) {
			archs := archsOf(name)
			c := drawConfig(rt, archs)
			f, err := Compile(c, name)
			if err != nil {
				rt.Skip(err) // rules that contradict each other
			}
			m := newMachine(t, f)
			for range 40 {
				s := drawCall(rt, c, archs)
				if got, want := m.run(t, s), straight(c, archs, s); got != want {
					rt.Fatalf("%+v: %#x, want %#x", s, got, want)
				}
			}
		}))
	}
}
