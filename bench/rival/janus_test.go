package rival

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"meshfocus/bench/party"
	"meshfocus/focus/transport/srtp"
)

// fakeJanus has sessions and handles, refuses every publisher, and tells with which
// description each came.
func fakeJanus(t *testing.T) (at string, descriptions <-chan janusDescription) {
	t.Helper()
	told := make(chan janusDescription, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{"janus-protocol"}}
		socket, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer socket.Close()
		for {
			var request janusMessage
			if socket.ReadJSON(&request) != nil {
				return // it was closed
			}
			reply := janusMessage{Janus: "success", Transaction: request.Transaction}
			reply.Data.ID = 7
			if request.JSEP != nil {
				told <- *request.JSEP
				reply.Janus, reply.Plugin.Data.Error = "event", "nobody publishes here"
			}
			if socket.WriteJSON(reply) != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http"), told
}

// TestJanus_SaysInWhichOrderLayersStand, which is the smallest first: it takes the first for the largest where nothing
// is said, and who asks it for the smallest has the largest then.
func TestJanus_SaysInWhichOrderLayersStand(t *testing.T) {
	t.Parallel()
	at, descriptions := fakeJanus(t)
	server, err := sit(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer server.socket.Close()
	load, err := party.New(party.Config{
		Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Profile: srtp.AES128GCM, Faithful: true, Layers: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer load.Close()
	ann, err := load.Publisher("ann")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Publish(t.Context(), ann); !errors.Is(err, ErrRefused) {
		t.Errorf("refused, it says %v", err)
	}
	said := <-descriptions
	var order string
	for line := range strings.Lines(said.SDP) {
		if rid, ok := strings.CutPrefix(line, "a=rid:"); ok {
			order += rid[:1]
		}
	}
	if said.Type != "offer" || said.RIDOrder != "lmh" || order != "qhf" {
		t.Errorf("of an %s with layers %q it says that they are in order %q", said.Type, order, said.RIDOrder)
	}
}
