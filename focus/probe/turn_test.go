package probe

import (
	"testing"
	"time"
)

func TestTURN_EchoesThroughEachTransport(t *testing.T) {
	t.Parallel()
	options, roots := certificate(t, time.Now().AddDate(0, 6, 0), "127.0.0.1")
	address := coturn(t, options...)
	for _, way := range []Transport{UDP, TCP, TLS} {
		f := (&Prober{Roots: roots}).TURN(t.Context(), address, good(), way)
		wants(t, f, Fine, " of 30 datagrams came back, loss ", "")
		if f.Check != "turn."+string(way) || f.Took == 0 {
			t.Errorf("%+v", f)
		}
	}
}
