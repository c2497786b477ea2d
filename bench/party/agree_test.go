package party

import (
	"errors"
	"testing"

	"meshfocus/focus/transport/link"
)

// TestEnd_OutlivesSilence: a connection from which nothing came for a while is one all
// the same; one that has failed is none, whoever asks and however often.
func TestEnd_OutlivesSilence(t *testing.T) {
	t.Parallel()
	e := &End{ready: make(chan struct{}), failed: make(chan error, 1)}
	for _, state := range []link.State{link.StateConnected, link.StateDisconnected, link.StateConnected, link.StateDisconnected} {
		e.changed(link.StateChanged{State: state})
		if err := e.Connected(t.Context()); err != nil {
			t.Fatalf("%s: %v", state, err)
		}
	}
	e.changed(link.StateChanged{State: link.StateFailed, Err: errors.New("no consent")})
	for range 20 {
		if err := e.Connected(t.Context()); !errors.Is(err, ErrConnect) {
			t.Fatalf("after it has failed: %v", err)
		}
	}
}
