package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/membership/vector"
	"meshfocus/signalling/message"
)

// Vectors runs the recorded rooms of signalling/membership, and pairs of
// parties for the rule who calls, against this program. The error is about the
// vectors, not about what they show.
func Vectors() (Report, error) { return runVectors(vector.JSON) }

// runVectors runs vectors that are given as JSON.
func runVectors(text []byte) (Report, error) {
	report := Report{Suite: "vectors", Subject: "meshfocus"}
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return report, fmt.Errorf("vectors: %w", err)
	}
	for _, one := range raw {
		result, err := runVector(one)
		if err != nil {
			return report, err
		}
		report.Results = append(report.Results, result)
	}
	for _, pair := range orders {
		report.Results = append(report.Results, pair.run())
	}
	return report, nil
}

func runVector(text json.RawMessage) (Result, error) {
	v, err := vector.Parse(text)
	if err != nil {
		return Result{}, err
	}
	begun := time.Now()
	result := Result{
		ID: "room." + v.Name, Title: v.Room.About, Outcome: Passed,
		Rule: Rule{page, "Membership", "all readers see the same members in the same facts"},
	}
	want, err := plain(text)
	if err != nil {
		return Result{}, fmt.Errorf("vector %s: %w", v.Name, err)
	}
	got, err := plainAnswer(membership.Compute(v.Room.Facts()))
	if err != nil {
		return Result{}, fmt.Errorf("answer to vector %s: %w", v.Name, err)
	}
	if different := differ("", want, got); different != "" {
		result.Outcome, result.Detail = Failed, different
	}
	result.Took = time.Since(begun)
	return result, nil
}

// plainAnswer is an answer as a vector has it.
func plainAnswer(result membership.Result) (any, error) {
	text, err := json.Marshal(vector.AnswerOf(result))
	if err != nil {
		return nil, err
	}
	return plain(text)
}

// plain is a JSON text as maps, lists and values, so that what stands in it can
// be told from what does not.
func plain(text []byte) (value any, err error) {
	err = json.Unmarshal(text, &value)
	return value, err
}

// differ says where an answer differs from what was wanted, "" for nowhere. What
// a vector does not say is not compared.
func differ(path string, want, got any) string {
	switch got := got.(type) {
	case map[string]any:
		wanted, ok := want.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(wanted)) {
			answer, given := got[key]
			if path == "" && !given {
				continue // the room and its name are no part of an answer
			}
			if different := differ(path+"."+key, wanted[key], answer); different != "" {
				return different
			}
		}
		if ok {
			return ""
		}
	case []any:
		wanted, ok := want.([]any)
		if ok && len(wanted) == len(got) {
			for i := range got {
				if different := differ(fmt.Sprintf("%s[%d]", path, i), wanted[i], got[i]); different != "" {
					return different
				}
			}
			return ""
		}
	default:
		if reflect.DeepEqual(want, got) {
			return ""
		}
	}
	return fmt.Sprintf("%s is %v, want %v", path[min(1, len(path)):], got, want)
}

// order is a pair of parties of whom the first calls.
type order struct {
	name   string
	caller message.Party
	callee message.Party
}

// orders are pairs that a comparison other than by user, then device, in UTF-16
// code units, gets wrong.
var orders = []order{
	{"users", message.Party{UserID: "@a:hs", DeviceID: "Z"}, message.Party{UserID: "@b:hs", DeviceID: "A"}},
	{"devices", message.Party{UserID: "@a:hs", DeviceID: "A"}, message.Party{UserID: "@a:hs", DeviceID: "B"}},
	{"users_that_begin_alike", message.Party{UserID: "@a:hs", DeviceID: "D"}, message.Party{UserID: "@a:hs.org", DeviceID: "D"}},
	{"capitals_before_small", message.Party{UserID: "@a:hs", DeviceID: "Z"}, message.Party{UserID: "@a:hs", DeviceID: "a"}},
	{"numbers_as_text", message.Party{UserID: "@a:hs", DeviceID: "10"}, message.Party{UserID: "@a:hs", DeviceID: "9"}},
	{"utf_16_code_units", message.Party{UserID: "@a:hs", DeviceID: "\U0001F600"}, message.Party{UserID: "@a:hs", DeviceID: "\uFF5E"}},
}

func (o order) run() Result {
	result := Result{
		ID: "order." + o.name, Title: fmt.Sprintf("%s calls %s", o.caller, o.callee), Outcome: Passed,
		Rule: Rule{page, "Who calls", "parties are compared by user ID, then device ID, in UTF-16 code units"},
	}
	if !o.caller.Before(o.callee) || o.callee.Before(o.caller) {
		result.Outcome, result.Detail = Failed, "they are ordered the other way round"
	}
	return result
}
