package foreign

import (
	"fmt"
	"testing"
)

// Ask does any other request of the client-server API, below /_matrix/client/v3.
func (h Home) Ask(t testing.TB, who Account, method, path string, body any) (answer map[string]any) {
	t.Helper()
	err := h.ask(method, path, who.Token, body, &answer)
	if err == nil && answer["errcode"] != nil {
		err = fmt.Errorf("%s: %s", answer["errcode"], answer["error"])
	}
	if err != nil {
		t.Fatalf("%s %s as %s: %v", method, path, who.UserID, err)
	}
	return answer
}
