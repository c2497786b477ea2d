package message

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxFaults bounds how many faults of one content are told, so that a hostile
// one costs no more to refuse than a good one to read.
const maxFaults = 64

// maxDepth bounds the nesting of a content. Known contents need 7.
const maxDepth = 64

// document is a JSON text that was checked once (RFC 8259) and indexed, so
// that fields can be looked up, strings taken without copying, and entries cut
// out byte by byte as their writer wrote them. Keys are compared exactly, as
// JavaScript peers do; encoding/json would take "Call_ID" for "call_id".
//
// A document also collects the faults found while it is read.
type document struct {
	text   string
	nodes  []node
	index  *[]node // where the nodes go back to
	faults Faults
	noted  int // faults so far, those taken away again included
}

// node is one value of a document. The nodes of an object are its keys and
// values in turn, those of a list its entries; both follow their parent.
type node struct {
	kind  kind
	plain bool  // a string that stands in the text as it is meant
	start int32 // span in the text, quotes included
	end   int32
	next  int32 // index of the node after this value and all within it
}

// kind is what a JSON value is.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindText
	kindList
	kindObject
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// parseDocument checks and indexes a content.
func parseDocument(content []byte) (*document, error) {
	if len(content) > MaxContent {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", ErrTooLarge, len(content), MaxContent)
	}
	index := indices.Get().(*[]node)
	s := scanner{text: string(content), nodes: (*index)[:0]}
	s.value(0)
	s.space()
	if s.wrong == "" && s.at < len(s.text) {
		s.fail("something after the end of the JSON text")
	}
	if s.wrong != "" {
		return nil, Faults{{Wrong: s.wrong, Want: "a JSON text", Essential: true}}
	}
	*index = s.nodes
	return &document{text: s.text, nodes: s.nodes, index: index}, nil
}

// indices lends documents the memory of their nodes.
var indices = sync.Pool{New: func() any { return new([]node) }}

// release gives that memory back. Texts that were taken stay good.
func (d *document) release() {
	indices.Put(d.index)
	d.nodes = nil
}

// raw is the text of a node as it was written.
func (d *document) raw(at int32) string {
	return d.text[d.nodes[at].start:d.nodes[at].end]
}

// string is the meaning of a string node. What is no Unicode becomes U+FFFD.
func (d *document) string(at int32) string {
	n := d.nodes[at]
	if n.plain {
		return d.text[n.start+1 : n.end-1]
	}
	var text string
	if json.Unmarshal([]byte(d.raw(at)), &text) != nil {
		return "" // cannot happen: the scanner has checked the string
	}
	return text
}

// truthy is JavaScript's idea of a value that counts as true.
func (d *document) truthy(at int32) bool {
	switch n := d.nodes[at]; n.kind {
	case kindNull:
		return false
	case kindBool:
		return d.text[n.start] == 't'
	case kindNumber:
		number, err := strconv.ParseFloat(d.raw(at), 64)
		return err != nil || number != 0
	case kindText:
		return n.end-n.start > 2
	}
	return true
}

// lookup finds a field of an object; of two with one name the last counts, as
// in JavaScript. It gives 0, the root, when there is none.
func (d *document) lookup(object int32, key string) int32 {
	found := int32(0)
	for at := object + 1; at < d.nodes[object].next; at = d.nodes[at+1].next {
		if d.is(at, key) {
			found = at + 1
		}
	}
	return found
}

// is reports whether a string node means the text.
func (d *document) is(at int32, text string) bool {
	if n := &d.nodes[at]; n.plain {
		return d.text[n.start+1:n.end-1] == text
	}
	return d.string(at) == text
}

// note writes down a fault of a value or, with a key, of a field of it.
func (d *document) note(at int32, key string, fault Fault) {
	if d.noted++; d.noted > maxFaults {
		if fault.Essential {
			d.faults = append(d.faults, Fault{Wrong: "more faults than are told", Want: fault.Want, Essential: true})
		}
		return
	}
	fault.Path = d.path(at)
	if fault.Path != "" && key != "" {
		fault.Path += "."
	}
	fault.Path += key
	d.faults = append(d.faults, fault)
}

// path names a node from the root on, for a Fault.
func (d *document) path(target int32) string {
	var path strings.Builder
	for at := int32(0); at != target; {
		child, index := at+1, 0
		if d.nodes[at].kind == kindObject {
			for child++; d.nodes[child].next <= target; {
				child = d.nodes[child].next + 1
			}
			if path.Len() > 0 {
				path.WriteByte('.')
			}
			path.WriteString(d.string(child - 1))
		} else {
			for ; d.nodes[child].next <= target; index++ {
				child = d.nodes[child].next
			}
			fmt.Fprintf(&path, "[%d]", index)
		}
		at = child
	}
	return path.String()
}

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
