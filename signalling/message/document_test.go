package message

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// documents are texts on both sides of RFC 8259.
var documents = []string{
	`{}`, `[]`, `""`, `0`, `-0.5e+3`, `true`, `null`, ` { "a" : [ 1 , { "b" : "c" } ] } `,
	`{"a":1,"a":2}`, `{"":0,"ab":1,"":2,"a\u0062":3}`, `"\u00e9\ud83d\ude00\ud800"`, "\"\xff\"", `"\/\b\f\n\r\t\"\\"`,
	``, `{`, `[1,]`, `{"a"}`, `{"a":}`, `{a:1}`, `01`, `1.`, `.5`, `+1`, `1e`, `-`, `tru`, `nul`,
	`"`, `"\`, `"\u12`, `"\x"`, "\"\n\"", `{}{}`, `[1 2]`, `{"a":1 "b":2}`, "\x00", "{\"\x00", `{"a":"\`,
	strings.Repeat("[", 63) + strings.Repeat("]", 63),
}

func TestParseDocument_TakesExactlyWhatIsJSON(t *testing.T) {
	for _, text := range documents {
		checkDocument(t, []byte(text))
	}
}

func TestParseDocument_RefusesDeepNesting(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	if _, err := parseDocument([]byte(deep)); err == nil {
		t.Error("a text of more levels than allowed was taken")
	}
}

func FuzzDocument(f *testing.F) {
	for _, text := range documents {
		f.Add([]byte(text))
	}
	f.Fuzz(checkDocument)
}

// checkDocument holds the index against encoding/json: both take the same
// texts and read the same values.
func checkDocument(t *testing.T, content []byte) {
	if len(content) > MaxContent || bytes.Count(content, []byte("["))+bytes.Count(content, []byte("{")) > maxDepth {
		return
	}
	d, err := parseDocument(content)
	if valid := json.Valid(content); (err == nil) != valid {
		t.Fatalf("%q: valid is %v, but the index says %v", content, valid, err)
	}
	if err != nil {
		return
	}
	var want any
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	if err := decoder.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if is := d.decode(0); !reflect.DeepEqual(is, want) {
		t.Errorf("%q reads as %#v, want %#v", content, is, want)
	}
}

// decode turns a node into what encoding/json makes of it.
func (d *document) decode(at int32) any {
	d.path(at) // has an end for every value
	switch d.nodes[at].kind {
	case kindBool:
		return d.truthy(at)
	case kindNumber:
		return json.Number(d.raw(at))
	case kindText:
		return d.string(at)
	case kindList:
		list := []any{}
		d.entries(at, func(at int32) { list = append(list, d.decode(at)) })
		return list
	case kindObject:
		fields := map[string]any{}
		for name := at + 1; name < d.nodes[at].next; name = d.nodes[name+1].next {
			fields[d.string(name)] = d.decode(d.lookup(at, d.string(name)))
		}
		return fields
	}
	return nil
}

func TestPath_NamesFieldsAndEntries(t *testing.T) {
	d, err := parseDocument([]byte(`{"x":0,"m.calls":[{},{"m.devices":[1,2,{"feeds":true}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	calls := d.lookup(0, "m.calls")
	devices := d.lookup(d.nodes[calls+1].next, "m.devices")
	feeds := d.lookup(devices+3, "feeds")
	if is, want := d.path(feeds), "m.calls[1].m.devices[2].feeds"; is != want {
		t.Errorf("path %s, want %s", is, want)
	}
}
