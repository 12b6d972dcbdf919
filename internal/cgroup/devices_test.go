package cgroup

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"
)

func num(n int64) *int64 { return &n }

func texts(rules []deviceRule) (out []string) {
	for _, r := range rules {
		out = append(out, map[bool]string{true: "+", false: "-"}[r.allow]+r.String())
	}
	return out
}

// TestDeviceRules: what every container has is allowed, and what the config
// denies stays denied.
func TestDeviceRules(t *testing.T) {
	deny := specs.LinuxDeviceCgroup{Access: "rwm"}
	zero := specs.LinuxDeviceCgroup{Type: "c", Major: num(1), Minor: num(5), Access: "mr"}
	allow := zero
	allow.Allow = true
	usual := []string{"+c 1:3 mrw", "+c 1:5 mrw", "+c 1:7 mrw", "+c 1:8 mrw", "+c 1:9 mrw", "+c 5:0 mrw", "+c 5:1 mrw", "+c 5:2 mrw", "+c 136:* mrw"}
	join := func(lists ...[]string) (out []string) {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	for _, c := range []struct {
		in   []specs.LinuxDeviceCgroup
		want []string
	}{
		{nil, nil},
		{[]specs.LinuxDeviceCgroup{deny}, join([]string{"-a *:* mrw"}, usual)},
		{[]specs.LinuxDeviceCgroup{{}}, join([]string{"-a *:* mrw"}, usual)},
		{[]specs.LinuxDeviceCgroup{allow, deny, zero}, join([]string{"+c 1:5 mr", "-a *:* mrw"}, usual, []string{"-c 1:5 mr"})},
		{[]specs.LinuxDeviceCgroup{zero, allow}, join(usual, []string{"-c 1:5 mr", "+c 1:5 mr"})},
		{[]specs.LinuxDeviceCgroup{{Type: "u", Major: num(10), Minor: num(-1), Access: "w"}, {Type: "b", Allow: true}}, join(usual, []string{"-c 10:* w", "+b *:* "})},
	} {
		got, err := deviceRules(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, texts(got)); d != "" {
			t.Errorf("%v (-want +got):\n%s", c.in, d)
		}
	}
	for _, bad := range []specs.LinuxDeviceCgroup{{Type: "x"}, {Type: "c", Access: "rx"}, {Major: num(-2)}, {Minor: num(1 << 31)}} {
		if _, err := deviceRules([]specs.LinuxDeviceCgroup{deny, bad}); err == nil || !strings.Contains(err.Error(), "linux.resources.devices[1]: ") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// asked is one use of one device.
type asked struct {
	kind         byte
	major, minor int64
	access       access
}

// verdict is what rules mean: of those about a device the last one counts, for
// each letter of the access, and what none is about is denied.
func verdict(rules []deviceRule, a asked) bool {
	dev := deviceRule{kind: a.kind, major: a.major, minor: a.minor}
	var allowed access
	for _, r := range rules {
		switch {
		case r.covers(dev) && r.allow:
			allowed |= r.access
		case r.covers(dev):
			allowed &^= r.access
		}
	}
	return a.access&^allowed == 0
}

// execute runs a device program as the kernel would.
func execute(t *rapid.T, text []byte, a asked) bool {
	kind := uint32(contextBlock)
	if a.kind == 'c' {
		kind = contextChar
	}
	context := [3]uint32{uint32(a.access)<<16 | kind, uint32(a.major), uint32(a.minor)}
	var reg [11]uint64
	for pc, steps := 0, 0; ; pc, steps = pc+1, steps+1 {
		if steps > len(text)/8 {
			t.Fatal("the program goes back")
		}
		in := text[pc*8 : pc*8+8]
		dst, src := &reg[in[1]&15], reg[in[1]>>4]
		jump := int(int16(binary.NativeEndian.Uint16(in[2:])))
		n := uint64(int64(int32(binary.NativeEndian.Uint32(in[4:]))))
		switch in[0] {
		case codeLoadWord:
			*dst = uint64(context[jump/4])
		case codeMove:
			*dst = src
		case codeSet:
			*dst = n
		case codeAnd:
			*dst &= n
		case codeShift:
			*dst >>= n
		case codeIfEqual, codeIfNot:
			if (*dst == n) == (in[0] == codeIfEqual) {
				pc += jump
			}
		case codeExit:
			return reg[0] == 1
		default:
			t.Fatalf("instruction %d: unknown code %#x", pc, in[0])
		}
	}
}

// permits is what the kernel decides by a list of v1: an exception allows only
// all that is asked, and denies any of it.
func (l deviceList) permits(a asked) bool {
	dev := deviceRule{kind: a.kind, major: a.major, minor: a.minor}
	for _, e := range l.except {
		switch {
		case !e.covers(dev):
		case l.allowed && e.access&a.access != 0:
			return false
		case !l.allowed && a.access&^e.access == 0:
			return true
		}
	}
	return l.allowed
}

// TestDevicesMean: the program of v2 does what the rules mean, for each use of
// each device. The list of v1 does, too, letter by letter, or there is none;
// and is never looser.
func TestDevicesMean(t *testing.T) {
	made := 0
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.SampledFrom([]int64{anyNumber, anyNumber, 1, 3, 7})
		rule := rapid.Custom(func(t *rapid.T) deviceRule {
			return deviceRule{kind: rapid.SampledFrom([]byte("abc")).Draw(t, "kind"), major: number.Draw(t, "major"), minor: number.Draw(t, "minor"),
				access: access(rapid.IntRange(0, 7).Draw(t, "access")), allow: rapid.Bool().Draw(t, "allow")}
		})
		rules := rapid.SliceOfN(rule, 0, 6).Draw(t, "rules")
		text := deviceProgram(rules)
		list, err := newDeviceList(rules)
		if err == nil {
			made++
		}
		for _, kind := range []byte("bc") {
			for _, major := range []int64{1, 3, 7, 9} {
				for _, minor := range []int64{1, 3, 7, 9} {
					for acc := accessMknod; acc <= accessAll; acc++ {
						a := asked{kind, major, minor, acc}
						want := verdict(rules, a)
						if got := execute(t, text, a); got != want {
							t.Fatalf("%v: %c: %v, want %v", a, kind, got, want)
						}
						if err != nil {
							continue
						}
						got := list.permits(a)
						if single := acc&(acc-1) == 0; got && !want || single && got != want {
							t.Fatalf("v1: %v: %c: %v, want %v; %v %v", a, kind, got, want, list.allowed, texts(list.except))
						}
					}
				}
			}
		}
	})
	if made == 0 {
		t.Error("no list of v1 was ever made")
	}
}

// TestDeviceList: what v1 cannot tell is refused by name.
func TestDeviceList(t *testing.T) {
	rules, err := deviceRules([]specs.LinuxDeviceCgroup{{Access: "rwm"}, {Type: "c", Major: num(136), Minor: num(3), Access: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	const word = "linux.resources.devices: c 136:3 r is to be denied where c 136:* mrw is not"
	if _, err := newDeviceList(rules); err == nil || !strings.Contains(err.Error(), word) {
		t.Error(err)
	}
	for _, a := range []access{0, accessRead, accessAll} {
		if got := fmt.Sprint(deviceRule{kind: 'b', major: 8, minor: anyNumber, access: a}); !strings.HasPrefix(got, "b 8:* ") {
			t.Errorf("%q", got)
		}
	}
}
