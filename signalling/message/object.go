package message

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// maxName bounds IDs of every kind, as the Matrix specification does.
const maxName = 255

// maxSafe is the greatest whole number that every JavaScript peer can hold.
const maxSafe = 1<<53 - 1

// object reads the fields of one JSON object. What is wrong is noted in the
// document under the field's path. A field that is null counts as absent.
type object struct {
	doc *document
	at  int32
}

// parseObject reads a content, which is an object at its root.
func parseObject(content []byte) (object, error) {
	doc, err := parseDocument(content)
	if err != nil {
		return object{}, err
	}
	if is := doc.nodes[0].kind; is != kindObject {
		doc.release()
		return object{}, Faults{{Wrong: is.String(), Want: "an object", Essential: true}}
	}
	return object{doc: doc}, nil
}

// find gives the node of a field, or 0 when it is absent or null.
func (o object) find(key string) int32 {
	at := o.doc.lookup(o.at, key)
	if at != 0 && o.doc.nodes[at].kind == kindNull {
		return 0
	}
	return at
}

// findKind gives the node of a field if it is of the kind, else 0 and no fault.
func (o object) findKind(key string, is kind) int32 {
	at := o.find(key)
	if at != 0 && o.doc.nodes[at].kind != is {
		return 0
	}
	return at
}

// fault notes what is wrong with a field, whether it is there or not.
func (o object) fault(key, wrong, want string, essential bool) {
	o.doc.note(o.at, key, Fault{Wrong: wrong, Want: want, Essential: essential})
}

// wrongKind describes what stands in a field instead of what was wanted.
func (o object) wrongKind(at int32) string {
	if at == 0 {
		return "missing"
	}
	return o.doc.nodes[at].kind.String()
}

// need reads a string without which the content is of no use.
func (o object) need(key, want string, fits func(string) bool) string {
	return o.needAt(o.find(key), key, want, fits)
}

// needAt is need for a field that was found, or not.
func (o object) needAt(at int32, key, want string, fits func(string) bool) string {
	if at == 0 || o.doc.nodes[at].kind != kindText {
		o.fault(key, o.wrongKind(at), want, true)
		return ""
	}
	text := o.doc.string(at)
	if !fits(text) {
		o.fault(key, quote(text), want, true)
	}
	return text
}

// name reads an ID that may be absent, in which case it is empty.
func (o object) name(key string) string { return o.nameAt(o.find(key), key) }

// nameAt is name for a field that was found, or not.
func (o object) nameAt(at int32, key string) string {
	const want = "a string of at most 255 bytes"
	if at == 0 {
		return ""
	}
	if o.doc.nodes[at].kind != kindText {
		o.fault(key, o.wrongKind(at), want, false)
		return ""
	}
	text := o.doc.string(at)
	if len(text) > maxName {
		o.fault(key, quote(text), want, false)
		return ""
	}
	return text
}

// flag reads a boolean; absent or of another kind is false.
func (o object) flag(key string) bool {
	at := o.findKind(key, kindBool)
	return at != 0 && o.doc.truthy(at)
}

// integer reads a whole number between the bounds. It gives false when the
// field is absent, and also, after noting it, when it is something else.
func (o object) integer(key string, least, most int64, want string) (int64, bool) {
	at := o.find(key)
	if at == 0 {
		return 0, false
	}
	number, ok := o.doc.integer(at)
	if !ok || number < least || number > most {
		o.fault(key, quote(o.doc.raw(at)), want, false)
		return 0, false
	}
	return number, true
}

// time reads milliseconds, of an instant or a duration, without their
// fraction. It gives false when the field is absent; another kind of value
// there is essential, as it is to js-sdk.
func (o object) time(key string) (int64, bool) {
	const want = "a number of milliseconds"
	at := o.find(key)
	if at == 0 {
		return 0, false
	}
	if number, ok := digits(o.doc.cut(at)); ok {
		return number, true
	}
	number, err := strconv.ParseFloat(o.doc.raw(at), 64)
	if o.doc.nodes[at].kind != kindNumber || err != nil || math.Abs(number) > maxSafe {
		o.fault(key, quote(o.doc.raw(at)), want, true)
		return 0, false
	}
	return int64(number), true
}

// digits reads a number of few digits and nothing else, as times are written.
func digits(text []byte) (number int64, ok bool) {
	if len(text) > 15 { // no more than maxSafe
		return 0, false
	}
	for _, char := range text {
		if char < '0' || char > '9' {
			return 0, false
		}
		number = 10*number + int64(char-'0')
	}
	return number, len(text) > 0
}

// instant reads a timestamp that has to be there.
func (o object) instant(key string) time.Time {
	millis, ok := o.time(key)
	if !ok && o.find(key) == 0 {
		o.fault(key, "missing", "a timestamp in milliseconds", true)
	}
	return time.UnixMilli(millis).UTC()
}

// integer is the value of a number without a fraction, however written.
func (d *document) integer(at int32) (int64, bool) {
	if d.nodes[at].kind != kindNumber {
		return 0, false
	}
	raw := d.raw(at)
	if number, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return number, true
	}
	number, err := strconv.ParseFloat(raw, 64)
	if err != nil || number != math.Trunc(number) || math.Abs(number) > maxSafe {
		return 0, false
	}
	return int64(number), true
}

// lifetime reads a duration in milliseconds. What is absent or wrong reads as
// the usual one; what exceeds the bound reads as the bound.
func (o object) lifetime(key string, usual, bound time.Duration) time.Duration {
	millis, ok := o.integer(key, 1, math.MaxInt64, "a whole number of milliseconds from 1")
	if !ok {
		return usual
	}
	return time.Duration(min(millis, bound.Milliseconds())) * time.Millisecond
}

// child reads a field that is an object. It gives false when there is none.
func (o object) child(key string) (object, bool) {
	at := o.findKind(key, kindObject)
	return object{doc: o.doc, at: at}, at != 0
}

// entries calls each for every entry of a list.
func (d *document) entries(list int32, each func(at int32)) {
	for at := list + 1; at < d.nodes[list].next; at = d.nodes[at].next {
		each(at)
	}
}

// quote shortens a text of a peer for a fault.
func quote(text string) string {
	const most = 40
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "…"
	}
	return strconv.Quote(text)
}
