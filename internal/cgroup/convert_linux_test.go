package cgroup

import (
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// leaves calls f for each number, string, flag or list below v, set to something
// that is not its zero value, and takes it back.
func leaves(v reflect.Value, name string, f func(name string)) {
	switch v.Kind() {
	case reflect.Pointer:
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		v.Set(reflect.New(v.Type().Elem()))
		leaves(v.Elem(), name, f)
		v.Set(old)
	case reflect.Struct:
		for i := range v.NumField() {
			sf := v.Type().Field(i)
			tag, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
			next := strings.TrimPrefix(name+"."+tag, ".")
			if sf.Anonymous || tag == "" {
				next = name
			}
			leaves(v.Field(i), next, f)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		leaves(v.Index(0), name+"[]", f)
		v.SetZero()
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.SetString("k")
		put := func(name string) {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(key, elem)
			f(name)
			v.SetZero()
		}
		leaves(elem, name+"{}", put)
	case reflect.Bool:
		v.SetBool(true)
		f(name)
		v.SetZero()
	case reflect.String:
		v.SetString(map[bool]string{true: "r", false: "b"}[strings.HasSuffix(name, "access")])
		f(name)
		v.SetZero()
	case reflect.Int64, reflect.Int:
		v.SetInt(7)
		f(name)
		v.SetZero()
	case reflect.Uint64, reflect.Uint32, reflect.Uint16:
		v.SetUint(7)
		f(name)
		v.SetZero()
	default:
		panic(name + ": " + v.Kind().String())
	}
}

// TestNothingForgotten: each field of the specification reaches the library, or
// is a demand that nothing honours; and each section of it is a demand.
func TestNothingForgotten(t *testing.T) {
	r := &specs.LinuxResources{}
	empty := convert(r)
	native := map[string]bool{"memory.useHierarchy": true} // what the kernel does anyway
	count := 0
	leaves(reflect.ValueOf(r).Elem(), "", func(name string) {
		count++
		section, _, _ := strings.Cut(strings.NewReplacer("[]", "", "{}", "").Replace(name), "[")
		var found *demand
		for _, d := range demands(r) {
			if section == d.field || strings.HasPrefix(section, d.field+".") {
				found = &d
			}
		}
		if found == nil {
			t.Errorf("%s: no demand", name)
			return
		}
		if found.field == "devices" {
			return // TestDeviceRules
		}
		got := convert(r)
		refused := found.v1 == none && found.v2 == none
		if reached := !reflect.DeepEqual(got, listed(empty, name, r)); reached == refused && !native[name] {
			t.Errorf("%s: reaches the library: %v, refused: %v", name, reached, refused)
		}
	})
	if count < 40 {
		t.Errorf("only %d fields", count)
	}
}

// listed is what the library gets of the list that name is in, with all of its
// entry left at zero: what a forgotten field would look like.
func listed(empty any, name string, r *specs.LinuxResources) any {
	zero := *r
	at := reflect.ValueOf(&zero).Elem()
	list, _, is := strings.Cut(name, "[]")
	if !is {
		return empty
	}
	for _, key := range strings.Split(list, ".") {
		if at.Kind() == reflect.Pointer {
			c := reflect.New(at.Type().Elem())
			c.Elem().Set(at.Elem())
			at.Set(c)
			at = c.Elem()
		}
		for i := range at.NumField() {
			if tag, _, _ := strings.Cut(at.Type().Field(i).Tag.Get("json"), ","); tag == key {
				at = at.Field(i)
				break
			}
		}
	}
	at.Set(reflect.MakeSlice(at.Type(), 1, 1))
	return convert(&zero)
}

func TestCheckPath(t *testing.T) {
	for path, word := range map[string]string{"": "", "/a/b": "", "a": "", "/a:b:c": "", "/": "root of all", "..": "root of all", "/a/..": "root of all", "machine.slice:libpod:abc": "systemd", ":x:y": "systemd"} {
		if err := checkPath(path); (err == nil) != (word == "") || err != nil && !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestCheck names what no controller does.
func TestCheck(t *testing.T) {
	limit, on := int64(1), true
	g, err := Open(map[string]string{"memory": "/nowhere", "freezer": "/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]*specs.LinuxResources{
		"": {Memory: &specs.LinuxMemory{Limit: &limit, DisableOOMKiller: &on}},
		"linux.resources.pids.limit is set; this host has no cgroup v1 controller pids":             {Pids: &specs.LinuxPids{Limit: &limit}},
		"linux.resources.unified is set; cgroup v1, which this host has, does not know it":          {Unified: map[string]string{"a": "b"}},
		"linux.resources.memory.kernelTCP is set; cgroup v1, which this host has, does not know it": {Memory: &specs.LinuxMemory{KernelTCP: &limit}},
		"linux.resources.devices is set; this host has no cgroup v1 controller devices":             {Devices: []specs.LinuxDeviceCgroup{{}}},
	} {
		got := ""
		if err := g.check(demands(r), false); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
