package config

import (
	"reflect"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// resourceNames names what r asks for: devices, memory.limit, cpu.shares.
func resourceNames(r *specs.LinuxResources) (names []string) {
	if r == nil {
		return nil
	}
	// What runc spec writes in every config is named without reflection.
	if len(r.Devices) > 0 {
		names = append(names, "devices")
	}
	group := func(name string, p any) {
		v := reflect.ValueOf(p)
		if v.IsNil() {
			return
		}
		v = v.Elem()
		for i := range v.NumField() {
			if asksValue(v.Field(i)) {
				key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
				names = append(names, name+"."+key)
			}
		}
	}
	group("memory", r.Memory)
	group("cpu", r.CPU)
	group("pids", r.Pids)
	group("blockIO", r.BlockIO)
	if len(r.HugepageLimits) > 0 {
		names = append(names, "hugepageLimits")
	}
	group("network", r.Network)
	if len(r.Rdma) > 0 {
		names = append(names, "rdma")
	}
	if len(r.Unified) > 0 {
		names = append(names, "unified")
	}
	return names
}

// WantsCgroup reports whether the process is to have a cgroup of its own: for a
// limit, for device rules, or by its path. The one rule that runc spec and its
// like write in every config, no device but those that all have, is not enough:
// such a config has to boot where there are no cgroups, too.
func WantsCgroup(spec *specs.Spec, ignore []string) bool {
	l := spec.Linux
	if l == nil {
		return false
	}
	if l.CgroupsPath != "" && !ignored("linux.cgroupsPath", ignore) {
		return true
	}
	if ignored("linux.resources", ignore) {
		return false
	}
	names := resourceNames(l.Resources)
	if len(names) == 1 && names[0] == "devices" && len(l.Resources.Devices) == 1 {
		d := l.Resources.Devices[0]
		return d.Allow || d.Type != "" && d.Type != "a" || d.Major != nil || d.Minor != nil || d.Access != "rwm"
	}
	return len(names) > 0
}

// CgroupSettings are cgroupsPath and resources as ignore leaves them.
func CgroupSettings(spec *specs.Spec, ignore []string) (path string, r *specs.LinuxResources) {
	if spec.Linux == nil {
		return "", nil
	}
	if !ignored("linux.cgroupsPath", ignore) {
		path = spec.Linux.CgroupsPath
	}
	if !ignored("linux.resources", ignore) {
		r = spec.Linux.Resources
	}
	return path, r
}

// asks says whether a section has anything in it but zero values.
func asks[T any](p T) bool {
	v := reflect.ValueOf(&p).Elem()
	switch {
	case v.IsZero(): // the usual nil
		return false
	case v.Kind() == reflect.Pointer:
		v = v.Elem()
	}
	return asksValue(v)
}

func asksValue(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		// A number behind a pointer is set even where it is 0.
		if v.IsNil() {
			return false
		}
		k := v.Elem().Kind()
		return k != reflect.Struct && k != reflect.Bool || asksValue(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if asksValue(v.Field(i)) {
				return true
			}
		}
		return false
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if e := v.MapIndex(k); e.Kind() != reflect.Struct || asksValue(e) {
				return true
			}
		}
		return false
	case reflect.Slice:
		return v.Len() > 0
	}
	return !v.IsZero()
}
