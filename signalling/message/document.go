package message

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// maxFaults bounds how many faults of one content are told, so that a hostile
// one costs no more to refuse than a good one to read.
const maxFaults = 64

// maxDepth bounds the nesting of a content. Known contents need 7.
const maxDepth = 64

// document is a JSON text that was checked once (RFC 8259) and indexed, so
// that fields can be looked up, and entries cut out byte by byte as their
// writer wrote them. Keys are compared exactly, as JavaScript peers do;
// encoding/json would take "Call_ID" for "call_id".
//
// A document also collects the faults found while it is read.
type document struct {
	text   []byte // as it was given, and not to be changed
	nodes  []node
	root   fields
	faults Faults
	noted  int // faults so far, those taken away again included
}

// node is one value of a document. The nodes of an object are its keys and
// values in turn, those of a list its entries; both follow their parent.
type node struct {
	kind  kind
	plain bool  // a string that stands in the text as it is meant
	last  byte  // the last byte of a key; of an empty one its quote
	start int32 // span in the text, quotes included
	end   int32
	next  int32 // index of the node after this value and all within it; of a key, after its value
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
	d := spare.Get().(*document)
	d.text = content
	d.root = fields{}
	s := scanner{text: d.text, nodes: d.nodes, root: &d.root}
	s.value(0)
	s.space()
	if s.wrong == "" && s.at < len(s.text) {
		s.fail("something after the end of the JSON text")
	}
	d.nodes = s.nodes
	if s.wrong != "" {
		d.release()
		return nil, Faults{{Wrong: s.wrong, Want: "a JSON text", Essential: true}}
	}
	return d, nil
}

// spare lends the memory of documents and of their nodes.
var spare = sync.Pool{New: func() any { return new(document) }}

// release gives that memory back. Texts that were taken stay good.
func (d *document) release() {
	d.text, d.nodes, d.faults, d.noted = nil, d.nodes[:0], nil, 0
	spare.Put(d)
}

// cut gives a node as it was written. It shares the memory of the text.
func (d *document) cut(at int32) json.RawMessage {
	n := d.nodes[at]
	return json.RawMessage(d.text[n.start:n.end:n.end])
}

// raw is the text of a node as it was written.
func (d *document) raw(at int32) string { return string(d.cut(at)) }

// string is the meaning of a string node. What is no Unicode becomes U+FFFD.
func (d *document) string(at int32) string {
	n := d.nodes[at]
	if n.plain {
		return word(d.text[n.start+1 : n.end-1])
	}
	var text string
	if json.Unmarshal(d.cut(at), &text) != nil {
		return "" // cannot happen: the scanner has checked the string
	}
	return text
}

// word gives a text; those that stand in most contents need no memory.
func word(text []byte) string {
	switch string(text) {
	case ApplicationCall:
		return ApplicationCall
	case SlotRoom:
		return SlotRoom
	case FocusFullMesh:
		return FocusFullMesh
	case "livekit":
		return "livekit"
	case "m.room":
		return "m.room"
	case "video":
		return "video"
	}
	return string(text)
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
	if object == 0 && !d.root.odd {
		if at := *place(&d.root, d.nodes, d.text, key); at != 0 {
			return at + 1
		}
		return 0
	}
	nodes, last := d.nodes, byte('"')
	if key != "" {
		last = key[len(key)-1]
	}
	found, end, span := int32(0), nodes[object].next, int32(len(key)+2)
	for at := object + 1; at < end; {
		n := &nodes[at]
		if (!n.plain || n.end-n.start == span && n.last == last) && d.is(at, key) {
			found = at + 1
		}
		if nodes[at+1].kind < kindList {
			at += 2 // the most by far, and a processor can guess it
		} else {
			at = n.next
		}
	}
	return found
}

// is reports whether a string node means the text.
func (d *document) is(at int32, text string) bool {
	if n := &d.nodes[at]; n.plain {
		return string(d.text[n.start+1:n.end-1]) == text
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
