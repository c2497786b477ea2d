package jsep

import (
	"strconv"
	"strings"
)

// origin says which description one is: of which session of its writer, and
// how many came before it (RFC 8866 section 5.2). The zero origin says nothing.
type origin struct {
	session string
	version uint64
}

func readOrigin(text string) origin {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "m=") {
			break
		}
		value, is := strings.CutPrefix(line, "o=")
		fields := strings.Fields(value)
		if !is || len(fields) != 6 {
			continue
		}
		if version, err := strconv.ParseUint(fields[2], 10, 64); err == nil {
			return origin{fields[1], version}
		}
	}
	return origin{}
}

// Stale reports whether a description was written before the one that was taken
// last: versions grow with each (RFC 3264 section 8). Whoever wrote it has gone
// back from it since, or answers what we have gone back from (RFC 9429 section
// 4.1.10.2), and what it says of m-lines is not so any more.
func (s Session) Stale(d Description) bool {
	return d.origin.session == s.origin.session && d.origin.version < s.origin.version
}
