package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`"ociVersion":"1.0.0"`, "root is missing"},
		{`"ociVersion":"1.0.0","root":{}`, "root.path is empty"},
		{base + `,"hostname":"h"`, `hostname is "h", but linux.namespaces lists no uts namespace`},
		{base + `,"process":{}`, "process.cwd is empty: it must be an absolute path"},
		{base + `,"process":{"cwd":"work"}`, `process.cwd "work" is not an absolute path`},
		{process(`"user":{"umask":512}`), "process.user.umask is 512 (01000)"},
		{process(`"user":{"uid":4294967295}`), "process.user.uid is 4294967295"},
		{process(`"user":{"gid":4294967295}`), "process.user.gid is 4294967295"},
		{process(`"user":{"additionalGids":[1,4294967295]}`), "process.user.additionalGids[1] is 4294967295"},
		{process(`"oomScoreAdj":1001`), "process.oomScoreAdj is 1001"},
		{process(`"oomScoreAdj":-1001`), "process.oomScoreAdj is -1001"},
		{process(`"rlimits":[{"type":"RLIMIT_FUN"}]`), `process.rlimits[0].type "RLIMIT_FUN" is no limit`},
		{process(`"rlimits":[{"type":"RLIMIT_AS"},{"type":"RLIMIT_CPU"},{"type":"RLIMIT_AS"}]`), "process.rlimits[2].type RLIMIT_AS is set already by process.rlimits[0]"},
		{process(`"rlimits":[{"type":"RLIMIT_AS","soft":2,"hard":1}]`), "process.rlimits[0] (RLIMIT_AS): soft 2 is above hard 1"},
		{linux(`"namespaces":[{"type":"pid"},{"type":"pid"}]`), "linux.namespaces[1].type pid is listed already by linux.namespaces[0]"},
		{linux(`"namespaces":[{"type":"net"}]`), `linux.namespaces[0].type "net" is no namespace`},
		{linux(`"namespaces":[{}]`), `linux.namespaces[0].type "" is no namespace`},
		{linux(`"namespaces":[{"type":"pid","path":"proc"}]`), `linux.namespaces[0].path "proc" is not an absolute path`},
		{linux(`"devices":[{"path":"dev/x","type":"c"}]`), `linux.devices[0].path "dev/x" is not an absolute path`},
		{linux(`"devices":[{"type":"c"}]`), `linux.devices[0].path is empty`},
		{linux(`"devices":[{"path":"/dev/x","type":"p"},{"path":"/dev/x","type":"s"}]`), `linux.devices[1].type "s" is none of`},
		{linux(`"devices":[{"path":"/dev/x","type":"c","major":-1}]`), `linux.devices[0] ("/dev/x"): -1:0 is no device number`},
		{linux(`"devices":[{"path":"/dev/x","type":"b","minor":1048576}]`), `0:1048576 is no device number`},
		{linux(`"maskedPaths":["/a","b"]`), `linux.maskedPaths[1] "b" is not an absolute path`},
		{linux(`"readonlyPaths":[""]`), `linux.readonlyPaths[0] is empty`},
		{linux(`"rootfsPropagation":"public"`), `linux.rootfsPropagation "public" is no propagation`},
	} {
		refused, warnings, err := Check(decode(t, []byte("{"+c.in+"}")), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || refused != nil || warnings != nil {
			t.Errorf("%s:\n %v, %q, %v\n want %s", c.in, refused, warnings, err, c.want)
		}
	}
}

// A Spec that does not come from Decode may hold NUL bytes.
func TestValidateNUL(t *testing.T) {
	for want, p := range map[string]specs.Process{
		"process.cwd":     {Cwd: "/\x00"},
		"process.args[1]": {Cwd: "/", Args: []string{"a", "\x00"}},
		"process.env[0]":  {Cwd: "/", Env: []string{"A=\x00"}},
	} {
		_, _, err := Check(&specs.Spec{Version: "1.0.0", Root: &specs.Root{Path: "r"}, Process: &p}, nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "NUL") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestValidateWarnings(t *testing.T) {
	in := process(`"env":["A=1","B"],"capabilities":{"bounding":["CAP_KILL","CAP_FLY"],"ambient":["cap_kill"]},
		"rlimits":[{"type":"RLIMIT_CORE","soft":18446744073709551615,"hard":18446744073709551615}],
		"oomScoreAdj":-1000,"user":{"umask":511}`)
	refused, warnings, err := Check(decode(t, []byte("{"+in+"}")), nil)
	want := []string{
		`process.env[1] "B" has no '='; passed on as it is`,
		`process.capabilities.bounding[1] "CAP_FLY" is no capability that this build knows; ignored`,
		`process.capabilities.ambient[0] "cap_kill" is no capability that this build knows; ignored`,
	}
	if d := cmp.Diff(want, warnings); d != "" || err != nil || len(refused) > 0 {
		t.Errorf("%v, %v, warnings (-want +got):\n%s", refused, err, d)
	}
}

func TestCheckProcess(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{base, "process is missing"},
		{process(`"args":[]`), "process.args is empty"},
		{process(`"args":["","x"]`), "process.args[0] is empty"},
		{process(`"args":["x"]`), "<nil>"},
	} {
		spec := decode(t, []byte("{"+c.in+"}"))
		if got := fmt.Sprint(CheckProcess(spec)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s", c.in, got)
		}
		if _, _, err := Check(spec, nil); err != nil {
			t.Errorf("%s: Check minds: %v", c.in, err)
		}
	}
}

// A hostile config does not flood the terminal.
func TestValidateFlood(t *testing.T) {
	in := process(`"env":["a"` + strings.Repeat(`,"a"`, 100_000) + `]`)
	_, warnings, err := Check(decode(t, []byte("{"+in+"}")), nil)
	if err != nil || len(warnings) != maxWarnings+1 || warnings[maxWarnings] != "99901 more warnings about values" {
		t.Errorf("%d warnings, %v", len(warnings), err)
	}
}
