package nsmount

import (
	"strconv"
	"strings"
)

// visible escapes what is not printable: a message is one line, and strings of
// config.json in it are not to move the reader's cursor.
func visible(s string) string {
	hidden := func(r rune) bool { return !strconv.IsPrint(r) }
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
