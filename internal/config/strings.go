package config

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// stringLit takes a string. Without escapes the result shares the text's
// memory.
func (d *decoder) stringLit() string {
	if d.peek() != '"' {
		d.mismatch("a string")
		return ""
	}
	start := d.pos + 1
	var built []byte // once an escape is met
	from := start
	for i := start; i < len(d.src); {
		switch c := d.src[i]; {
		case c == '"':
			d.pos = i + 1
			if built == nil {
				return d.src[from:i]
			}
			return string(append(built, d.src[from:i]...))
		case c == '\\':
			r, n := d.escape(i)
			if d.err != nil {
				return ""
			}
			built = utf8.AppendRune(append(built, d.src[from:i]...), r)
			i += n
			from = i
		case c < 0x20:
			d.fail(i, "control character 0x%02x in a string", c)
			return ""
		case c < utf8.RuneSelf:
			i++
		default:
			_, n := utf8.DecodeRuneInString(d.src[i:])
			if n == 1 {
				d.badRune(i)
				return ""
			}
			i += n
		}
	}
	d.cutShort()
	return ""
}

func (d *decoder) badRune(at int) {
	if !utf8.FullRuneInString(d.src[at:]) {
		d.cutShort()
		return
	}
	d.fail(at, "byte 0x%02x in a string is not valid UTF-8", d.src[at])
}

// escape reads the escape sequence at offset i and says how long it is.
func (d *decoder) escape(i int) (r rune, n int) {
	if i+1 >= len(d.src) {
		d.cutShort()
		return 0, 0
	}
	switch c := d.src[i+1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return d.unicodeEscape(i)
	}
	d.fail(i, "an unknown escape sequence in a string")
	return 0, 0
}

func (d *decoder) unicodeEscape(i int) (r rune, n int) {
	r = d.hex4(i)
	switch {
	case d.err != nil:
	case r == 0:
		d.fail(i, "a NUL byte (\\u0000) in a string")
	case utf16.IsSurrogate(r):
		low := rune(-1)
		if strings.HasPrefix(d.src[i+6:], `\u`) {
			low = d.hex4(i + 6)
		} else if strings.HasPrefix(`\u`, d.src[i+6:]) {
			d.cutShort()
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			d.fail(i, "half of a surrogate pair in a string")
		}
		return r, 12
	}
	return r, 6
}

func (d *decoder) hex4(i int) rune {
	i += 2
	var r rune
	for j := i; j < i+4; j++ {
		if j >= len(d.src) {
			d.cutShort()
			return 0
		}
		c := d.src[j]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			d.fail(i-2, "a malformed \\u escape in a string")
			return 0
		}
		r = r<<4 | rune(c)
	}
	return r
}
