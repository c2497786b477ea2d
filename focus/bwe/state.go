package bwe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"strconv"
)

// A trace may begin in the middle of a call, and goes on in another file when one is
// full. So it begins with all that the estimator knows by then: its parts by the names
// of their fields, where a field that is 0 is left out. There are numbers, truths and
// arrays of them in an estimator and no pointers (TestState_IsWhole), so nothing else
// has to be said.

// outside are fields that nothing is decided by, or that a trace has otherwise.
var outside = map[string]bool{"config": true, "recorder": true, "trace": true}

// parts gives the fields of an estimator that its decisions depend on.
func (e *Estimator) parts(take func(name string, v reflect.Value)) {
	whole := reflect.ValueOf(e).Elem()
	for i := range whole.NumField() {
		if name := whole.Type().Field(i).Name; !outside[name] {
			take(name, open(whole.Field(i)))
		}
	}
}

// open makes a field that is written in small letters one that can be set.
func open(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

// appendState appends the members that say what an estimator knows: the state, its
// shape, by which another version is told, and a sum, as it is not to be changed.
func appendState(b []byte, e *Estimator) []byte {
	b = append(b, `,"state":`...)
	from := len(b)
	b = append(b, '{')
	e.parts(func(name string, v reflect.Value) { b = appendMember(b, name, v) })
	b = append(b, '}')
	sum := crc32.ChecksumIEEE(b[from:])
	b = appendInt(b, "shape", int64(shape()))
	return appendInt(b, "sum", int64(sum))
}

// appendMember appends a member unless it is 0.
func appendMember(b []byte, name string, v reflect.Value) []byte {
	if v.IsZero() {
		return b
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = strconv.AppendQuote(b, name)
	return appendValue(append(b, ':'), v)
}

func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Struct:
		b = append(b, '{')
		for i := range v.NumField() {
			b = appendMember(b, v.Type().Field(i).Name, v.Field(i))
		}
		return append(b, '}')
	case reflect.Array:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v.Index(i))
		}
		return append(b, ']')
	case reflect.Float64:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Uint8:
		return strconv.AppendUint(b, v.Uint(), 10)
	default:
		return strconv.AppendInt(b, v.Int(), 10)
	}
}

// shape tells one make of estimator from another: the sum of its fields' names and
// kinds.
func shape() uint32 {
	var text []byte
	var e Estimator
	e.parts(func(name string, v reflect.Value) { text = appendShape(text, name, v.Type()) })
	return crc32.ChecksumIEEE(text)
}

func appendShape(text []byte, name string, t reflect.Type) []byte {
	text = fmt.Appendf(text, "%s %v;", name, t.Kind())
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			text = appendShape(text, t.Field(i).Name, t.Field(i).Type)
		}
	case reflect.Array:
		text = appendShape(strconv.AppendInt(text, int64(t.Len()), 10), "", t.Elem())
	}
	return text
}

// errState is of a state that no Recorder has written.
var errState = errors.New("the state has been changed, or is not whole")

// restore has an estimator know what a state says. What this code has no place for is
// left out.
func (e *Estimator) restore(state []byte, sum int64) error {
	if int64(crc32.ChecksumIEEE(state)) != sum {
		return errState
	}
	d := json.NewDecoder(bytes.NewReader(state))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return errState
	}
	e.parts(func(name string, v reflect.Value) {
		v.SetZero()
		setValue(v, members[name])
	})
	return nil
}

// setValue gives a field its value, if it is of the field's kind.
func setValue(v reflect.Value, said any) {
	switch said := said.(type) {
	case map[string]any:
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				setValue(open(v.Field(i)), said[v.Type().Field(i).Name])
			}
		}
	case []any:
		if v.Kind() == reflect.Array && v.Len() == len(said) {
			for i := range said {
				setValue(v.Index(i), said[i])
			}
		}
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(said)
		}
	case json.Number:
		setNumber(v, string(said))
	}
}

func setNumber(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Float64:
		f, _ := strconv.ParseFloat(text, 64)
		v.SetFloat(f)
	case reflect.Uint8:
		n, _ := strconv.ParseUint(text, 10, 8)
		v.SetUint(n)
	case reflect.Int, reflect.Int8, reflect.Int64:
		n, _ := strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
	}
}
