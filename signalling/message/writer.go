package message

import (
	"encoding/json"
	"fmt"
)

const wantName = "1 to 255 bytes of UTF-8"

// writer collects the fields of a content and all that is wrong with them.
type writer struct {
	fields map[string]any
	faults Faults
}

func (w *writer) fault(key, wrong, want string) {
	w.faults = append(w.faults, Fault{Path: key, Wrong: wrong, Want: want, Essential: true})
}

// need writes a string that has to be there and to fit.
func (w *writer) need(key, text, want string, fits func(string) bool) {
	if !fits(text) {
		w.fault(key, quote(text), want)
	}
	w.fields[key] = text
}

// name writes an ID unless it is empty.
func (w *writer) name(key, text string) {
	if text != "" {
		w.need(key, text, wantName, isName)
	}
}

// finish gives the JSON of the content, or everything that is wrong with it.
// what names the content in an error.
func (w *writer) finish(what string) ([]byte, error) {
	if len(w.faults) > 0 {
		return nil, fmt.Errorf("encode %s: %w", what, w.faults)
	}
	content, err := json.Marshal(w.fields)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", what, err)
	}
	if len(content) > MaxEncoded {
		return nil, fmt.Errorf("encode %s: %w: %d bytes, want at most %d", what, ErrTooLarge, len(content), MaxEncoded)
	}
	return content, nil
}
