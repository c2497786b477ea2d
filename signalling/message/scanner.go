package message

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner walks over a JSON text once and writes down its nodes. The first
// thing wrong stops it.
type scanner struct {
	text  string
	at    int
	nodes []node
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
	for s.at < len(s.text) {
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
	at := len(s.nodes)
	s.nodes = append(s.nodes, node{start: int32(s.at)})
	var is kind
	switch char := s.peek(); {
	case char == '"':
		is = kindText
		s.nodes[at].plain = s.quoted()
	case char == '{' || char == '[':
		is = s.container(char, depth+1)
	case char == '-' || char >= '0' && char <= '9':
		is = kindNumber
		s.number()
	default:
		is = s.word()
	}
	s.nodes[at].kind = is
	s.nodes[at].end = int32(s.at)
	s.nodes[at].next = int32(len(s.nodes))
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
		if is == kindObject {
			s.key()
		}
		s.value(depth)
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
		kind: kindText, plain: plain,
		start: int32(start), end: int32(s.at), next: int32(len(s.nodes) + 1),
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
	for s.at++; s.at < len(s.text); s.at++ {
		switch char := s.text[s.at]; {
		case char == '"':
			s.at++
			return plain && (ascii || utf8.ValidString(s.text[start:s.at-1]))
		case char == '\\':
			plain = false
			if s.escape(); s.wrong != "" {
				return false
			}
		case char < ' ':
			s.fail("a control character in a string")
			return false
		case char >= utf8.RuneSelf:
			ascii = false
		}
	}
	s.fail("the text ends in a string")
	return plain
}

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
		if strings.HasPrefix(s.text[s.at:], word.text) {
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
