package conformance

import (
	"encoding/json"
	"strings"
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/membership/vector"
	"meshfocus/signalling/message"
)

func TestVectors_ArePassedByThisProgram(t *testing.T) {
	report, err := Vectors()
	if err != nil {
		t.Fatal(err)
	}
	if report.Count(Failed) > 0 || len(report.Results) < 15 {
		t.Errorf("%v", report)
	}
}

// Nothing that the vectors say of an answer is left uncompared.
func TestVectors_AreComparedInEveryField(t *testing.T) {
	var vectors []map[string]any
	if err := json.Unmarshal(vector.JSON, &vectors); err != nil {
		t.Fatal(err)
	}
	compared, err := plainAnswer(membership.Result{
		Sessions: []membership.Session{{Members: []membership.Member{{
			Feeds: []message.Feed{{}}, CanSubscribe: []string{""},
			Route: message.Route{Forwards: true, Via: message.Party{UserID: "@f:x", DeviceID: "F"}},
		}}}},
		Refusals: []membership.Refusal{{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		for _, key := range []string{"name", "needs", "room"} {
			delete(v, key)
		}
		if missing := uncompared("", v, compared); missing != "" {
			t.Errorf("%s is not compared", missing)
		}
	}
}

// uncompared names a field that stands in a vector and not in an answer.
func uncompared(path string, said, compared any) string {
	switch said := said.(type) {
	case map[string]any:
		fields, ok := compared.(map[string]any)
		for key, value := range said {
			if _, known := fields[key]; ok && !known {
				return path + "." + key
			}
			if missing := uncompared(path+"."+key, value, fields[key]); missing != "" {
				return missing
			}
		}
	case []any:
		if list, ok := compared.([]any); ok && len(list) > 0 {
			for _, value := range said {
				if missing := uncompared(path, value, list[0]); missing != "" {
					return missing
				}
			}
		}
	}
	return ""
}

// What is said wrongly in the vectors is found, so that nothing of them is
// passed over.
func TestVectors_FailWhereTheAnswerIsAnother(t *testing.T) {
	for _, change := range [][2]string{
		{`"session_id": "RcgdSoYIOT"`, `"session_id": "another"`},
		{`"mesh": true`, `"mesh": false`},
		{`"mesh": true`, `"mesh": true, "forwards": true`},
		{`"focus": "full_mesh"`, `"focus": "half_mesh"`},
		{`"next": 1`, `"next": 2`},
		{`"current": true`, `"current": false`},
		{`"feeds": [`, `"feeds": ["x",`},
	} {
		text := string(vector.JSON)
		// What stands in the facts stays: the answers come after them.
		at := strings.Index(text, `"sessions"`)
		changed := text[:at] + strings.Replace(text[at:], change[0], change[1], 1)
		if changed == text {
			t.Errorf("%s does not stand in the vectors", change[0])
			continue
		}
		if change[0] == `"feeds": [` {
			changed = strings.Replace(changed, `["x",]`, `["x"]`, 1)
		}
		report, err := runVectors([]byte(changed))
		if err != nil || report.Count(Failed) == 0 {
			t.Errorf("%s instead of %s is not noticed: %v", change[1], change[0], err)
		}
	}
	if _, err := runVectors([]byte(`{}`)); err == nil {
		t.Error("what is no list of vectors is taken")
	}
}
