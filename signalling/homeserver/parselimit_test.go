package homeserver

import "testing"

func TestParseLimit_ReadsClassesAndEndpoints(t *testing.T) {
	for text, want := range map[string]struct {
		class Class
		limit Limit
	}{
		"login=0.5/20":                         {ClassLogin, Limit{0.5, 20}},
		"PUT /sendToDevice/{type}/{txn}=10/50": {"PUT /sendToDevice/{type}/{txn}", Limit{10, 50}},
	} {
		if class, limit, err := ParseLimit(text); err != nil || class != want.class || limit != want.limit {
			t.Errorf("%q reads as %q %v, %v", text, class, limit, err)
		}
	}
	for _, text := range []string{"", "login", "login=1", "login=1/", "login=0/5", "login=-1/5", "login=NaN/5", "login=Inf/5", "login=1/0", "nonsense=1/5", "put /x=1/5"} {
		if class, limit, err := ParseLimit(text); err == nil {
			t.Errorf("%q reads as %q %v", text, class, limit)
		}
	}
}
