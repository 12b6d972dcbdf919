package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

func (d *decoder) skipSpace() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\t', '\r', '\n':
			d.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is not white space, without taking it. At
// the end of the text, which is never where a value may end, it fails.
func (d *decoder) peek() byte {
	if d.err != nil {
		return 0
	}
	d.skipSpace()
	if d.pos >= len(d.src) {
		d.cutShort()
		return 0
	}
	return d.src[d.pos]
}

func (d *decoder) cutShort() {
	d.fail(len(d.src), "cut short: the file ends here")
}

// mismatch fails with what is at the next byte and what should be.
func (d *decoder) mismatch(want string) {
	c := d.peek()
	found := ""
	switch {
	case d.err != nil:
		return
	case c == '{':
		found = "an object"
	case c == '[':
		found = "a list"
	case c == '"':
		found = "a string"
	case strings.HasPrefix(d.src[d.pos:], "true"), strings.HasPrefix(d.src[d.pos:], "false"):
		found = "a boolean"
	case strings.HasPrefix(d.src[d.pos:], "null"):
		found = "null"
	case c == '-' || c >= '0' && c <= '9':
		found = "a number"
	default:
		d.unexpected(want)
		return
	}
	d.fail(d.pos, "expected %s, found %s", want, found)
}

// unexpected fails for a byte that starts nothing that JSON knows.
func (d *decoder) unexpected(want string) {
	if d.err == nil {
		r, n := utf8.DecodeRuneInString(d.src[d.pos:])
		if r == utf8.RuneError && n == 1 {
			d.fail(d.pos, "expected %s, found byte 0x%02x", want, d.src[d.pos])
			return
		}
		d.fail(d.pos, "expected %s, found %s", want, strconv.QuoteRune(r))
	}
}

// word takes one of true, false, null; got says whether it is there.
func (d *decoder) word(w string) (got bool) {
	rest := d.src[d.pos:]
	switch {
	case strings.HasPrefix(rest, w):
		d.pos += len(w)
		return true
	case strings.HasPrefix(w, rest):
		d.cutShort()
	}
	return false
}

// null takes a null, if one is next.
func (d *decoder) null() bool {
	return d.peek() == 'n' && d.word("null")
}

func (d *decoder) enter(open byte, want string) bool {
	if d.peek() != open {
		d.mismatch(want)
		return false
	}
	if d.depth++; d.depth > maxDepth {
		d.fail(d.pos, "nested deeper than %d levels", maxDepth)
		return false
	}
	d.pos++
	return true
}

// next takes the comma or the closing byte after a member; more says which.
func (d *decoder) next(closing byte, want string) (more bool) {
	switch c := d.peek(); {
	case d.err != nil:
	case c == ',':
		d.pos++
		return true
	case c == closing:
		d.pos++
		d.depth--
	default:
		d.unexpected(want)
	}
	return false
}

// members calls f for each member of the object that is next, with its key
// and the offset of the key. f takes the value. The path holds the key
// meanwhile, and after an error.
func (d *decoder) members(f func(key string, at int)) {
	if !d.enter('{', "an object") {
		return
	}
	if d.peek() == '}' {
		d.pos++
		d.depth--
		return
	}
	for more := d.err == nil; more; {
		if d.peek() != '"' {
			d.unexpected("a property name in double quotes")
			return
		}
		at := d.pos
		key := d.stringLit()
		if d.err != nil {
			return
		}
		d.path = append(d.path, frame{key: key, index: -1})
		if c := d.peek(); c != ':' {
			d.unexpected("a colon after the property name")
			return
		}
		d.pos++
		f(key, at)
		if d.err != nil {
			return
		}
		d.path = d.path[:len(d.path)-1]
		more = d.next('}', "a comma or a closing brace")
	}
}

// elements calls f for each element of the list that is next.
func (d *decoder) elements(f func()) {
	if !d.enter('[', "a list") {
		return
	}
	if d.peek() == ']' {
		d.pos++
		d.depth--
		return
	}
	i := 0
	for more := d.err == nil; more; i++ {
		d.path = append(d.path, frame{index: i})
		if i == maxEntries {
			d.fail(d.pos, "a list of more than %d entries", maxEntries)
		} else {
			f()
		}
		if d.err != nil {
			return
		}
		d.path = d.path[:len(d.path)-1]
		more = d.next(']', "a comma or a closing bracket")
	}
}

// numberLit takes a number by JSON's grammar and returns its text.
func (d *decoder) numberLit() string {
	c := d.peek()
	if c != '-' && (c < '0' || c > '9') {
		d.mismatch("a number")
		return ""
	}
	start, i := d.pos, d.pos
	if c == '-' {
		i++
	}
	whole := i
	i = d.digits(i)
	ok := i > whole && (d.src[whole] != '0' || i == whole+1)
	if ok && i < len(d.src) && d.src[i] == '.' {
		j := d.digits(i + 1)
		ok, i = j > i+1, j
	}
	if ok && i < len(d.src) && d.src[i]|0x20 == 'e' {
		i++
		if i < len(d.src) && (d.src[i] == '+' || d.src[i] == '-') {
			i++
		}
		j := d.digits(i)
		ok, i = j > i, j
	}
	switch {
	case !ok && i == len(d.src):
		d.cutShort()
	case !ok:
		d.fail(start, "a malformed number")
	}
	d.pos = i
	return d.src[start:i]
}

func (d *decoder) digits(i int) int {
	for i < len(d.src) && d.src[i] >= '0' && d.src[i] <= '9' {
		i++
	}
	return i
}
