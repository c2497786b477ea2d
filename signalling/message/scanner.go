package message

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// scanner walks over a JSON text once and writes down its nodes. The first
// thing wrong stops it.
type scanner struct {
	text  []byte
	at    int
	nodes []node
	root  *fields
	wrong string
}

func (s *scanner) fail(wrong string) {
	if s.wrong == "" {
		s.wrong = wrong + " at byte " + strconv.Itoa(s.at)
		s.at = len(s.text)
	}
}

// peek gives the byte ahead, 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.text) && s.text[s.at] <= ' ' {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// take steps over one byte if it is the one ahead.
func (s *scanner) take(char byte) bool {
	if s.peek() != char || s.at >= len(s.text) {
		return false
	}
	s.at++
	return true
}

// value reads any value and its node.
func (s *scanner) value(depth int) {
	s.space()
	n := node{start: int32(s.at), next: int32(len(s.nodes) + 1)}
	switch char := s.peek(); {
	case char == '"':
		n.kind, n.plain = kindText, s.quoted()
	case char == '{' || char == '[':
		at := len(s.nodes)
		s.nodes = append(s.nodes, n)
		n.kind = s.container(char, depth+1)
		n.end, n.next = int32(s.at), int32(len(s.nodes))
		s.nodes[at] = n
		return
	case char == '-' || char >= '0' && char <= '9':
		n.kind = kindNumber
		s.number()
	default:
		n.kind = s.word()
	}
	n.end = int32(s.at)
	s.nodes = append(s.nodes, n)
}

// container reads an object or a list.
func (s *scanner) container(open byte, depth int) kind {
	is, shut := kindList, byte(']')
	if open == '{' {
		is, shut = kindObject, '}'
	}
	if depth > maxDepth {
		s.fail("more than " + strconv.Itoa(maxDepth) + " levels")
		return is
	}
	s.at++
	s.space()
	if s.take(shut) {
		return is
	}
	for s.wrong == "" {
		name := len(s.nodes)
		if is == kindObject {
			s.key()
		}
		s.value(depth)
		if is == kindObject && s.wrong == "" {
			s.nodes[name].next = int32(len(s.nodes))
			if depth == 1 {
				s.root.add(s.nodes, s.text, int32(name))
			}
		}
		s.space()
		if s.take(shut) {
			return is
		}
		if !s.take(',') {
			s.fail("no comma and no end of " + is.String())
		}
	}
	return is
}

// key reads the name of a field and the colon.
func (s *scanner) key() {
	s.space()
	if s.peek() != '"' {
		s.fail("no name of a field")
		return
	}
	start := s.at
	plain := s.quoted()
	s.nodes = append(s.nodes, node{
		kind: kindText, plain: plain, last: s.text[max(s.at-2, start)],
		start: int32(start), end: int32(s.at),
	})
	s.space()
	if !s.take(':') {
		s.fail("no colon after the name of a field")
	}
}

// quoted reads a string and reports whether it needs no decoding.
func (s *scanner) quoted() (plain bool) {
	start := s.at + 1
	plain, ascii := true, true
	for s.at = start + simple(s.text[start:]); s.at < len(s.text); s.at += 1 + simple(s.text[s.at+1:]) {
		switch char := s.text[s.at]; {
		case char == '"':
			s.at++
			return plain && (ascii || utf8.Valid(s.text[start:s.at-1]))
		case char == '\\':
			plain = false
			if s.escape(); s.wrong != "" {
				return false
			}
		case char >= utf8.RuneSelf:
			ascii = false
		default:
			s.fail("a control character in a string")
			return false
		}
	}
	s.fail("the text ends in a string")
	return plain
}

// simple counts the bytes ahead that stand for themselves.
func simple(text []byte) int {
	for i, char := range text {
		if !plainly[char] {
			return i
		}
	}
	return len(text)
}

// plainly holds the bytes that stand for themselves in a string, but for those
// of characters beyond ASCII.
var plainly = func() (plain [256]bool) {
	for char := ' '; char < utf8.RuneSelf; char++ {
		plain[char] = char != '"' && char != '\\'
	}
	return plain
}()

// escape checks what follows a backslash and stops on its last byte.
func (s *scanner) escape() {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return
	case 'u':
		for range 4 {
			s.at++
			if !isHex(s.peek()) {
				s.fail("no hexadecimal digit in an escape")
				return
			}
		}
		return
	}
	s.fail("an unknown escape")
}

// number reads a number (RFC 8259 section 6).
func (s *scanner) number() {
	s.take('-')
	if !s.take('0') {
		s.digits()
	}
	if s.take('.') {
		s.digits()
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		s.digits()
	}
}

// digits reads one or more of them.
func (s *scanner) digits() {
	start := s.at
	for char := s.peek(); char >= '0' && char <= '9'; char = s.peek() {
		s.at++
	}
	if s.at == start {
		s.fail("no digit in a number")
	}
}

// word reads true, false or null.
func (s *scanner) word() kind {
	for _, word := range [...]struct {
		text string
		kind kind
	}{{"true", kindBool}, {"false", kindBool}, {"null", kindNull}} {
		if bytes.HasPrefix(s.text[s.at:], []byte(word.text)) {
			s.at += len(word.text)
			return word.kind
		}
	}
	s.fail("no value")
	return kindNull
}

func isHex(char byte) bool {
	return char >= '0' && char <= '9' || char >= 'a' && char <= 'f' || char >= 'A' && char <= 'F'
}
