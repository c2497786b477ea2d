package stats

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestDocs_ListEveryField(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []any{Status{}, Party{}, Link{}, Calls{}, Upstream{}, Forwarding{}, ForwardSession{}, ForwardParty{}, ForwardTrack{}, ForwardShare{}, ForwardWay{}} {
		kind := reflect.TypeOf(of)
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/metrics.md does not say what %s.%s (`%s`) is", kind.Name(), kind.Field(i).Name, name)
			}
		}
	}
}
