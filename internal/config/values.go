package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// field is one property of the object that is read into a T.
type field[T any] struct {
	name string
	read func(*decoder, *T) // never sees null, which leaves a property unset
}

// object reads an object whose properties are fields into v.
func object[T any](d *decoder, v *T, fields []field[T]) {
	var seen uint64 // no object of the specification has 64 properties
	var others keySet
	d.members(func(key string, at int) {
		for i := range fields {
			if fields[i].name != key {
				continue
			}
			if seen&(1<<i) != 0 {
				d.fail(at, "the key is there twice")
				return
			}
			seen |= 1 << i
			if !d.null() {
				fields[i].read(d, v)
			}
			return
		}
		for i := range fields {
			if strings.EqualFold(fields[i].name, key) {
				d.fail(at, "the property is spelt %s", fields[i].name)
				return
			}
		}
		if !others.add(key) {
			d.fail(at, "the key is there twice")
			return
		}
		d.unknownKey(at)
		d.skip()
	})
}

func (d *decoder) unknownKey(at int) {
	if d.unknown++; d.unknown <= maxUnknown {
		line, _ := d.lineColumn(at)
		d.warnings = append(d.warnings,
			fmt.Sprintf("%s (line %d): unknown property; ignored", d.where(), line))
	}
}

// skip takes any value, checked as strictly as one that is used.
func (d *decoder) skip() {
	switch c := d.peek(); c {
	case '{':
		var keys keySet
		d.members(func(key string, at int) {
			if !keys.add(key) {
				d.fail(at, "the key is there twice")
				return
			}
			d.skip()
		})
	case '[':
		d.elements(d.skip)
	case '"':
		d.stringLit()
	case 't', 'f':
		var b bool
		readBool(d, &b)
	case 'n':
		if !d.null() {
			d.mismatch("a value")
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		d.numberLit()
	default:
		d.unexpected("a value")
	}
}

// keySet is a set of keys that allocates only for many.
type keySet struct {
	few  [8]string
	n    int
	many map[string]struct{}
}

// add says whether key is new.
func (s *keySet) add(key string) bool {
	for _, k := range s.few[:s.n] {
		if k == key {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = key
		s.n++
		return true
	}
	if _, ok := s.many[key]; ok {
		return false
	}
	if s.many == nil {
		s.many = make(map[string]struct{})
	}
	s.many[key] = struct{}{}
	return true
}

func readString[T ~string](d *decoder, p *T) {
	*p = T(d.stringLit())
}

func readBool(d *decoder, p *bool) {
	switch d.peek() {
	case 't':
		if d.word("true") {
			*p = true
			return
		}
	case 'f':
		if d.word("false") {
			*p = false
			return
		}
	}
	d.mismatch("a boolean")
}

type integer interface {
	~int | ~int32 | ~int64 | ~uint | ~uint16 | ~uint32 | ~uint64
}

func readInt[T integer](d *decoder, p *T) {
	lit := d.numberLit()
	if d.err != nil {
		return
	}
	at := d.pos - len(lit)
	if strings.ContainsAny(lit, ".eE") {
		d.fail(at, "%s is not written as a whole number", quote(lit))
		return
	}
	var err error
	var fits bool
	if signed := ^T(0) < 0; signed {
		var n int64
		n, err = strconv.ParseInt(lit, 10, 64)
		*p = T(n)
		fits = int64(*p) == n
	} else {
		var n uint64
		n, err = strconv.ParseUint(lit, 10, 64)
		*p = T(n)
		fits = uint64(*p) == n
	}
	if err != nil || !fits {
		d.fail(at, "%s is out of range", quote(lit))
	}
}

// pointer reads a value that specs keeps a pointer to.
func pointer[T any](d *decoder, p **T, read func(*decoder, *T)) {
	*p = new(T)
	read(d, *p)
}

func list[T any](d *decoder, p *[]T, read func(*decoder, *T)) {
	s := []T{}
	d.elements(func() {
		if len(s) == 0 {
			s = make([]T, 0, 4)
		}
		var zero T
		s = append(s, zero)
		read(d, &s[len(s)-1])
	})
	*p = s
}

func stringList[T ~string](d *decoder, p *[]T) {
	list(d, p, readString[T])
}

// dict reads an object whose keys are free.
func dict[T any](d *decoder, p *map[string]T, read func(*decoder, *T)) {
	m := make(map[string]T)
	d.members(func(key string, at int) {
		if _, ok := m[key]; ok {
			d.fail(at, "the key is there twice")
			return
		}
		if len(m) == maxEntries {
			d.fail(at, "an object of more than %d entries", maxEntries)
			return
		}
		var v T
		read(d, &v)
		m[key] = v
	})
	*p = m
}

// foreign reads the section of another platform, which is checked here and
// given to encoding/json: rare enough for its price.
func foreign[T any](d *decoder, p **T) {
	if d.peek() != '{' {
		d.mismatch("an object")
		return
	}
	start := d.pos
	d.skip()
	if d.err != nil {
		return
	}
	*p = new(T)
	err := json.Unmarshal([]byte(d.src[start:d.pos]), *p)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		d.path = append(d.path, frame{key: wrong.Field, index: -1})
		d.fail(start, "found a %s, which does not fit", wrong.Value)
	case err != nil:
		d.fail(start, "%v", err)
	}
}
