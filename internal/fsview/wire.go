package fsview

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxLine bounds a line of a view: a container wrote it.
const maxLine = 1 << 20

// Escape makes any name printable, and one to one: what is not UTF-8 and what
// commands a terminal becomes \xNN, a backslash \\.
func Escape(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f && s[i] != '\\'
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == utf8.RuneError && n <= 1, r < ' ', r >= 0x7f && r < 0xa0:
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// Unescape is the inverse of Escape.
func Unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b.WriteByte(s[i])
		case strings.HasPrefix(s[i:], `\\`):
			b.WriteByte('\\')
			i++
		case strings.HasPrefix(s[i:], `\x`) && len(s) >= i+4:
			c, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if err != nil {
				return "", fmt.Errorf("%q: not an escape", s[i:i+4])
			}
			b.WriteByte(byte(c))
			i += 3
		default:
			return "", fmt.Errorf("%q: not an escape", s[i:])
		}
	}
	return b.String(), nil
}

// A Writer writes records, a line of JSON each.
type Writer struct {
	w   *bufio.Writer
	enc *json.Encoder
}

// NewWriter returns a Writer that writes lines to w.
func NewWriter(w io.Writer) *Writer {
	b := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return &Writer{b, enc}
}

// Write writes one record.
func (w *Writer) Write(r Record) error {
	r.Path = Escape(r.Path)
	for k, v := range r.Facts {
		if e := Escape(v); e != v {
			r.Facts[k] = e
		}
	}
	return w.enc.Encode(r)
}

// Flush writes what is buffered.
func (w *Writer) Flush() error { return w.w.Flush() }

// A Reader reads what a Writer wrote, and checks that it is a whole view in
// order.
type Reader struct {
	r    *bufio.Reader
	line int
	last Record
	long []byte
}

// NewReader returns a Reader of the view in r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10)}
}

// Header reads the header, which comes first.
func (r *Reader) Header() (Record, error) {
	rec, err := r.Next()
	switch {
	case err == io.EOF:
		return rec, errors.New("empty: it is no view")
	case err != nil:
		return rec, err
	case rec.Kind != KindView:
		return rec, fmt.Errorf("line 1: %q, where the header of a view must be", rec.Kind)
	case rec.Facts["version"] != Version:
		return rec, fmt.Errorf("line 1: a view of version %q, this nsboot reads version %s", rec.Facts["version"], Version)
	}
	return rec, nil
}

// Next returns the next record, or io.EOF after the end of a whole view.
func (r *Reader) Next() (Record, error) {
	text, err := r.readLine()
	if err == io.EOF {
		if r.line > 0 && r.last.Kind != KindEnd {
			return Record{}, fmt.Errorf("line %d: the view ends in the middle", r.line)
		}
		return Record{}, io.EOF
	}
	if err != nil {
		return Record{}, fmt.Errorf("line %d: %w", r.line, err)
	}
	rec, err := parse(text)
	if err != nil {
		return Record{}, fmt.Errorf("line %d: %w", r.line, err)
	}
	if r.line > 1 && Compare(&r.last, &rec) >= 0 {
		return Record{}, fmt.Errorf("line %d: %s %q after %s %q: a view is sorted", r.line, rec.Kind, Escape(rec.Path), r.last.Kind, Escape(r.last.Path))
	}
	r.last = rec
	return rec, nil
}

func (r *Reader) readLine() ([]byte, error) {
	r.long = r.long[:0]
	for {
		part, err := r.r.ReadSlice('\n')
		r.long = append(r.long, part...)
		switch {
		case len(r.long) > maxLine:
			r.line++
			return nil, fmt.Errorf("longer than %d bytes", maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && len(r.long) > 0, err == nil:
			r.line++
			return bytes.TrimSpace(r.long), nil
		}
		return nil, err
	}
}

func parse(text []byte) (rec Record, err error) {
	if err := json.Unmarshal(text, &rec); err != nil {
		return rec, fmt.Errorf("not a record: %w", err)
	}
	if rank(rec.Kind) < 0 {
		return rec, fmt.Errorf("a record of the unknown kind %q", rec.Kind)
	}
	if rec.Path, err = Unescape(rec.Path); err != nil {
		return rec, err
	}
	for k, v := range rec.Facts {
		if u, err := Unescape(v); err != nil {
			return rec, err
		} else if u != v {
			rec.Facts[k] = u
		}
	}
	return rec, nil
}
