package jsep

import (
	"fmt"
	"strings"
)

// maxLength bounds a description of the other side. Ten times what a browser
// writes for a screen share; a Matrix event cannot be longer either.
const maxLength = 64 << 10

// maxSections bounds its m-lines. A browser that shares its screen a hundred
// times within a call uses the same one again and again.
const maxSections = 128

// attribute is the value of an a= line, "" for flags.
type attribute struct{ key, value string }

// attributes are those of a section or of the session, in their order.
type attributes []attribute

// first gives the first value of a key.
func (a attributes) first(key string) (string, bool) {
	for _, each := range a {
		if each.key == key {
			return each.value, true
		}
	}
	return "", false
}

// has reports whether a key is there.
func (a attributes) has(key string) bool {
	_, ok := a.first(key)
	return ok
}

// mline is what stands on an m-line (RFC 8866 section 5.14).
type mline struct{ media, port, proto, formats string }

// part is an m-section as lines.
type part struct {
	line       mline
	attributes attributes
}

// split takes a description apart: the attributes of the session, and the
// m-sections. Lines of other types say nothing about us and are passed over,
// whatever they are; order and line ends do not matter either.
func split(text string) (attributes, []part, error) {
	if len(text) > maxLength {
		return nil, nil, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrDescription, len(text), maxLength)
	}
	if !strings.HasPrefix(text, "v=0") {
		return nil, nil, fmt.Errorf("%w: it does not begin with v=0", ErrDescription)
	}
	var session attributes
	var parts []part
	current := &session
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r")
		if value, ok := strings.CutPrefix(line, "m="); ok {
			fields := strings.Fields(value)
			if len(parts) == maxSections {
				return nil, nil, fmt.Errorf("%w: more than %d m-lines", ErrDescription, maxSections)
			}
			if len(fields) < 3 {
				return nil, nil, fmt.Errorf("%w: m-line %d has %d fields, not media, port, protocol and formats", ErrDescription, len(parts), len(fields))
			}
			parts = append(parts, part{line: mline{fields[0], fields[1], fields[2], strings.Join(fields[3:], " ")}})
			current = &parts[len(parts)-1].attributes
			continue
		}
		if value, ok := strings.CutPrefix(line, "a="); ok {
			key, value, _ := strings.Cut(value, ":")
			*current = append(*current, attribute{strings.TrimSpace(key), strings.TrimSpace(value)})
		}
	}
	if len(parts) == 0 {
		return nil, nil, fmt.Errorf("%w: no m-line", ErrDescription)
	}
	return session, parts, nil
}

// isToken reports whether text is a token (RFC 8866 section 9) of a length
// that can be written into lines of ours.
func isToken(text string, longest int) bool {
	if text == "" || len(text) > longest {
		return false
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]`, c) >= 0 {
			return false
		}
	}
	return true
}
