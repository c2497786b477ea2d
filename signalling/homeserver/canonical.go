package homeserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// encode is JSON without the escapes that HTML would need: they would change
// what was sent, and its size.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// canonical is JSON with sorted keys and no spaces. It is for comparing; what
// is stored stays as it was sent, but compact.
func canonical(document json.RawMessage) []byte {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return document
	}
	sorted, err := encode(value)
	if err != nil {
		return document
	}
	return sorted
}

// maxInteger is the largest integer of canonical JSON, 2^53-1.
const maxInteger = 1<<53 - 1

// checkCanonical refuses what canonical JSON cannot hold: fractions, exponents
// and integers beyond 53 bits (appendices, "Canonical JSON"; room version 6).
func checkCanonical(content json.RawMessage) *refusal {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil // the end; the syntax was checked before
		}
		if number, ok := token.(json.Number); ok {
			if err := checkInteger(number.String()); err != nil {
				return badJSON("%v", err)
			}
		}
	}
}

func checkInteger(number string) error {
	if strings.ContainsAny(number, ".eE") {
		return fmt.Errorf("%.40s is no integer, and events hold integers only", number)
	}
	if len(number) > 20 {
		return fmt.Errorf("%.40s… is beyond 2^53-1", number)
	}
	value, ok := new(big.Int).SetString(number, 10)
	if !ok || value.CmpAbs(big.NewInt(maxInteger)) > 0 {
		return fmt.Errorf("%s is beyond 2^53-1", number)
	}
	return nil
}

// compact removes white space, so that sizes and comparisons mean something.
func compact(document json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, document) != nil {
		return document
	}
	return b.Bytes()
}
