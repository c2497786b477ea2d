package vector_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/membership/vector"
)

func TestVectors_AreAnsweredByCompute(t *testing.T) {
	for _, text := range list(t) {
		v, err := vector.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(v.Name, func(t *testing.T) {
			is := vector.AnswerOf(membership.Compute(v.Room.Facts()))
			if !reflect.DeepEqual(compact(t, is), compact(t, v.Answer)) {
				t.Errorf("the answer is\n%+v\nwant\n%+v", is, v.Answer)
			}
			if v.Room.About == "" || len(v.Room.Joined) == 0 {
				t.Errorf("a room without words or people: %+v", v.Room)
			}
		})
	}
}

func TestParse_NamesWhatIsNoVector(t *testing.T) {
	if _, err := vector.Parse([]byte(`{"name":"spoilt","next":"soon"}`)); err == nil || !strings.Contains(err.Error(), "spoilt") {
		t.Errorf("the error is %v", err)
	}
}

func TestAnswerOf_HasListsEvenIfTheyAreEmpty(t *testing.T) {
	is, err := json.Marshal(vector.AnswerOf(membership.Result{Sessions: []membership.Session{{Members: []membership.Member{{}}}, {}}}))
	if err != nil {
		t.Fatal(err)
	}
	if count := strings.Count(string(is), "[]"); count != 4 || strings.Count(string(is), "null") != 1 {
		t.Errorf("an answer reads %s, want four empty lists, and null for the transport alone", is)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range list(f) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := vector.Parse(text)
		if err != nil {
			return
		}
		if _, err := json.Marshal(vector.AnswerOf(membership.Compute(v.Room.Facts()))); err != nil {
			t.Errorf("the answer cannot be written: %v", err)
		}
	})
}

func list(t testing.TB) (all []json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(vector.JSON, &all); err != nil || len(all) == 0 {
		t.Fatalf("%d vectors: %v", len(all), err)
	}
	return all
}

// compact takes out how the JSON of transports is set.
func compact(t *testing.T, a vector.Answer) (plain any) {
	t.Helper()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}
